"""Tags that never move or go: 403 DENIED, whichever way one tries."""

from storage_backends.base import Store
from tests.api.client import Client, index_of, sha256
from tests.api.conftest import Connect, Serve


def _client(serve: Serve, connect: Connect, store: Store) -> Client:
    return connect(serve(store, immutable=("v*", "release/*:*")))


def test_an_immutable_tag_is_set_once(serve: Serve, connect: Connect, store: Store) -> None:
    client = _client(serve, connect, store)
    first = client.image("a", "v1", b"one")
    document = client.image_document("a", b"two")
    answer = client.manifest("a", "v1", document)
    assert (answer.status, answer.code) == (403, "DENIED")
    assert client.head("/v2/a/manifests/v1").header("Docker-Content-Digest") == first
    assert client.manifest("a", "latest", document).status == 201
    assert client.image("a", "v1", b"one") == first  # the same again changes nothing


def test_a_pattern_may_name_repositories(serve: Serve, connect: Connect, store: Store) -> None:
    client = _client(serve, connect, store)
    client.image("release/x", "any", b"one")
    client.image("other", "any", b"one")
    for repository, status in (("release/x", 403), ("other", 201)):
        document = client.image_document(repository, b"two")
        assert client.manifest(repository, "any", document).status == status


def test_it_does_not_go(serve: Serve, connect: Connect, store: Store) -> None:
    client = _client(serve, connect, store)
    digest = client.image("a", "v1")
    for reference in ("v1", digest):
        answer = client.delete(f"/v2/a/manifests/{reference}")
        assert (answer.status, answer.code) == (403, "DENIED")
    assert client.get("/v2/a/manifests/v1").status == 200


def test_a_manifest_with_other_tags_only_goes(serve: Serve, connect: Connect, store: Store) -> None:
    client = _client(serve, connect, store)
    digest = client.image("a", "latest")
    assert client.delete(f"/v2/a/manifests/{digest}").status == 202
    assert client.image("a", "v1") == digest
    assert client.delete(f"/v2/a/manifests/{digest}").status == 403


def test_an_index_that_names_it_is_told_apart(serve: Serve, connect: Connect, store: Store) -> None:
    client = _client(serve, connect, store)
    child = client.image_document("a")
    client.manifest("a", sha256(child), child)
    client.manifest("a", "all", index_of(child))
    assert client.delete(f"/v2/a/manifests/{sha256(child)}").status == 405
