"""If-Match and If-None-Match on PUT and DELETE: server.md, Manifests (spec#250)."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.api import conditions
from tests.api.client import Client, Raw, image_of, sha256
from tests.api.running import Running


def _push(client: Client, reference: str, layer: bytes, **headers: str) -> int:
    document = client.image_document("a", layer)
    named = sha256(document) if reference == "digest" else reference
    return client.manifest("a", named, document, headers={k.replace("_", "-"): v for k, v in headers.items()}).status


def test_a_tag_is_created_only_where_there_is_none(client: Client) -> None:
    assert _push(client, "1", b"one", If_None_Match="*") == 201
    assert _push(client, "1", b"two", If_None_Match="*") == 412
    assert client.head("/v2/a/manifests/1").header("Docker-Content-Digest") == sha256(
        client.image_document("a", b"one")
    )


def test_a_tag_is_moved_only_from_what_the_client_saw(client: Client) -> None:
    assert _push(client, "1", b"one", If_Match="*") == 412
    assert client.get("/v2/a/manifests/1").status == 404
    first = client.image("a", "1", b"one")
    assert _push(client, "1", b"two", If_Match=f'"{sha256(b"x")}"') == 412
    assert _push(client, "1", b"two", If_Match=f'W/"{first}"') == 412  # weak tags never match here
    assert _push(client, "1", b"two", If_Match=f'"x", "{first}"') == 201
    assert _push(client, "1", b"three", If_Match=f'"{first}"') == 412
    assert _push(client, "1", b"three", If_Match="*") == 201
    assert _push(client, "1", b"four", If_None_Match=f'"{first}"') == 201


def test_a_condition_on_a_push_by_digest_is_about_the_manifest(client: Client) -> None:
    assert _push(client, "digest", b"one", If_Match="*") == 412
    assert _push(client, "digest", b"one", If_None_Match="*") == 201
    assert _push(client, "digest", b"one", If_None_Match="*") == 412
    assert _push(client, "digest", b"one", If_Match="*") == 201


def test_a_failed_condition_says_what_is_there(client: Client) -> None:
    digest = client.image("a", "1")
    answer = client.manifest("a", "1", image_of(), headers={"If-None-Match": "*"})
    assert (answer.status, answer.code) == (412, "PRECONDITION_FAILED")
    assert digest in answer.json()["errors"][0]["message"]


@pytest.mark.parametrize("by", ["tag", "digest"])
def test_deletion_obeys_conditions(client: Client, by: str) -> None:
    digest = client.image("a", "1")
    target = "/v2/a/manifests/" + ("1" if by == "tag" else digest)
    assert client.delete(target, {"If-Match": f'"{sha256(b"x")}"'}).status == 412
    assert client.delete(target, {"If-None-Match": "*"}).status == 412
    assert client.delete(target, {"If-None-Match": f'"{digest}"'}).status == 412
    assert client.get(target).status == 200
    assert client.delete(target, {"If-Match": f'"{digest}"'}).status == 202
    assert client.delete(target, {"If-Match": "*"}).status == 404


def test_of_many_creators_one_succeeds(server: Running, client: Client) -> None:
    layers = [b"layer %d" % number for number in range(8)]
    documents = [client.image_document("a", layer) for layer in layers]

    def create(document: bytes) -> int:
        other = Client(server.port)
        try:
            return other.manifest("a", "only", document, headers={"If-None-Match": "*"}).status
        finally:
            other.close()

    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(create, documents))
    assert sorted(statuses) == [201] + [412] * 7
    winner = documents[statuses.index(201)]
    assert client.get("/v2/a/manifests/only").body == winner


class Asked:
    def __init__(self, **headers: str) -> None:
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


@given(st.text(alphabet='W/"*, abc:\\', max_size=30))
def test_any_header_is_read_without_harm(header: str) -> None:
    request: Any = Asked(If_None_Match=header)
    found = conditions.not_modified(request, "abc")
    assert found == (header.strip() == "*" or '"abc"' in header) or '"' in header


def test_conditions_may_be_repeated_fields(server: Running, client: Client) -> None:
    """Only the first is looked at: a list belongs into one field."""
    digest = client.image("a", "1")
    raw = Raw(server.port)
    raw.send(f'GET /v2/a/manifests/1 HTTP/1.1\r\nHost: x\r\nIf-None-Match: "{digest}"\r\n\r\n'.encode())
    assert raw.answer().status == 304
    raw.close()
