import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oci_spec import media_type
from oci_spec.errors import InvalidMediaType
from oci_spec.media_type import is_config, is_index, is_layer, is_manifest, is_nondistributable, parse_media_type

CONSTANTS = {
    name: value
    for name, value in vars(media_type).items()
    if isinstance(value, str) and name.startswith(("OCI_", "DOCKER_", "BUILDKIT_"))
}


@pytest.mark.parametrize(
    ("text", "essence"),
    [
        ("application/json", "application/json"),
        ("Application/JSON", "application/json"),
        ("text/plain; charset=utf-8", "text/plain"),
        ("text/plain;charset=utf-8", "text/plain"),
        (" text/plain ", "text/plain"),
        ("text/plain\t;", "text/plain"),
        ('a/b; c="d;e"', "a/b"),
        ("a/b.c+d", "a/b.c+d"),
        ("0/1!#$&-^_.+", "0/1!#$&-^_.+"),
        ("a" * 127 + "/" + "b" * 127, "a" * 127 + "/" + "b" * 127),
    ],
)
def test_a_media_type_is_read_without_parameters_in_lower_case(text: str, essence: str) -> None:
    assert parse_media_type(text) == essence


@pytest.mark.parametrize(
    "text",
    [
        "",
        "/",
        ";",
        "a",
        "a/",
        "/b",
        "a/b/c",
        "a /b",
        "a/b c",
        "a/b,c/d",
        "*/*",
        "a/*",
        "+a/b",
        ".a/b",
        "a/.b",
        "a/b\n",
        "a/b\r\nX: y",
        "a/b\0",
        "é/b",
        "a/\u017f",
        "a" * 128 + "/b",
        "a/" + "b" * 128,
        "application",
    ],
)
def test_other_media_types_are_refused_and_shown(text: str) -> None:
    with pytest.raises(InvalidMediaType) as caught:
        parse_media_type(text)
    assert repr(text[:100]) in caught.value.message


@given(st.text(max_size=60))
def test_any_text_is_a_media_type_or_refused(text: str) -> None:
    try:
        essence = parse_media_type(text)
    except InvalidMediaType:
        return
    assert parse_media_type(essence) == essence
    assert essence.isascii() and essence.count("/") == 1


def test_a_huge_text_is_refused_at_once() -> None:
    started = time.process_time()
    for text in ("a" * 5_000_000, "a/" * 2_000_000, ";" * 5_000_000, " " * 5_000_000):
        with pytest.raises(InvalidMediaType):
            parse_media_type(text)
    assert time.process_time() - started < 1


@pytest.mark.parametrize("name", sorted(CONSTANTS))
def test_every_constant_is_a_media_type_of_exactly_one_kind(name: str) -> None:
    text = CONSTANTS[name]
    assert parse_media_type(text) == text
    schema1 = text in media_type.SCHEMA1_TYPES
    assert [is_manifest(text), is_index(text), is_config(text), is_layer(text), schema1].count(True) == 1
    assert is_layer(text) == ("LAYER" in name)
    assert is_nondistributable(text) == ("FOREIGN" in name or "NONDISTRIBUTABLE" in name)
    assert is_index(text) == (name in ("OCI_INDEX", "DOCKER_LIST"))


def test_kinds_are_told_whatever_the_case_and_the_parameters() -> None:
    assert is_manifest("Application/vnd.oci.image.MANIFEST.v1+json; charset=utf-8")
    assert is_index(" application/vnd.oci.image.index.v1+JSON")
    assert is_layer("application/VND.oci.image.layer.v1.tar+gzip+encrypted")
    assert is_nondistributable("application/vnd.oci.image.layer.nondistributable.v1.tar+Zstd;x=y")
    assert not is_layer("application/vnd.oci.image.layers.v1.tar")
    assert not is_layer("application/octet-stream")
