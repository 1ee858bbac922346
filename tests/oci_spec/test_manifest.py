import base64
import copy
import json
import pickle
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oci_spec import media_type as types
from oci_spec.digest import Digest
from oci_spec.errors import InvalidDescriptor, InvalidJSON, InvalidManifest, InvalidMediaType, SpecError
from oci_spec.manifest import ACCEPTED_TYPES, MANIFEST_LIMIT, Manifest, parse_manifest

Document = dict[str, object]
IMAGE_TYPES = [types.OCI_MANIFEST, types.DOCKER_MANIFEST]
INDEX_TYPES = [types.OCI_INDEX, types.DOCKER_LIST]
ABSENT = object()


def digest_of(name: str) -> Digest:
    return Digest.of(name.encode())


def entry(name: str, media_type: str = types.OCI_LAYER_GZIP, **fields: object) -> Document:
    return {"mediaType": media_type, "digest": str(digest_of(name)), "size": 7, **fields}


def image(**fields: object) -> Document:
    document: Document = {
        "schemaVersion": 2,
        "mediaType": types.OCI_MANIFEST,
        "config": entry("config", types.OCI_CONFIG),
        "layers": [entry("one"), entry("two", types.OCI_LAYER_ZSTD)],
        **fields,
    }
    return {name: value for name, value in document.items() if value is not ABSENT}


def index(**fields: object) -> Document:
    document: Document = {
        "schemaVersion": 2,
        "mediaType": types.OCI_INDEX,
        "manifests": [entry("amd64", types.OCI_MANIFEST), entry("arm64", types.OCI_MANIFEST)],
        **fields,
    }
    return {name: value for name, value in document.items() if value is not ABSENT}


def parse(document: object, content_type: str | None = None) -> Manifest:
    return parse_manifest(json.dumps(document).encode(), content_type)


def refused(document: object, content_type: str | None = None, error: type[SpecError] = InvalidManifest) -> str:
    with pytest.raises(error) as caught:
        parse(document, content_type)
    assert "expected" in caught.value.message or "refused" in caught.value.message
    assert len(caught.value.message) < 1200
    return caught.value.message


def test_an_image_manifest_is_read_into_values_beside_its_exact_bytes() -> None:
    raw = json.dumps(image(annotations={"A": "1", "a": "2"}, Unknown={"Layers": 1}), indent=3).encode() + b"\n"
    manifest = parse_manifest(raw, types.OCI_MANIFEST)
    assert manifest.raw == raw
    assert manifest.media_type == types.OCI_MANIFEST
    assert manifest.is_index is False
    assert manifest.config is not None and manifest.config.digest == digest_of("config")
    assert [layer.digest for layer in manifest.layers] == [digest_of("one"), digest_of("two")]
    assert manifest.manifests == ()
    assert manifest.subject is None
    assert manifest.annotations == {"A": "1", "a": "2"}
    assert manifest.links == (digest_of("config"), digest_of("one"), digest_of("two"))
    assert manifest.children == manifest.optional_links == ()
    assert repr(manifest) == f"Manifest({types.OCI_MANIFEST}, {len(raw)} bytes)"


def test_an_index_is_read_into_values() -> None:
    manifest = parse(index(annotations={"a": "b"}))
    assert manifest.is_index is True
    assert manifest.config is None
    assert manifest.layers == manifest.links == manifest.optional_links == ()
    assert [child.digest for child in manifest.manifests] == [digest_of("amd64"), digest_of("arm64")]
    assert manifest.children == (digest_of("amd64"), digest_of("arm64"))
    assert manifest.annotations == {"a": "b"}


@pytest.mark.parametrize("media_type", IMAGE_TYPES)
def test_images_of_oci_and_docker_are_taken(media_type: str) -> None:
    assert parse(image(mediaType=media_type), media_type).media_type == media_type


@pytest.mark.parametrize("media_type", INDEX_TYPES)
def test_indexes_of_oci_and_docker_are_taken(media_type: str) -> None:
    manifest = parse(index(mediaType=media_type), media_type)
    assert (manifest.media_type, manifest.is_index) == (media_type, True)


def test_the_type_comes_from_the_header_the_document_or_both() -> None:
    for content_type in (None, types.OCI_MANIFEST, f"{types.OCI_MANIFEST}; charset=utf-8", types.OCI_MANIFEST.upper()):
        assert parse(image(), content_type).media_type == types.OCI_MANIFEST
    for absent in (ABSENT, None):  # helm omits it
        assert parse(image(mediaType=absent), types.OCI_MANIFEST).media_type == types.OCI_MANIFEST
        assert parse(index(mediaType=absent), types.DOCKER_LIST).media_type == types.DOCKER_LIST


@pytest.mark.parametrize(
    ("document", "content_type", "message"),
    [
        (image(), types.OCI_INDEX, "expected them to be equal"),
        (image(), types.DOCKER_MANIFEST, "expected them to be equal"),
        (index(), types.OCI_MANIFEST, "expected them to be equal"),
        (image(), "application/json", "expected them to be equal"),
        (image(mediaType=types.OCI_MANIFEST.upper()), types.OCI_MANIFEST, "expected them to be equal"),
        (image(mediaType=types.OCI_MANIFEST + "; a=b"), types.OCI_MANIFEST, "expected them to be equal"),
        (image(mediaType=""), types.OCI_MANIFEST, "expected them to be equal"),
        (image(mediaType=types.OCI_MANIFEST.upper()), None, "expected one of"),
        (image(mediaType=""), None, "expected one of"),
        (image(mediaType=ABSENT), None, "neither a Content-Type nor mediaType"),
        (image(mediaType=None), None, "neither a Content-Type nor mediaType"),
        (image(mediaType=ABSENT), "application/json", "manifest of type 'application/json'"),
        (image(mediaType="application/vnd.unknown+json"), None, "manifest of type 'application/vnd.unknown+json'"),
        (image(mediaType=["x"]), types.OCI_MANIFEST, "mediaType is an array of 1 elements"),
    ],
)
def test_types_that_disagree_or_are_unknown_are_refused(
    document: Document, content_type: str | None, message: str
) -> None:
    assert message in refused(document, content_type)


def test_a_refused_type_is_told_which_are_accepted() -> None:
    message = refused(image(mediaType="application/vnd.unknown+json"))
    assert all(accepted in message for accepted in ACCEPTED_TYPES)


@pytest.mark.parametrize("content_type", ["", "json", "a/b/c", "\n"])
def test_a_garbled_content_type_is_refused(content_type: str) -> None:
    refused(image(), content_type, InvalidMediaType)


@pytest.mark.parametrize("declared", [*ACCEPTED_TYPES, ABSENT])
@pytest.mark.parametrize("sent", [*ACCEPTED_TYPES, None])
def test_a_document_of_both_kinds_is_refused_whatever_it_is_called(declared: object, sent: str | None) -> None:
    # CVE-2021-41190: an image to one program, an index to the next
    both = {**index(), **image(), "mediaType": declared}
    both = {name: value for name, value in both.items() if value is not ABSENT}
    refused(both, sent)
    refused({**both, "layers": []}, sent)
    refused({**both, "layers": None}, sent)
    refused({**both, "manifests": None}, sent)
    refused({**both, "manifests": []}, sent)


@pytest.mark.parametrize(
    ("document", "field"),
    [
        (image(manifests=[]), "manifests"),
        (image(manifests=None), "manifests"),
        (image(layers=ABSENT, manifests=[]), "manifests"),
        (image(mediaType=types.DOCKER_MANIFEST, manifests=[]), "manifests"),
        (image(fsLayers=[]), "fsLayers"),
        (index(layers=[]), "layers"),
        (index(config=entry("config")), "config"),
        (index(mediaType=types.DOCKER_LIST, config=None), "config"),
        (index(fsLayers=[]), "fsLayers"),
        ({"mediaType": types.OCI_ARTIFACT, "blobs": [], "layers": []}, "layers"),
        ({"mediaType": types.OCI_ARTIFACT, "blobs": [], "config": {}}, "config"),
        ({"mediaType": types.OCI_ARTIFACT, "blobs": [], "manifests": []}, "manifests"),
    ],
)
def test_fields_of_another_kind_are_refused_by_name(document: Document, field: str) -> None:
    assert refused(document).startswith(f"{field} in a document of type")


def test_an_index_without_manifests_and_an_image_without_config_are_refused() -> None:
    assert "manifests is absent" in refused(index(manifests=ABSENT))
    assert "config is null" in refused(image(config=ABSENT), error=InvalidDescriptor)


@pytest.mark.parametrize(
    ("document", "content_type"),
    [
        ({"schemaVersion": 1, "fsLayers": [], "history": []}, types.DOCKER_SCHEMA1),
        ({"schemaVersion": 1, "fsLayers": [], "history": []}, types.DOCKER_SCHEMA1_SIGNED + "; charset=utf-8"),
        ({"schemaVersion": 1, "mediaType": types.DOCKER_SCHEMA1, "fsLayers": []}, None),
        ({"schemaVersion": 1, "fsLayers": []}, "application/json"),
        (image(schemaVersion=1), None),
        (image(mediaType=types.DOCKER_SCHEMA1), None),
        (image(mediaType=types.DOCKER_SCHEMA1_SIGNED), types.OCI_MANIFEST),
        ("not even an object", types.DOCKER_SCHEMA1_SIGNED),
    ],
)
def test_schema_1_is_refused_with_the_reason(document: object, content_type: str | None) -> None:
    message = refused(document, content_type)
    assert "schema 1 manifests are refused" in message
    assert "push the image again" in message


@pytest.mark.parametrize("version", [ABSENT, None, 0, 3, "2", 2.0, True, [2], 2**70])
def test_a_schema_version_other_than_the_integer_2_is_refused(version: object) -> None:
    assert "schemaVersion" in refused(image(schemaVersion=version))
    assert "schemaVersion" in refused(index(schemaVersion=version))


def test_no_layers_empty_indexes_and_nested_indexes_are_fine() -> None:
    for layers in ([], None, ABSENT):
        assert parse(image(layers=layers)).links == (digest_of("config"),)
    assert parse(index(manifests=[])).children == parse(index(manifests=None)).children == ()
    nested = parse(index(manifests=[entry("inner", types.OCI_INDEX), entry("list", types.DOCKER_LIST)]))
    assert nested.children == (digest_of("inner"), digest_of("list"))


def test_any_config_and_layer_types_are_fine() -> None:
    manifest = parse(
        image(
            config=entry("chart", "application/vnd.cncf.helm.config.v1+json"),
            layers=[entry("text", "text/plain; charset=utf-8"), entry("model", "application/octet-stream")],
        )
    )
    assert manifest.links == (digest_of("chart"), digest_of("text"), digest_of("model"))
    assert manifest.artifact_type == "application/vnd.cncf.helm.config.v1+json"


def test_a_digest_is_a_link_once_in_the_order_of_the_document() -> None:
    manifest = parse(image(layers=[entry("b"), entry("a"), entry("b"), entry("config")]))
    assert manifest.links == (digest_of("config"), digest_of("b"), digest_of("a"))
    assert len(manifest.layers) == 4
    twice = parse(index(manifests=[entry("x", types.OCI_MANIFEST), entry("x", types.OCI_MANIFEST)]))
    assert twice.children == (digest_of("x"),)


@pytest.mark.parametrize(
    "media_type",
    [types.OCI_NONDISTRIBUTABLE_LAYER, types.OCI_NONDISTRIBUTABLE_LAYER_GZIP, types.DOCKER_FOREIGN_LAYER],
)
def test_non_distributable_layers_are_optional_links(media_type: str) -> None:
    away = entry("away", media_type, urls=["https://elsewhere.example/layer"])
    manifest = parse(image(layers=[entry("here"), away, away]))
    assert manifest.links == (digest_of("config"), digest_of("here"))
    assert manifest.optional_links == (digest_of("away"),)
    assert len(manifest.layers) == 3
    # one that the same document also names as an ordinary layer must be there
    assert parse(image(layers=[away, entry("away")])).optional_links == ()
    assert parse(index(manifests=[away])).optional_links == (digest_of("away"),)


def test_a_buildkit_cache_index_has_its_layers_and_config_as_links() -> None:
    manifest = parse(
        index(
            manifests=[
                entry("layer", types.OCI_LAYER_GZIP),
                entry("docker layer", types.DOCKER_LAYER_ZSTD),
                entry("cache", types.BUILDKIT_CACHE_CONFIG),
            ]
        )
    )
    assert manifest.links == (digest_of("layer"), digest_of("docker layer"), digest_of("cache"))
    assert manifest.children == ()


def test_index_entries_of_unknown_type_are_children() -> None:
    manifest = parse(
        index(
            manifests=[
                entry("future", "application/vnd.oci.future.v9+json"),
                entry("config", types.OCI_CONFIG),
                entry("empty", types.OCI_EMPTY),
                entry("artifact", types.OCI_ARTIFACT),
            ]
        )
    )
    assert manifest.children == (digest_of("future"), digest_of("artifact"))
    assert manifest.links == (digest_of("config"), digest_of("empty"))


def test_the_withdrawn_artifact_manifest_has_its_blobs_as_links() -> None:
    document = {
        "mediaType": types.OCI_ARTIFACT,
        "artifactType": "application/vnd.example.sbom",
        "blobs": [entry("sbom", "text/plain")],
        "subject": entry("image", types.OCI_MANIFEST),
    }
    manifest = parse(document, types.OCI_ARTIFACT)
    assert manifest.links == (digest_of("sbom"),)
    assert manifest.artifact_type == "application/vnd.example.sbom"
    assert manifest.subject is not None and manifest.subject.digest == digest_of("image")
    assert not manifest.is_index and manifest.config is None
    assert parse({"mediaType": types.OCI_ARTIFACT}).links == ()
    refused({"mediaType": types.OCI_ARTIFACT, "schemaVersion": 3})


def test_the_artifact_type_falls_back_to_the_configs_for_images_alone() -> None:
    kind = "application/vnd.Example.Signature"
    assert parse(image(artifactType=kind)).artifact_type == kind
    assert parse(image()).artifact_type == types.OCI_CONFIG
    assert parse(image(artifactType=None)).artifact_type == types.OCI_CONFIG
    assert parse(index(artifactType=kind)).artifact_type == kind
    assert parse(index()).artifact_type is None
    assert parse({"mediaType": types.OCI_ARTIFACT}).artifact_type is None


@pytest.mark.parametrize("document", [image(), index()])
def test_a_subject_is_neither_a_link_nor_a_child(document: Document) -> None:
    manifest = parse({**document, "subject": entry("subject", types.OCI_MANIFEST)})
    assert manifest.subject is not None and manifest.subject.digest == digest_of("subject")
    assert digest_of("subject") not in (*manifest.links, *manifest.children, *manifest.optional_links)


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (image(config=[]), "config is an array"),
        (image(config=entry("c", size=-1)), "config.size is -1"),
        (image(layers=[entry("a"), entry("b", size=True)]), "layers[1].size is true"),
        (image(layers=[entry("a", digest="sha256:x")]), "layers[0]: invalid digest 'sha256:x'"),
        (image(layers=[entry("a"), None]), "layers[1] is null"),
        (image(layers=[entry("a", Digest="x")]), "'Digest' in layers[0]"),
        (image(layers=[entry("a", data="AAAA")]), "layers[0].data has 3 bytes: expected 7"),
        (image(subject="sha256:x"), "subject is 'sha256:x'"),
        (image(subject={}), "subject.mediaType is absent"),
        (index(manifests=[entry("a", platform={"os": []})]), "manifests[0].platform.os is an array"),
        (index(manifests=[entry("a", annotations={"a": 1})]), "manifests[0].annotations['a'] is 1"),
    ],
)
def test_a_wrong_descriptor_is_refused_with_its_path(document: Document, message: str) -> None:
    assert message in refused(document, error=InvalidDescriptor)


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ([], "document is an array of 0 elements: expected an object"),
        (None, "document is null"),
        ("x", "document is 'x'"),
        (image(layers={}), "layers is an object"),
        (image(layers="x"), "layers is 'x'"),
        (index(manifests={}), "manifests is an object"),
        (image(annotations=[]), "annotations is an array"),
        (image(annotations={"a": None}), "annotations['a'] is null"),
        (image(annotations={"a": {"b": "c"}}), "annotations['a'] is an object"),
        (image(artifactType=1), "artifactType is 1"),
        (image(artifactType="no type"), "artifactType: invalid media type 'no type'"),
        (image(Layers=[]), "field 'Layers' differs from 'layers' by case alone"),
        (image(layers=ABSENT, LAYERS=[]), "field 'LAYERS' differs from 'layers' by case alone"),
        (image(MediaType=types.OCI_INDEX), "field 'MediaType'"),
        (image(**{"manife\u017ft\u017f": []}), "differs from 'manifests' by case alone"),
        (index(Config={}), "field 'Config'"),
        (index(FSLayers=[]), "field 'FSLayers'"),
        (image(schemaversion=2), "field 'schemaversion'"),
    ],
)
def test_a_wrong_field_is_refused_with_its_path_and_value(document: object, message: str) -> None:
    content_type = None if isinstance(document, dict) else types.OCI_MANIFEST
    assert message in refused(document, content_type)


@pytest.mark.parametrize(
    "data",
    [
        b'{"schemaVersion":2,"mediaType":"%s","config":{},"config":{},"layers":[]}',
        b'{"schemaVersion":2,"mediaType":"%s","manifests":[],"layers":[],"layers":[]}',
        b'{"schemaVersion":2,"mediaType":"%s","x":NaN}',
        b'{"schemaVersion":2,"mediaType":"%s","x":"\\ud800"}',
        b'{"schemaVersion":2,"mediaType":"%s","x":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'\xef\xbb\xbf{"schemaVersion":2,"mediaType":"%s"}',
        b'{"schemaVersion":2,"mediaType":"%s"',
        b'{"schemaVersion":2,"mediaType":"%s","x":"\xff"}',
    ],
    ids=["duplicate", "duplicate layers", "NaN", "surrogate", "depth", "mark", "cut", "UTF-8"],
)
def test_json_that_parsers_read_differently_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidJSON):
        parse_manifest(data.replace(b"%s", types.OCI_MANIFEST.encode()), None)


def padded(document: Document, size: int) -> bytes:
    data = json.dumps({**document, "padding": ""}).encode()
    return data[:-2] + b"x" * (size - len(data)) + data[-2:]


def test_4_mib_are_taken_and_one_byte_more_is_refused() -> None:
    assert MANIFEST_LIMIT == 4_194_304
    data = padded(image(), MANIFEST_LIMIT)
    assert len(data) == MANIFEST_LIMIT
    assert parse_manifest(data, None).raw == data
    with pytest.raises(InvalidManifest, match=r"manifest of 4194305 bytes: expected at most 4194304"):
        parse_manifest(padded(image(), MANIFEST_LIMIT + 1), None)


def test_as_many_descriptors_as_fit_take_bounded_time() -> None:
    count = 24_000
    document = image(layers=[entry(str(number)) for number in range(count)])
    data = json.dumps(document, separators=(",", ":")).encode()
    assert MANIFEST_LIMIT * 0.8 < len(data) <= MANIFEST_LIMIT
    started = time.process_time()
    manifest = parse_manifest(data, None)
    assert time.process_time() - started < 5
    assert len(manifest.links) == count + 1


def test_embedded_data_is_checked_and_its_blob_still_asked_for() -> None:
    content = b"{}"
    config = {
        "mediaType": types.OCI_EMPTY,
        "digest": str(Digest.of(content, "sha512")),
        "size": 2,
        "data": base64.b64encode(content).decode(),
    }
    manifest = parse(image(config=config, layers=[config]))
    assert manifest.config is not None and manifest.config.data == content
    assert manifest.links == (Digest.of(content, "sha512"),)


def test_a_manifest_does_not_change_and_is_equal_by_its_bytes_and_type() -> None:
    manifest = parse(image())
    with pytest.raises(AttributeError):
        manifest.raw = b""
    assert manifest == parse(image()) == copy.copy(manifest) == pickle.loads(pickle.dumps(manifest))
    assert hash(manifest) == hash(parse(image()))
    assert manifest != parse(image(annotations={}))
    untyped = image(mediaType=ABSENT)
    assert parse(untyped, types.OCI_MANIFEST) != parse(untyped, types.DOCKER_MANIFEST)
    assert manifest != manifest.raw


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
fields = st.sampled_from(
    [
        "schemaVersion",
        "mediaType",
        "config",
        "layers",
        "manifests",
        "blobs",
        "subject",
        "annotations",
        "artifactType",
        "Layers",
        "fsLayers",
        "x",
    ]
)
entries = st.builds(
    entry,
    st.sampled_from(["one", "two", "three"]),
    st.sampled_from([value for name, value in vars(types).items() if name.startswith(("OCI_", "DOCKER_"))]),
)
sent_types = st.none() | st.sampled_from([*ACCEPTED_TYPES, types.DOCKER_SCHEMA1, "a/b", "", "x"])


@given(
    st.sampled_from([image(), index(), {}]),
    st.dictionaries(fields, json_values | entries | st.lists(entries, max_size=4), max_size=4),
    sent_types,
)
@settings(max_examples=300)
def test_any_document_is_a_consistent_manifest_or_refused_with_the_tree(
    base: Document, overrides: Document, content_type: str | None
) -> None:
    document = {**base, **overrides}
    try:
        manifest = parse(document, content_type)
    except SpecError as error:
        assert error.message.isprintable()
        return
    assert manifest.media_type in ACCEPTED_TYPES
    assert manifest.is_index == (manifest.media_type in INDEX_TYPES)
    assert not (manifest.layers and manifest.manifests)
    assert (manifest.config is not None) == (manifest.media_type in IMAGE_TYPES)
    named = [*manifest.layers, *manifest.manifests, *([manifest.config] if manifest.config else [])]
    parts = [*manifest.links, *manifest.children, *manifest.optional_links]
    assert {descriptor.digest for descriptor in named} == set(parts)
    for group in (manifest.links, manifest.children, manifest.optional_links):
        assert len(set(group)) == len(group)
    assert not set(manifest.links) & set(manifest.optional_links)
    assert parse_manifest(manifest.raw, manifest.media_type) == manifest


@given(st.binary(max_size=150), sent_types)
def test_any_bytes_are_refused_with_the_tree(data: bytes, content_type: str | None) -> None:
    with pytest.raises(SpecError):
        parse_manifest(data, content_type)


@given(st.data())
def test_one_changed_byte_is_a_manifest_or_refused_with_the_tree(data: st.DataObject) -> None:
    raw = bytearray(json.dumps(data.draw(st.sampled_from([image(), index()]))).encode())
    raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    try:
        manifest = parse_manifest(bytes(raw), None)
    except SpecError:
        return
    assert manifest.raw == bytes(raw)
