import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oci_spec.digest import Digest
from oci_spec.errors import InvalidConfig, InvalidJSON, SpecError
from oci_spec.image_config import parse_image_config

LAYER = str(Digest.of(b"layer"))
LEAST: dict[str, object] = {
    "architecture": "amd64",
    "os": "linux",
    "rootfs": {"type": "layers", "diff_ids": [LAYER]},
}
WHOLE = {
    **LEAST,
    "variant": "v2",
    "os.version": "1",
    "os.features": ["f"],
    "created": "2024-02-29T12:00:00.123456789Z",
    "author": "Ann",
    "docker_version": "27.0",
    "container_config": {"Cmd": None, "cmd": "free"},
    "history": [
        {"created": "2024-02-29T12:00:00+01:00", "created_by": "ADD file", "comment": "c", "author": "Ann"},
        {"created_by": "CMD", "empty_layer": True, "unknown": 1},
    ],
    "config": {
        "User": "1000:1000",
        "ExposedPorts": {"80/tcp": {}, "53/udp": None},
        "Env": ["PATH=/bin", "EMPTY=", "A=b=c", "BARE"],
        "Entrypoint": [],
        "Cmd": ["sh", "-c", "true"],
        "Volumes": {"/data": {}, "/DATA": {}},
        "WorkingDir": "/srv",
        "Labels": {"Env": "x", "env": "y"},
        "StopSignal": "SIGINT",
        "StopTimeout": 3,
        "ArgsEscaped": True,
        "Healthcheck": {
            "Test": ["CMD-SHELL", "true"],
            "Interval": 30_000_000_000,
            "Timeout": 1,
            "StartPeriod": 2,
            "StartInterval": 3,
            "Retries": 4,
        },
        "OnBuild": ["RUN true"],
        "Shell": ["/bin/bash", "-c"],
        "Hostname": "unknown to us",
    },
}
ABSENT = object()


def changed(path: str, value: object) -> bytes:
    document = json.loads(json.dumps(WHOLE))
    *outer, name = path.split("/")
    inner = document
    for step in outer:
        inner = inner[int(step)] if isinstance(inner, list) else inner[step]
    if value is ABSENT:
        del inner[name]
    else:
        inner[name] = value
    return json.dumps(document).encode()


def test_a_config_is_read_into_values_beside_its_exact_bytes() -> None:
    raw = json.dumps(WHOLE, indent=3).encode()
    image = parse_image_config(raw)
    assert image.raw == raw
    assert (image.architecture, image.os, image.variant) == ("amd64", "linux", "v2")
    assert (image.platform.os_version, image.platform.os_features) == ("1", ("f",))
    assert image.created == "2024-02-29T12:00:00.123456789Z"
    assert image.author == "Ann"
    assert image.diff_ids == (Digest.parse(LAYER),)
    assert repr(image) == f"ImageConfig(linux/amd64/v2, 1 layers, {len(raw)} bytes)".replace("linux", "linux(1)")

    first, second = image.history
    assert (first.created, first.created_by, first.comment, first.author, first.empty_layer) == (
        "2024-02-29T12:00:00+01:00",
        "ADD file",
        "c",
        "Ann",
        False,
    )
    assert (second.created, second.created_by, second.empty_layer) == (None, "CMD", True)

    config = image.config
    assert config.user == "1000:1000"
    assert config.exposed_ports == ("80/tcp", "53/udp")
    assert config.env == ("PATH=/bin", "EMPTY=", "A=b=c", "BARE")
    assert config.entrypoint == ()
    assert config.cmd == ("sh", "-c", "true")
    assert config.volumes == ("/data", "/DATA")
    assert config.working_dir == "/srv"
    assert config.labels == {"Env": "x", "env": "y"}
    assert config.stop_signal == "SIGINT"
    assert config.stop_timeout == 3
    assert config.args_escaped is True
    assert config.on_build == ("RUN true",)
    assert config.shell == ("/bin/bash", "-c")
    check = config.healthcheck
    assert check is not None
    assert (check.test, check.interval, check.timeout, check.start_period, check.start_interval, check.retries) == (
        ("CMD-SHELL", "true"),
        30_000_000_000,
        1,
        2,
        3,
        4,
    )


def test_the_least_config_has_empty_defaults_and_absent_is_not_empty() -> None:
    nulls = dict.fromkeys(["config", "history", "created", "author"])
    extras: list[dict[str, object]] = [{}, {"config": {}}, {**nulls}]
    for extra in extras:
        image = parse_image_config(json.dumps({**LEAST, **extra}).encode())
        assert (image.created, image.author, image.history, image.variant) == (None, "", (), "")
        assert (image.config.entrypoint, image.config.cmd, image.config.shell) == (None, None, None)
        assert (image.config.healthcheck, image.config.stop_timeout) == (None, None)
        assert (image.config.env, image.config.labels, image.config.volumes) == ((), {}, ())


def test_an_image_of_no_layers_has_no_diff_ids() -> None:
    assert parse_image_config(changed("rootfs/diff_ids", [])).diff_ids == ()
    assert parse_image_config(changed("rootfs/diff_ids", None)).diff_ids == ()


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("architecture", ABSENT, "architecture is absent"),
        ("architecture", "", "architecture is ''"),
        ("os", 1, "os is 1"),
        ("variant", [], "variant is an array"),
        ("os.version", 1, "os.version is 1"),
        ("os.features", "f", "os.features is 'f'"),
        ("created", "yesterday", "created is 'yesterday'"),
        ("created", "2024-13-01T00:00:00Z", "created is '2024-13-01"),
        ("created", "2024-01-01T00:00:00Z\n", "created is"),
        ("created", 1700000000, "created is 1700000000"),
        ("author", {}, "author is an object"),
        ("rootfs", ABSENT, "rootfs is null"),
        ("rootfs", [], "rootfs is an array"),
        ("rootfs/type", ABSENT, "rootfs.type is absent: expected 'layers'"),
        ("rootfs/type", "layers+base", "rootfs.type is 'layers+base'"),
        ("rootfs/diff_ids", LAYER, "rootfs.diff_ids is 'sha256"),
        ("rootfs/diff_ids", [LAYER, 1], "rootfs.diff_ids[1] is 1"),
        ("rootfs/diff_ids", [LAYER, "sha256:x"], "rootfs.diff_ids[1]: invalid digest 'sha256:x'"),
        ("rootfs/Diff_IDs", [], "field 'Diff_IDs' in rootfs"),
        ("history", {}, "history is an object"),
        ("history", [1], "history[0] is 1"),
        ("history/1/empty_layer", "true", "history[1].empty_layer is 'true'"),
        ("history/1/created", "x", "history[1].created is 'x'"),
        ("history/1/Created", "x", "'Created' in history[1]"),
        ("config", [], "config is an array"),
        ("config/User", 0, "config.User is 0"),
        ("config/user", "root", "field 'user' in config"),
        ("config/Env", {"A": "b"}, "config.Env is an object"),
        ("config/Env", ["A=b", 1], "config.Env[1] is 1"),
        ("config/Env", ["=b"], "config.Env[0] is '=b'"),
        ("config/Env", [""], "config.Env[0] is ''"),
        ("config/Env", ["A=b\0c"], "config.Env[0] is 'A=b\\x00c'"),
        ("config/Cmd", "sh", "config.Cmd is 'sh'"),
        ("config/Entrypoint", [None], "config.Entrypoint[0] is null"),
        ("config/ExposedPorts", ["80/tcp"], "config.ExposedPorts is an array"),
        ("config/ExposedPorts", {"80/tcp": 1}, "config.ExposedPorts['80/tcp'] is 1"),
        ("config/Volumes", {"/v": "x"}, "config.Volumes['/v'] is 'x'"),
        ("config/Labels", {"a": 1}, "config.Labels['a'] is 1"),
        ("config/StopTimeout", "3", "config.StopTimeout is '3'"),
        ("config/StopTimeout", -2, "config.StopTimeout is -2"),
        ("config/ArgsEscaped", 1, "config.ArgsEscaped is 1"),
        ("config/Healthcheck", [], "config.Healthcheck is an array"),
        ("config/Healthcheck/Test", "true", "config.Healthcheck.Test is 'true'"),
        ("config/Healthcheck/Interval", "30s", "config.Healthcheck.Interval is '30s'"),
        ("config/Healthcheck/Retries", -1, "config.Healthcheck.Retries is -1"),
        ("config/Healthcheck/retries", 1, "field 'retries' in config.Healthcheck"),
        ("Config", {}, "field 'Config' differs from 'config'"),
    ],
)
def test_a_wrong_field_is_refused_with_its_path_and_value(path: str, value: object, message: str) -> None:
    with pytest.raises(InvalidConfig) as caught:
        parse_image_config(changed(path, value))
    assert message in caught.value.message
    assert "expected" in caught.value.message


@pytest.mark.parametrize(
    "text",
    ["0001-01-01T00:00:00Z", "2024-02-29t23:59:60z", "2024-12-31T00:00:00.5-23:59", "1970-01-01T00:00:00+00:00"],
)
def test_times_of_rfc_3339_are_kept_as_written(text: str) -> None:
    image = parse_image_config(changed("created", text))
    assert image.created == text


def test_what_is_no_json_object_is_refused() -> None:
    with pytest.raises(InvalidConfig, match="document is an array of 0 elements: expected an object"):
        parse_image_config(b"[]")
    with pytest.raises(InvalidJSON, match="twice"):
        parse_image_config(b'{"os":"linux","os":"windows"}')


def test_a_config_does_not_change_and_is_equal_by_its_bytes() -> None:
    data = json.dumps(LEAST).encode()
    image = parse_image_config(data)
    with pytest.raises(AttributeError):
        image.author = "x"
    with pytest.raises(AttributeError):
        image.config.user = "x"
    assert image == parse_image_config(data)
    assert hash(image) == hash(parse_image_config(data))
    assert image != parse_image_config(data + b" ")
    assert image != data


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
PATHS = [
    path
    for outer, inner in WHOLE.items()
    for path in [outer, *(f"{outer}/{name}" for name in (inner if isinstance(inner, dict) else ()))]
]


@given(st.sampled_from(PATHS), json_values)
def test_any_value_in_any_field_is_taken_or_refused_with_the_tree(path: str, value: object) -> None:
    try:
        parse_image_config(changed(path, value))
    except SpecError as error:
        assert error.message.isprintable()


@given(st.binary(max_size=100))
def test_any_bytes_are_refused_with_the_tree(data: bytes) -> None:
    with pytest.raises(SpecError):
        parse_image_config(data)
