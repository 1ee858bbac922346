"""A flag beats a variable, a variable beats the file, the file beats the default."""

import os
import threading
from pathlib import Path

import pytest

from registry.config import SettingsError
from registry.settings_sources import _config_path
from registry.settings_table import TABLE
from tests.config.reading import read_from


def test_a_default_holds_where_nothing_is_set():
    sourced = read_from()
    assert sourced.settings.listen == ("127.0.0.1:5000",)
    assert sourced.settings.store == "./wherry-data"
    assert sourced.settings.workers == len(os.sched_getaffinity(0))
    assert sourced.settings.grace == 86400
    assert sourced.settings.free_floor == 512 << 20
    assert dict(sourced.origins) == {}


@pytest.mark.parametrize(
    ("flags", "environ", "toml", "expected", "origin"),
    [
        ([], {}, 'grace = "1h"', 3600, "FILE"),
        ([], {"WHERRY_GRACE": "2h"}, 'grace = "1h"', 7200, "WHERRY_GRACE"),
        (["--grace", "3h"], {"WHERRY_GRACE": "2h"}, 'grace = "1h"', 10800, "--grace"),
        (["--grace", "3h"], {}, 'grace = "1h"', 10800, "--grace"),
        (["--grace", "3h"], {"WHERRY_GRACE": "2h"}, "", 10800, "--grace"),
        ([], {"WHERRY_GRACE": "2h"}, "", 7200, "WHERRY_GRACE"),
    ],
)
def test_the_nearer_source_wins(tmp_path, flags, environ, toml, expected, origin):
    file = tmp_path / "serve.toml"
    sourced = read_from(*flags, environ=environ, file=file, toml=toml)
    assert sourced.settings.grace == expected
    assert sourced.origins["grace"] == (str(file) if origin == "FILE" else origin)


def test_a_list_is_replaced_whole_by_the_nearer_source(tmp_path):
    toml = 'listen = ["127.0.0.1:1", "127.0.0.1:2"]'
    file = tmp_path / "serve.toml"
    assert read_from(file=file, toml=toml).settings.listen == ("127.0.0.1:1", "127.0.0.1:2")
    environ = {"WHERRY_LISTEN": "127.0.0.1:3, 127.0.0.1:4"}
    assert read_from(environ=environ, file=file).settings.listen == ("127.0.0.1:3", "127.0.0.1:4")
    flags = ["--listen", "127.0.0.1:5", "--listen=127.0.0.1:6"]
    assert read_from(*flags, environ=environ, file=file).settings.listen == ("127.0.0.1:5", "127.0.0.1:6")


def test_one_string_in_the_file_is_a_list_of_one(tmp_path):
    sourced = read_from(file=tmp_path / "f", toml='immutable = "v*"')
    assert sourced.settings.immutable == ("v*",)


def test_an_empty_value_takes_a_setting_back(tmp_path):
    toml = 'external_url = "https://a.example"\nimmutable = ["v*"]\ngc_every = "1h"'
    file = tmp_path / "serve.toml"
    assert read_from(file=file, toml=toml).settings.gc_every == 3600
    settings = read_from("--external-url", "", "--immutable=", "--gc-every", "off", file=file).settings
    assert settings.external_url is None
    assert settings.immutable == ()
    assert settings.gc_every is None
    environ = {"WHERRY_EXTERNAL_URL": "", "WHERRY_IMMUTABLE": "", "WHERRY_GC_EVERY": ""}
    assert read_from(environ=environ, file=file).settings.gc_every is None


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        (["--read-only"], True),
        (["--read-only=false"], False),
        (["--read-only=yes"], True),
        (["--no-delete"], False),
    ],
)
def test_a_switch_is_on_alone_and_takes_its_value_behind_an_equals_sign(tmp_path, flags, expected):
    assert read_from(*flags, file=tmp_path / "f", toml="").settings.read_only is expected


def test_a_switch_set_in_the_file_can_be_switched_off(tmp_path):
    toml = "read_only = true\nmetrics = false"
    settings = read_from("--read-only=false", "--metrics", file=tmp_path / "f", toml=toml).settings
    assert not settings.read_only
    assert settings.metrics


def test_the_file_is_the_one_named_else_the_users_else_the_machines(tmp_path, monkeypatch):
    home, config = tmp_path / "home", tmp_path / "config"
    of_home, of_config = home / ".config/wherry/serve.toml", config / "wherry/serve.toml"
    there = {"/etc/wherry/serve.toml"}
    monkeypatch.setattr(os.path, "exists", lambda path: path in there)
    environ = {"HOME": str(home), "XDG_CONFIG_HOME": str(config)}
    assert _config_path(None, environ) == "/etc/wherry/serve.toml"
    there.add(str(of_home))
    assert _config_path(None, environ) == "/etc/wherry/serve.toml"
    assert _config_path(None, {"HOME": str(home)}) == str(of_home)
    there.add(str(of_config))
    assert _config_path(None, environ) == str(of_config)
    assert _config_path(None, {**environ, "WHERRY_CONFIG": "/x"}) == "/x"
    assert _config_path("/y", {**environ, "WHERRY_CONFIG": "/x"}) == "/y"
    there.clear()
    assert _config_path(None, environ) is None


def test_every_setting_has_a_flag_a_variable_and_a_key(tmp_path):
    values = {
        "listen": "127.0.0.1:1", "store": "/s", "workers": "3", "tls_cert": "/c", "tls_key": "/k",
        "external_url": "https://r.example", "trusted_proxies": "10.0.0.0/8", "htpasswd": "/h",
        "anonymous_pull": "true", "token_secret": "0123456789abcdef", "immutable": "v*", "sparse": "s*",
        "read_only": "true", "no_delete": "true", "grace": "1h", "trash_time": "2h", "session_time": "3h",
        "gc_every": "4h", "delete_untagged": "true", "older_than": "5h", "free_floor": "1GiB",
        "manifest_limit": "2MiB", "page_limit": "7", "max_uploads": "8", "upload_memory": "9MiB", "threads": "5",
        "header_limit": "32KiB", "header_timeout": "6s", "body_timeout": "7s", "keepalive": "8s",
        "drain_seconds": "9s", "access_log": "json", "log_level": "debug", "metrics": "false",
    }  # fmt: skip
    assert set(values) == {setting.name for setting in TABLE}
    by_flag = read_from(*(f"{s.flag}={values[s.name]}" for s in TABLE))
    by_variable = read_from(environ={s.variable: values[s.name] for s in TABLE})
    toml = "".join(f'{name} = "{value}"\n' for name, value in values.items())
    by_key = read_from(file=tmp_path / "f", toml=toml)
    assert by_flag.settings == by_variable.settings == by_key.settings
    default = read_from().settings
    for setting in TABLE:
        assert getattr(by_flag.settings, setting.name) != getattr(default, setting.name), setting.name
        assert by_flag.origins[setting.name] == setting.flag
        assert by_variable.origins[setting.name] == setting.variable


def test_what_kubernetes_sets_beside_a_service_named_wherry_is_no_setting():
    environ = {
        "WHERRY_PORT": "tcp://10.0.0.1:5000",
        "WHERRY_PORT_5000_TCP_ADDR": "10.0.0.1",
        "WHERRY_SERVICE_HOST": "10.0.0.1",
        "WHERRY_SERVICE_PORT": "5000",
    }
    assert read_from(environ=environ) == read_from()


def test_a_secret_comes_from_a_file_named_by_a_variable(tmp_path):
    file = tmp_path / "secret"
    file.write_text("0123456789abcdef\n")
    sourced = read_from(environ={"WHERRY_TOKEN_SECRET_FILE": str(file)})
    assert sourced.settings.token_secret == "0123456789abcdef"
    assert sourced.origins["token_secret"] == "WHERRY_TOKEN_SECRET_FILE"


@pytest.mark.parametrize("name", ["WHERRY_TOKEN_SECRET_FILE", "WHERRY_STORE_FILE"])
def test_only_an_existing_file_for_a_secret_is_accepted(name: str):
    with pytest.raises(SettingsError, match=name):
        read_from(environ={name: "/nonexistent/secret"})


def test_a_secret_given_twice_is_refused(tmp_path: Path):
    file = tmp_path / "secret"
    file.write_text("0123456789abcdef\n")
    environ = {"WHERRY_TOKEN_SECRET_FILE": str(file), "WHERRY_TOKEN_SECRET": "fedcba9876543210"}
    with pytest.raises(SettingsError, match="both set"):
        read_from(environ=environ)


@pytest.mark.parametrize(
    ("kind", "said"), [("device", "it is a device"), ("folder", "it is a folder"), ("long", "more than 1048576 bytes")]
)
def test_what_cannot_be_read_to_its_end_is_an_error(tmp_path: Path, kind: str, said: str):
    path = {"device": Path("/dev/zero"), "folder": tmp_path, "long": tmp_path / "long"}[kind]
    if kind == "long":
        path.write_bytes(b"#" * ((1 << 20) + 1))
    with pytest.raises(SettingsError, match=f"{path} \\(from WHERRY_TOKEN_SECRET_FILE\\): cannot be read: .*{said}"):
        read_from(environ={"WHERRY_TOKEN_SECRET_FILE": str(path)})
    with pytest.raises(SettingsError, match=f"{path}: cannot be read: .*{said}"):
        read_from(file=path)


def test_a_secret_comes_through_a_pipe(tmp_path: Path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_text, args=("0123456789abcdef\n",))
    writer.start()
    sourced = read_from(environ={"WHERRY_TOKEN_SECRET_FILE": str(pipe)})
    writer.join(10)
    assert sourced.settings.token_secret == "0123456789abcdef"
