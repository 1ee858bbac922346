"""What holds for every answer: server.md, Everywhere."""

import json
import re
from email.utils import parsedate_to_datetime
from urllib.parse import quote

import pytest

from registry.api.response import WARNING_LIMIT, head_of, warning
from storage_backends.base import Store
from tests.api.client import Client, Raw, image_of, sha256
from tests.api.conftest import Connect, Serve
from tests.api.running import Running

TARGETS = [
    "/v2/",
    "/v2",
    "/v2/_catalog",
    "/v2/a/tags/list",
    "/v2/a/manifests/1",
    "/v2/a/manifests/none",
    f"/v2/a/blobs/{sha256(b'layer')}",
    f"/v2/a/blobs/{sha256(b'none')}",
    f"/v2/a/referrers/{sha256(b'none')}",
    "/v2/a/blobs/uploads/" + "0" * 32,
    "/v2/nothing/here",
    "/nothing",
    "/",
    "/healthz",
    "/readyz",
    "/metrics",
    "/token",
    "/v2/NO/tags/list",
]


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
def test_every_answer_has_version_and_date_and_every_error_is_json(client: Client, method: str) -> None:
    client.image("a", "1")
    for target in TARGETS:
        answer = client.ask(method, target, b"" if method in ("PUT", "PATCH", "POST") else None)
        assert answer.header("Docker-Distribution-Api-Version") == "registry/2.0", target
        assert parsedate_to_datetime(answer.header("Date"))
        assert answer.headers["Server"] is None
        if answer.status >= 400:
            assert answer.header("Content-Type") == "application/json"
            if method != "HEAD":
                assert answer.code
        if answer.status == 405:
            assert answer.header("Allow")
        if method == "HEAD":
            assert answer.body == b""


def test_v2_with_and_without_slash(client: Client) -> None:
    for target in ("/v2/", "/v2"):
        assert client.get(target).status == 200


def test_what_is_not_served_is_404_and_a_wrong_method_405_with_allow(client: Client) -> None:
    answer = client.get("/v2/a/b/c")
    assert (answer.status, answer.code) == (404, "NOT_FOUND")
    answer = client.ask("POST", "/v2/a/manifests/1")
    assert (answer.status, answer.code) == (405, "UNSUPPORTED")
    assert answer.header("Allow") == "DELETE, GET, HEAD, PUT"
    assert client.ask("OPTIONS", "/v2/").header("Allow") == "GET, HEAD"


@pytest.mark.parametrize("name", ["a", "a/b/c", "a.b", "a_b", "a__b", "a-b", "a---b", "0", "a/" + "b" * 200])
def test_names_that_are_names(client: Client, name: str) -> None:
    assert client.begin(name).startswith(f"/v2/{name}/blobs/uploads/")


@pytest.mark.parametrize(
    "name", ["A", "a/B", "a..b", "a___b", "-a", "a-", "a/", "/a", "a//b", "_a", "a b", "é", "a" * 256, "a/../b", "."]
)
def test_names_that_are_none_are_400(client: Client, name: str) -> None:
    for method, target in (("POST", "blobs/uploads/"), ("GET", "tags/list"), ("GET", "manifests/1")):
        answer = client.ask(method, f"/v2/{quote(name)}/{target}")
        assert (answer.status, answer.code) == (400, "NAME_INVALID"), (name, method)


@pytest.mark.parametrize("word", ["blobs", "manifests", "tags", "referrers", "uploads", "list", "v2"])
def test_the_apis_own_words_may_be_components_of_a_name(client: Client, word: str) -> None:
    for name in (word, f"a/{word}", f"{word}/a", f"{word}/{word}", f"a/{word}/uploads", f"{word}/list"):
        digest = client.image(name, "1")
        assert client.get(f"/v2/{name}/manifests/1").header("Docker-Content-Digest") == digest
        assert client.get(f"/v2/{name}/blobs/{sha256(b'layer')}").body == b"layer"
        assert client.get(f"/v2/{name}/tags/list").json() == {"name": name, "tags": ["1"]}
        assert client.get(f"/v2/{name}/referrers/{digest}").status == 200
        assert client.get(client.begin(name)).status == 204


def test_percent_escapes_are_decoded_once(client: Client) -> None:
    client.image("team/app", "1.0")
    for target in ("/v2/team%2Fapp/manifests/1.0", "/v2/team/app/manifests/1%2e0", "/v2/te%61m/app/%6Danifests/1.0"):
        assert client.get(target).status == 200, target
    assert client.get("/v2/team%252Fapp/manifests/1.0").status == 400
    assert client.get(f"/v2/team/app/blobs/{sha256(b'layer').replace(':', '%3A')}").body == b"layer"


@pytest.mark.parametrize(
    "target",
    [
        "/v2/a/%2e%2e/tags/list",
        "/v2/..%2f..%2fetc/tags/list",
        "/v2/a%00b/tags/list",
        "/v2/a/manifests/%00",
        "/v2/a/manifests/..%2f..%2fx",
        "/v2/a/blobs/..%2f..%2fformat.json",
        "/v2/a/blobs/sha256:%2e%2e",
        "/v2/a/manifests/a%0d%0aX:%20y",
        "/v2/%ff%fe/tags/list",
        "/v2/a%/tags/list",
        "/v2/a%zz/tags/list",
        "/v2/a%2",
    ],
)
def test_hostile_paths_are_refused_and_nothing_of_them_gets_anywhere(client: Client, target: str) -> None:
    answer = client.get(target)
    assert answer.status in (400, 404)
    assert answer.code in ("NAME_INVALID", "TAG_INVALID", "DIGEST_INVALID", "NOT_FOUND")
    assert answer.headers["X"] is None


@pytest.mark.parametrize(
    "digest", ["sha256:abc", "sha256:" + "A" * 64, "sha512:" + "0" * 64, "md5:" + "0" * 32, "sha256:"]
)
def test_a_digest_that_is_none_is_400(client: Client, digest: str) -> None:
    for target in (f"/v2/a/blobs/{digest}", f"/v2/a/manifests/{digest}", f"/v2/a/referrers/{digest}"):
        answer = client.get(target)
        assert (answer.status, answer.code) == (400, "DIGEST_INVALID")
        assert client.delete(target).status in (400, 405)


def test_locations_are_relative_unless_an_external_url_is_set(serve: Serve, connect: Connect, store: Store) -> None:
    for settings, prefix in (
        ({}, ""),
        ({"external_url": "https://registry.example.org"}, "https://registry.example.org"),
    ):
        client = connect(serve(store, **settings), Host="evil.example")
        answer = client.ask("POST", "/v2/a/blobs/uploads/")
        assert answer.location.startswith(f"{prefix}/v2/a/blobs/uploads/")
        path = answer.location.removeprefix(prefix)
        assert client.get(path).location.startswith(f"{prefix}/v2/")
        answer = client.ask("PUT", path, b"x", query={"digest": sha256(b"x")})
        assert answer.location == f"{prefix}/v2/a/blobs/{sha256(b'x')}"
        client.blob("a", b"{}")
        answer = client.manifest("a", "1", image_of(b"x"))
        assert answer.location.startswith(f"{prefix}/v2/a/manifests/sha256:")
        assert "evil" not in str(answer.headers)


def test_a_whole_url_in_the_request_line_is_its_path(server: Running, client: Client) -> None:
    client.image("a", "1")
    raw = Raw(server.port)
    raw.send(b"GET http://other.example/v2/a/manifests/1 HTTP/1.1\r\nHost: x\r\n\r\n")
    assert raw.answer().status == 200
    raw.close()


def test_errors_tell_what_was_wrong_with_the_value(client: Client) -> None:
    error = client.get("/v2/BAD/tags/list").json()["errors"][0]
    assert "BAD" in error["message"]


def test_error_messages_are_json_whatever_they_quote(client: Client) -> None:
    answer = client.get("/v2/a%22%5c%e2%80%a8%01/tags/list")
    assert answer.status == 400
    assert json.loads(answer.body)["errors"][0]["code"] == "NAME_INVALID"


def test_a_warning_is_quoted_and_limited() -> None:
    name, value = warning('say "hi"\r\nX: y\\')
    assert name == "Warning"
    assert value == r'299 - "say \"hi\"  X: y\\"'
    for text in ("é" * 5000, "\\" * 5000, '"' * 5000):
        _, value = warning(text)
        assert len(value.encode()) <= WARNING_LIMIT
        assert re.fullmatch(r'299 - "(?:[^"\\]|\\.)*"', value)
    assert len(warning("x" * 100, used=4090)[1]) <= WARNING_LIMIT


@pytest.mark.parametrize("value", ["a\r\nb", "a\nb", "a\rb"])
def test_no_header_can_begin_another_line(value: str) -> None:
    with pytest.raises(ValueError, match="line break"):
        head_of(200, [("X", value)], 0)
