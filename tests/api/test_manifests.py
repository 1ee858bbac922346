"""Pulling and pushing manifests: server.md, Manifests; distribution-spec, Pulling manifests, Pushing Manifests."""

import gzip
import json
from typing import Any

import pytest

from oci_spec import media_type
from storage_backends.base import Store
from tests.api.client import (
    OCI_CONFIG,
    OCI_INDEX,
    OCI_LAYER,
    OCI_MANIFEST,
    Client,
    descriptor,
    image_of,
    index_of,
    sha256,
    sha512,
)
from tests.api.conftest import Connect, Serve

DOCKER_MANIFEST = media_type.DOCKER_MANIFEST
DOCKER_LIST = media_type.DOCKER_LIST


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_manifest_comes_back_byte_for_byte_with_its_headers(client: Client, method: str) -> None:
    document = b"  " + client.image_document("a/b") + b"\n"
    digest = sha256(document)
    assert client.manifest("a/b", "1.0", document).status == 201
    for reference in ("1.0", digest):
        answer = client.ask(method, f"/v2/a/b/manifests/{reference}")
        assert answer.status == 200
        assert answer.body == (document if method == "GET" else b"")
        assert answer.header("Content-Type") == OCI_MANIFEST
        assert answer.header("Content-Length") == str(len(document))
        assert answer.header("Docker-Content-Digest") == digest
        assert answer.header("ETag") == f'"{digest}"'


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_what_the_client_has_already_is_not_modified(client: Client, method: str) -> None:
    digest = client.image("a", "1")
    for reference in ("1", digest):
        for condition in (f'"{digest}"', f'W/"{digest}"', f'"x", "{digest}"', "*"):
            answer = client.ask(method, f"/v2/a/manifests/{reference}", headers={"If-None-Match": condition})
            assert (answer.status, answer.body) == (304, b"")
            assert answer.header("Docker-Content-Digest") == digest
        answer = client.ask(method, f"/v2/a/manifests/{reference}", headers={"If-None-Match": '"x"'})
        assert answer.status == 200


@pytest.mark.parametrize("accept", ["application/json", OCI_INDEX, "text/html", DOCKER_MANIFEST, "*/*;q=0"])
def test_a_narrow_accept_still_gets_the_manifest(client: Client, accept: str) -> None:
    client.image("a", "1")
    answer = client.get("/v2/a/manifests/1", {"Accept": accept})
    assert (answer.status, answer.header("Content-Type")) == (200, OCI_MANIFEST)


def test_an_absent_manifest_is_404(client: Client) -> None:
    client.image("a", "1")
    for reference in ("2", sha256(b"absent"), sha512(b"absent")):
        assert client.get(f"/v2/a/manifests/{reference}").code == "MANIFEST_UNKNOWN"
        assert client.head(f"/v2/a/manifests/{reference}").status == 404
        assert client.get(f"/v2/none/manifests/{reference}").code == "NAME_UNKNOWN"


def test_put_answers_with_location_and_digest_in_the_algorithm_asked_for(client: Client) -> None:
    document = client.image_document("a")
    for reference, digest in (
        ("1", sha256(document)),
        (sha256(document), sha256(document)),
        (sha512(document), sha512(document)),
    ):
        answer = client.manifest("a", reference, document)
        assert answer.status == 201
        assert answer.location == f"/v2/a/manifests/{digest}"
        assert answer.header("Docker-Content-Digest") == digest
        assert answer.header("Content-Length") == "0"
        assert client.get(answer.location).body == document
        assert client.get(answer.location).header("Docker-Content-Digest") == digest


def test_a_digest_that_the_bytes_do_not_have_is_400(client: Client) -> None:
    document = client.image_document("a")
    for digest in (sha256(b"other"), sha512(b"other")):
        answer = client.manifest("a", digest, document)
        assert (answer.status, answer.code) == (400, "DIGEST_INVALID")
    assert client.get(f"/v2/a/manifests/{sha256(document)}").status == 404


def test_the_content_type_has_to_be_the_documents_media_type(client: Client) -> None:
    document = client.image_document("a")
    assert client.manifest("a", "1", document, DOCKER_MANIFEST).code == "MANIFEST_INVALID"
    assert client.manifest("a", "1", document, OCI_INDEX).code == "MANIFEST_INVALID"
    assert client.manifest("a", "1", document, f"{OCI_MANIFEST}; charset=utf-8").status == 201
    assert client.get("/v2/a/manifests/1").header("Content-Type") == OCI_MANIFEST  # without parameters


def test_a_document_without_media_type_has_the_content_types(client: Client) -> None:
    """As helm pushes it."""
    client.image_document("a")
    image = image_of()
    del image["mediaType"]
    assert client.manifest("a", "1", image, OCI_MANIFEST).status == 201
    assert client.get("/v2/a/manifests/1").header("Content-Type") == OCI_MANIFEST


def test_a_type_is_bound_to_the_bytes_when_they_are_put(client: Client) -> None:
    client.image_document("a")
    image = image_of()
    del image["mediaType"]
    assert client.manifest("a", "1", image, OCI_MANIFEST).status == 201
    assert client.manifest("a", "2", image, "application/json").code == "MANIFEST_INVALID"
    assert client.get("/v2/a/manifests/1").header("Content-Type") == OCI_MANIFEST


@pytest.mark.parametrize(
    "document",
    [
        image_of(manifests=[]),
        index_of(layers=[]),
        {"schemaVersion": 1, "name": "a", "tag": "1", "fsLayers": [], "history": []},
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"schemaVersion":2,"schemaVersion":2}',
        b'{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","mediatype":"x"}',
        b'{"schemaVersion":2,"config":NaN}',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"\xff\xfe{}",
        {"schemaVersion": 2, "mediaType": OCI_MANIFEST},
        {"schemaVersion": 3, "mediaType": OCI_MANIFEST, "config": descriptor(b"{}", OCI_CONFIG), "layers": []},
        image_of(layers=[{"mediaType": OCI_LAYER, "digest": "sha256:short", "size": 1}]),
        image_of(layers=[{"mediaType": OCI_LAYER, "digest": sha256(b"x"), "size": -1}]),
    ],
    ids=lambda document: str(document)[:40],
)
def test_what_is_no_manifest_is_refused_with_the_reason(client: Client, document: Any) -> None:
    client.image_document("a")
    answer = client.manifest("a", "1", document, OCI_MANIFEST if isinstance(document, bytes) else None)
    assert (answer.status, answer.code) == (400, "MANIFEST_INVALID")
    assert client.get("/v2/a/manifests/1").status == 404
    assert client.get("/v2/").status == 200


def test_schema1_is_refused_with_a_message_that_says_why(client: Client) -> None:
    for content_type in (media_type.DOCKER_SCHEMA1, media_type.DOCKER_SCHEMA1_SIGNED):
        answer = client.manifest("a", "1", b'{"schemaVersion":1}', content_type)
        assert answer.code == "MANIFEST_INVALID"
        assert "schema 1" in answer.json()["errors"][0]["message"]


def test_docker_schema2_and_lists_are_accepted(client: Client) -> None:
    client.image_document("a")
    image = json.dumps(image_of(mediaType=DOCKER_MANIFEST)).encode()
    assert client.manifest("a", "1", image).status == 201
    assert client.manifest("a", "all", index_of(image, mediaType=DOCKER_LIST)).status == 201
    assert client.get("/v2/a/manifests/all").header("Content-Type") == DOCKER_LIST


@pytest.mark.parametrize(
    "more",
    [
        {"layers": []},
        {"artifactType": "application/vnd.example"},
        {"config": descriptor(b"{}", "application/vnd.anything+json")},
        {"unknown": {"deep": [1, 2]}},
        {"annotations": {"a": "b"}},
        {"config": {**descriptor(b"{}", OCI_CONFIG), "data": "e30="}},
    ],
    ids=str,
)
def test_unusual_images_are_accepted(client: Client, more: dict[str, Any]) -> None:
    client.image_document("a")
    assert client.manifest("a", "1", image_of(**more)).status == 201


def test_empty_and_nested_indexes_are_accepted(client: Client) -> None:
    empty = json.dumps(index_of()).encode()
    assert client.manifest("a", "empty", empty).status == 201
    inner = json.dumps(index_of(empty)).encode()
    assert client.manifest("a", sha256(inner), inner).status == 201
    assert client.manifest("a", "outer", index_of(inner, empty)).status == 201


def test_a_nondistributable_layer_need_not_be_there(client: Client) -> None:
    client.image_document("a")
    foreign = {**descriptor(b"elsewhere", media_type.OCI_NONDISTRIBUTABLE_LAYER), "urls": ["http://example.org/x"]}
    assert client.manifest("a", "1", image_of(layers=[foreign])).status == 201


def test_the_withdrawn_artifact_manifest_is_accepted_with_a_warning(client: Client) -> None:
    client.blob("a", b"thing")
    document = {
        "mediaType": media_type.OCI_ARTIFACT,
        "artifactType": "application/x",
        "blobs": [descriptor(b"thing", "text/plain")],
    }
    answer = client.manifest("a", "1", document)
    assert answer.status == 201
    warning = answer.header("Warning")
    assert warning.startswith('299 - "') and warning.endswith('"') and "withdrawn" in warning


def test_absent_parts_are_named_each(client: Client) -> None:
    client.blob("a", b"{}")
    answer = client.manifest("a", "1", image_of(b"absent"))
    assert (answer.status, answer.code) == (404, "MANIFEST_BLOB_UNKNOWN")
    assert [error["detail"] for error in answer.json()["errors"]] == [{"digest": sha256(b"absent")}]
    child = json.dumps(image_of()).encode()
    answer = client.manifest("a", "all", index_of(child, json.dumps(index_of()).encode()))
    assert [error["code"] for error in answer.json()["errors"]] == ["MANIFEST_BLOB_UNKNOWN"] * 2
    for reference in ("1", "all"):
        assert client.get(f"/v2/a/manifests/{reference}").status == 404
    assert client.get("/v2/a/tags/list").json()["tags"] == []


def test_parts_in_another_repository_do_not_count(client: Client) -> None:
    document = client.image_document("one")
    assert client.manifest("other", "1", document).code == "MANIFEST_BLOB_UNKNOWN"


def test_an_absent_subject_is_accepted(client: Client) -> None:
    subject = {"mediaType": OCI_MANIFEST, "digest": sha256(b"absent"), "size": 6}
    client.image_document("a")
    answer = client.manifest("a", "1", image_of(subject=subject))
    assert answer.status == 201
    assert answer.header("OCI-Subject") == sha256(b"absent")


def test_sparse_manifests_are_accepted_only_where_a_pattern_says_so(
    serve: Serve, connect: Connect, store: Store
) -> None:
    client = connect(serve(store, sparse=("mirror/*",)))
    child = json.dumps(image_of()).encode()
    assert client.manifest("mirror/a", "all", index_of(child)).status == 201
    assert client.manifest("mirror/a", "1", child).status == 201
    assert client.get("/v2/mirror/a/manifests/all").status == 200
    assert client.manifest("mirrors", "all", index_of(child)).code == "MANIFEST_BLOB_UNKNOWN"


def _of_size(size: int) -> bytes:
    bare = json.dumps(image_of(annotations={"pad": ""})).encode()
    return json.dumps(image_of(annotations={"pad": "x" * (size - len(bare))})).encode()


def test_four_mebibytes_are_accepted_and_one_byte_more_is_413(client: Client) -> None:
    client.image_document("a")
    document = _of_size(4 << 20)
    assert len(document) == 4 << 20
    assert client.manifest("a", "big", document).status == 201
    assert client.get("/v2/a/manifests/big").body == document
    for body in (_of_size((4 << 20) + 1), iter([_of_size((4 << 20) + 1)])):
        answer = client.ask(
            "PUT",
            "/v2/a/manifests/bigger",
            body,
            {"Content-Type": OCI_MANIFEST},
            chunked=not isinstance(body, bytes),
        )
        assert (answer.status, answer.code) == (413, "MANIFEST_INVALID")
        client.close()
    assert client.get("/v2/a/manifests/bigger").status == 404


def test_the_limit_of_manifests_is_a_setting(serve: Serve, connect: Connect, store: Store) -> None:
    client = connect(serve(store, manifest_limit=2000))
    client.image_document("a")
    assert client.manifest("a", "1", _of_size(2000)).status == 201
    assert client.manifest("a", "1", _of_size(2001)).status == 413


def test_the_body_of_a_manifest_is_taken_as_it_comes_whatever_its_encoding_says(client: Client) -> None:
    document = client.image_document("a")
    answer = client.manifest("a", "1", gzip.compress(document), OCI_MANIFEST, {"Content-Encoding": "gzip"})
    assert answer.code == "MANIFEST_INVALID"


def test_deleting_a_tag_removes_that_tag_alone(client: Client) -> None:
    digest = client.image("a", "one")
    client.image("a", "two")
    assert client.delete("/v2/a/manifests/one").status == 202
    assert client.get("/v2/a/manifests/one").status == 404
    assert client.get("/v2/a/manifests/two").status == 200
    assert client.get(f"/v2/a/manifests/{digest}").status == 200
    assert client.delete("/v2/a/manifests/one").code == "MANIFEST_UNKNOWN"


def test_deleting_by_digest_takes_its_tags_and_a_new_push_does_not_bring_them_back(client: Client) -> None:
    document = client.image_document("a")
    digest = sha256(document)
    for reference in ("one", "two"):
        client.manifest("a", reference, document)
    assert client.delete(f"/v2/a/manifests/{digest}").status == 202
    for reference in ("one", "two", digest):
        assert client.get(f"/v2/a/manifests/{reference}").status == 404
    assert client.get("/v2/a/tags/list").json()["tags"] == []
    assert client.delete(f"/v2/a/manifests/{digest}").status == 404
    client.manifest("a", digest, document)
    assert client.get("/v2/a/tags/list").json()["tags"] == []


def test_a_manifest_that_an_index_names_is_not_deleted(client: Client) -> None:
    child = client.image_document("a")
    client.manifest("a", sha256(child), child)
    client.manifest("a", "all", index_of(child))
    answer = client.delete(f"/v2/a/manifests/{sha256(child)}")
    assert (answer.status, answer.code) == (405, "DENIED")
    assert client.get(f"/v2/a/manifests/{sha256(child)}").status == 200


def test_a_tag_moves(client: Client) -> None:
    first = client.image("a", "latest", b"one")
    second = client.image("a", "latest", b"two")
    assert client.head("/v2/a/manifests/latest").header("Docker-Content-Digest") == second
    assert client.head(f"/v2/a/manifests/{first}").status == 200


def test_deletions_can_be_switched_off(serve: Serve, connect: Connect, store: Store) -> None:
    digest = connect(serve(store)).image("a", "1", b"layer")
    client = connect(serve(store, no_delete=True))
    for target in ("manifests/1", f"manifests/{digest}", f"blobs/{sha256(b'layer')}"):
        answer = client.delete(f"/v2/a/{target}")
        assert (answer.status, answer.code) == (405, "UNSUPPORTED")
        assert client.get(f"/v2/a/{target}").status == 200
    assert client.delete(client.begin("a")).status == 204  # a session is no content


def test_a_read_only_registry_refuses_every_change(serve: Serve, connect: Connect, store: Store) -> None:
    writer = connect(serve(store))
    digest = writer.image("a", "1")
    location = writer.begin("a")
    client = connect(serve(store, read_only=True))
    for method, target in (
        ("POST", "/v2/a/blobs/uploads/"),
        ("PATCH", location),
        ("PUT", location),
        ("GET", location),
        ("DELETE", location),
        ("PUT", "/v2/a/manifests/2"),
        ("DELETE", "/v2/a/manifests/1"),
        ("DELETE", f"/v2/a/manifests/{digest}"),
        ("DELETE", f"/v2/a/blobs/{sha256(b'layer')}"),
    ):
        answer = client.ask(method, target, b"" if method in ("PUT", "PATCH") else None)
        assert (answer.status, answer.code) == (405, "UNSUPPORTED"), (method, target)
    assert client.get("/v2/a/manifests/1").status == 200
    assert client.get("/v2/a/tags/list").json()["tags"] == ["1"]
