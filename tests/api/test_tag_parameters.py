"""Several tags in one push: server.md, Manifests; distribution-spec on its main branch, Pushing Manifests."""

import pytest

from storage_backends.base import Store
from tests.api.client import Client, sha256
from tests.api.conftest import Connect, Serve


def _tags(client: Client, repository: str = "a") -> list[str]:
    tags: list[str] = client.get(f"/v2/{repository}/tags/list").json()["tags"]
    return tags


@pytest.mark.parametrize("count", [1, 10, 100])
def test_a_push_by_digest_sets_every_tag_and_names_each(client: Client, count: int) -> None:
    document = client.image_document("a")
    names = [f"t{number:03}" for number in range(count)]
    answer = client.manifest("a", sha256(document), document, tags=names)
    assert answer.status == 201
    lines = answer.headers.get_all("OCI-Tag") or []
    assert ", ".join(lines).split(", ") == names
    assert len(lines) <= 10
    assert _tags(client) == names


def test_more_tags_than_a_hundred_are_414_and_none_is_set(client: Client) -> None:
    document = client.image_document("a")
    answer = client.manifest("a", sha256(document), document, tags=[f"t{number}" for number in range(101)])
    assert (answer.status, answer.code) == (414, "TAG_INVALID")
    assert client.get(f"/v2/a/manifests/{sha256(document)}").status == 404


def test_a_tag_given_twice_is_set_once(client: Client) -> None:
    document = client.image_document("a")
    answer = client.manifest("a", sha256(document), document, tags=["x", "x"])
    assert answer.headers.get_all("OCI-Tag") == ["x"]


@pytest.mark.parametrize("tag", ["", "-x", "a/b", "a" * 129, "a b", "sha256:abc"])
def test_a_tag_that_is_none_is_400_before_anything_is_stored(client: Client, tag: str) -> None:
    document = client.image_document("a")
    answer = client.manifest("a", sha256(document), document, tags=["good", tag])
    assert (answer.status, answer.code) == (400, "TAG_INVALID")
    assert client.get(f"/v2/a/manifests/{sha256(document)}").status == 404


def test_they_do_not_go_with_a_push_by_tag(client: Client) -> None:
    document = client.image_document("a")
    assert client.manifest("a", "1", document, tags=["2"]).status == 400
    assert client.manifest("a", "1", document).headers.get_all("OCI-Tag") == ["1"]


def test_immutability_of_all_is_checked_before_the_first_moves(serve: Serve, connect: Connect, store: Store) -> None:
    client = connect(serve(store, immutable=("v*",)))
    client.image("a", "v1", b"old")
    document = client.image_document("a", b"new")
    answer = client.manifest("a", sha256(document), document, tags=["latest", "v1", "v2"])
    assert (answer.status, answer.code) == (403, "DENIED")
    assert _tags(client) == ["v1"]
    answer = client.manifest("a", sha256(document), document, tags=["latest", "v2"])
    assert answer.status == 201
    assert client.manifest("a", sha256(document), document, tags=["latest", "v2", "v3"]).status == 201  # a repeat
    assert _tags(client) == ["latest", "v1", "v2", "v3"]
