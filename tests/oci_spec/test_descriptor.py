import base64
import copy
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oci_spec.descriptor import Descriptor
from oci_spec.digest import Digest
from oci_spec.errors import InvalidDescriptor, SpecError
from oci_spec.media_type import OCI_EMPTY, OCI_LAYER_GZIP
from oci_spec.platform import Platform

DIGEST = Digest.of(b"{}")
LEAST = {"mediaType": OCI_EMPTY, "digest": str(DIGEST), "size": 2}
ABSENT = object()


def changed(**fields: object) -> dict[str, object]:
    return {name: value for name, value in {**LEAST, **fields}.items() if value is not ABSENT}


def test_a_descriptor_is_read_into_values() -> None:
    descriptor = Descriptor.from_json(
        changed(
            urls=["https://a.example/x"],
            annotations={"A": "1", "a": "2"},
            artifactType="application/vnd.example.thing",
            platform={"os": "linux", "architecture": "arm", "variant": "v7"},
            data="e30=",
            unknown={"Digest": 1},
        )
    )
    assert descriptor.media_type == OCI_EMPTY
    assert descriptor.digest == DIGEST
    assert descriptor.size == 2
    assert descriptor.urls == ("https://a.example/x",)
    assert descriptor.annotations == {"A": "1", "a": "2"}
    assert descriptor.artifact_type == "application/vnd.example.thing"
    assert descriptor.platform == Platform("linux", "arm", "v7")
    assert descriptor.data == b"{}"
    assert repr(descriptor) == f"Descriptor({OCI_EMPTY}, {DIGEST}, 2)"


def test_what_is_absent_or_null_is_empty() -> None:
    nulls = dict.fromkeys(["urls", "annotations", "artifactType", "platform", "data"], None)
    for value in (LEAST, changed(**nulls)):
        descriptor = Descriptor.from_json(value)
        assert descriptor == Descriptor(OCI_EMPTY, DIGEST, 2)
        assert (descriptor.urls, descriptor.annotations) == ((), {})
        assert (descriptor.artifact_type, descriptor.platform, descriptor.data) == (None, None, None)


def test_unknown_fields_are_written_again() -> None:
    value = changed(size=5, extra={"x": [1]}, annotations=None)
    assert Descriptor.from_json(value).to_json() == value


@pytest.mark.parametrize(
    ("value", "path", "found"),
    [
        (None, "at[3]", "null"),
        ([], "at[3]", "an array of 0 elements"),
        ("x", "at[3]", "'x'"),
        (7, "at[3]", "7"),
        ({}, "at[3].mediaType", "is absent"),
        (changed(mediaType=ABSENT), "at[3].mediaType", "is absent"),
        (changed(mediaType=None), "at[3].mediaType", "is absent"),
        (changed(mediaType=1), "at[3].mediaType", "is 1"),
        (changed(mediaType=""), "at[3].mediaType", "''"),
        (changed(mediaType="json"), "at[3].mediaType", "'json'"),
        (changed(mediaType="a/b\n"), "at[3].mediaType", "'a/b\\n'"),
        (changed(artifactType=""), "at[3].artifactType", "''"),
        (changed(artifactType={}), "at[3].artifactType", "an object of 0 fields"),
        (changed(digest=ABSENT), "at[3].digest", "is absent"),
        (changed(digest=5), "at[3].digest", "is 5"),
        (changed(digest="sha256:0"), "at[3]", "'sha256:0'"),
        (changed(digest=str(DIGEST) + "\n"), "at[3]", "sha256:"),
        (changed(size=ABSENT), "at[3].size", "is absent"),
        (changed(size=-1), "at[3].size", "is -1"),
        (changed(size=2**63), "at[3].size", "is 9223372036854775808"),
        (changed(size=2**2000), "at[3].size", "an integer of 2001 bits"),
        (changed(size=True), "at[3].size", "is true"),
        (changed(size=2.0), "at[3].size", "is 2.0"),
        (changed(size="2"), "at[3].size", "is '2'"),
        (changed(urls="http://x"), "at[3].urls", "'http://x'"),
        (changed(urls=["x", 1]), "at[3].urls[1]", "is 1"),
        (changed(annotations=[]), "at[3].annotations", "an array"),
        (changed(annotations={"a": 1}), "at[3].annotations['a']", "is 1"),
        (changed(annotations={"a": None}), "at[3].annotations['a']", "is null"),
        (changed(platform="linux/amd64"), "at[3].platform", "'linux/amd64'"),
        (changed(platform={"os": 1}), "at[3].platform.os", "is 1"),
        (changed(platform={"os.features": "x"}), "at[3].platform.os.features", "is 'x'"),
        (changed(platform={"OS": "linux"}), "at[3].platform", "'OS'"),
        (changed(data=1), "at[3].data", "is 1"),
        (changed(data="e30"), "at[3].data", "expected base64"),
        (changed(data="e30=\n"), "at[3].data", "expected base64"),
        (changed(data="e30=e30="), "at[3].data", "expected base64"),
        (changed(data="ÿ30="), "at[3].data", "expected base64"),
        (changed(data="\ud800"), "at[3].data", "expected base64"),
        (changed(data=""), "at[3].data", "has 0 bytes: expected 2"),
        (changed(data="e30=", size=3), "at[3].data", "has 2 bytes: expected 3"),
        (changed(data="W10="), "at[3].data", "expected " + str(DIGEST)),
        (changed(Digest=str(DIGEST)), "at[3]", "'Digest'"),
        (changed(MediaType="a/b"), "at[3]", "'MediaType'"),
        (changed(**{"\u017fize": 9}), "at[3]", "'\u017fize'"),
    ],
)
def test_a_wrong_field_is_refused_with_its_path_and_value(value: object, path: str, found: str) -> None:
    with pytest.raises(InvalidDescriptor) as caught:
        Descriptor.from_json(value, "at[3]")
    assert path in caught.value.message
    assert found in caught.value.message
    assert "expected" in caught.value.message


def test_embedded_data_is_checked_by_the_descriptors_own_algorithm() -> None:
    data = b"some content"
    digest = Digest.of(data, "sha512")
    value = changed(digest=str(digest), size=len(data), data=base64.b64encode(data).decode())
    assert Descriptor.from_json(value).data == data
    assert Descriptor.from_json(changed(digest=str(Digest.of(b"")), size=0, data="")).data == b""


def test_a_descriptor_does_not_change_and_may_be_a_key() -> None:
    descriptor = Descriptor.from_json(LEAST)
    with pytest.raises(AttributeError):
        descriptor.size = 3
    with pytest.raises(AttributeError):
        del descriptor.size
    assert {descriptor: 1}[Descriptor(OCI_EMPTY, DIGEST, 2)] == 1
    assert descriptor != Descriptor(OCI_EMPTY, DIGEST, 3)
    assert descriptor != LEAST
    assert copy.copy(descriptor) == descriptor


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
platforms = st.builds(Platform, texts, texts, texts, texts, st.lists(texts, max_size=3).map(tuple))


@given(
    st.sampled_from([OCI_EMPTY, OCI_LAYER_GZIP, "Text/Plain; charset=utf-8"]),
    st.binary(max_size=50),
    st.sampled_from(["sha256", "sha512"]),
    st.lists(texts, max_size=3).map(tuple),
    st.dictionaries(texts, texts, max_size=3),
    st.none() | st.just("a/b"),
    st.none() | platforms,
    st.booleans(),
)
def test_descriptors_round_trip_through_json(
    media_type: str,
    content: bytes,
    algorithm: str,
    urls: tuple[str, ...],
    annotations: dict[str, str],
    artifact_type: str | None,
    platform: Platform | None,
    embedded: bool,
) -> None:
    made = Descriptor(
        media_type,
        Digest.of(content, algorithm),
        len(content),
        urls,
        annotations,
        artifact_type,
        platform,
        content if embedded else None,
    )
    value = json.loads(json.dumps(made.to_json()))
    read = Descriptor.from_json(value)
    assert read == made
    assert read.to_json() == value


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
names = st.sampled_from(["mediaType", "digest", "size", "urls", "annotations", "data", "artifactType", "platform"])


@given(st.dictionaries(names | st.text(max_size=5), json_values, max_size=5), st.booleans())
def test_any_object_is_a_descriptor_or_refused_with_the_tree(fields: dict[str, object], whole: bool) -> None:
    try:
        Descriptor.from_json({**LEAST, **fields} if whole else fields)
    except SpecError as error:
        assert isinstance(error, InvalidDescriptor)
        assert error.message.isprintable()
