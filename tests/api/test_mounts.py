"""Mounting: server.md, Uploads; distribution-spec, Mounting a blob from another repository."""

from pathlib import Path

import pytest

from storage_backends.base import Store
from tests.api.client import Client, sha256, sha512
from tests.api.conftest import Connect, Serve


def _mount(client: Client, repository: str, digest: str, **query: str):  # type: ignore[no-untyped-def]  # an Answer
    return client.ask("POST", f"/v2/{repository}/blobs/uploads/", query={"mount": digest, **query})


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize("hashed", [sha256, sha512])
def test_a_blob_is_mounted_from_where_it_is(client: Client, named: bool, hashed) -> None:  # type: ignore[no-untyped-def]
    digest = client.blob("one", b"shared", hashed(b"shared"))
    answer = _mount(client, "other/place", digest, **({"from": "one"} if named else {}))
    assert answer.status == 201
    assert answer.location == f"/v2/other/place/blobs/{digest}"
    assert answer.header("Docker-Content-Digest") == digest
    assert client.get(answer.location).body == b"shared"
    assert client.delete(f"/v2/one/blobs/{digest}").status == 202
    assert client.get(answer.location).body == b"shared"


@pytest.mark.parametrize("source", ["one", "none", "NOT A NAME", "..", ""])
def test_what_cannot_be_mounted_is_a_session_and_never_an_error(client: Client, source: str) -> None:
    client.blob("one", b"something else")
    client.blob("third", b"wanted")
    answer = _mount(client, "other", sha256(b"wanted"), **{"from": source})
    assert answer.status == 202
    assert client.ask("PUT", answer.location, b"wanted", query={"digest": sha256(b"wanted")}).status == 201


def test_a_blob_that_nobody_has_is_a_session(client: Client) -> None:
    assert _mount(client, "other", sha256(b"wanted")).status == 202


def test_a_blob_that_was_deleted_from_the_source_is_not_mounted(client: Client) -> None:
    digest = client.blob("one", b"shared")
    client.delete(f"/v2/one/blobs/{digest}")
    for query in ({"from": "one"}, {}):
        assert _mount(client, "other", digest, **query).status == 202


def test_mounting_where_it_is_already_is_created_too(client: Client) -> None:
    digest = client.blob("one", b"here")
    assert _mount(client, "one", digest, **{"from": "one"}).status == 201


def test_a_digest_that_is_none_is_400(client: Client) -> None:
    answer = _mount(client, "other", "sha256:abc", **{"from": "one"})
    assert (answer.status, answer.code) == (400, "DIGEST_INVALID")


def test_only_what_the_token_may_pull_is_mounted(serve: Serve, connect: Connect, store: Store, htpasswd: Path) -> None:
    server = serve(store, htpasswd=str(htpasswd), anonymous_pull=True)
    ann = connect(server, Authorization="Basic YW5uOnNlY3JldA==")
    digest = ann.blob("private", b"shared")

    def token(*scopes: str) -> Client:
        answer = ann.ask("GET", "/token", query=[("scope", scope) for scope in scopes])
        return connect(server, Authorization=f"Bearer {answer.json()['token']}")

    alone = token("repository:mine:pull,push")
    for query in ({"from": "private"}, {}):
        assert _mount(alone, "mine", digest, **query).status == 202
    both = token("repository:mine:pull,push", "repository:private:pull")
    assert _mount(both, "mine", digest, **{"from": "private"}).status == 201
    again = token("repository:yours:pull,push repository:mine:pull")
    assert _mount(again, "yours", digest).status == 201
