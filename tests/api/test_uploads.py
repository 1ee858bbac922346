"""Upload sessions: server.md, Uploads; distribution-spec, Pushing blobs."""

import gzip
import hashlib
import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from storage_backends.base import Store
from tests.api.client import Client, sha256, sha512
from tests.api.conftest import Connect, Serve
from tests.api.running import Running

UUID = r"[0-9a-f]{32}"


def test_post_begins_a_session(client: Client) -> None:
    answer = client.ask("POST", "/v2/a/b/blobs/uploads/")
    assert answer.status == 202
    uuid = answer.header("Docker-Upload-UUID")
    assert len(uuid) == 32
    assert answer.location == f"/v2/a/b/blobs/uploads/{uuid}"
    assert answer.header("Content-Length") == "0"
    assert answer.header("Range") == "0-0"  # never 0--1, which buildkit cannot read
    assert answer.headers["OCI-Chunk-Min-Length"] is None
    assert client.ask("POST", "/v2/a/b/blobs/uploads").status == 202


@pytest.mark.parametrize("size", [0, 1, 5000, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 5 << 20])
@pytest.mark.parametrize("hashed", [sha256, sha512])
def test_a_whole_blob_in_one_post(client: Client, size: int, hashed) -> None:  # type: ignore[no-untyped-def]  # one of two
    data = os.urandom(size)
    answer = client.ask("POST", "/v2/a/blobs/uploads/", data, query={"digest": hashed(data)})
    assert answer.status == 201
    assert answer.location == f"/v2/a/blobs/{hashed(data)}"
    assert answer.header("Docker-Content-Digest") == hashed(data)
    assert client.get(answer.location).body == data


@pytest.mark.parametrize("size", [0, 1, 5000, 3 << 20])
def test_post_then_put_as_containerd_does(client: Client, size: int) -> None:
    data = os.urandom(size)
    answer = client.ask("PUT", client.begin("a"), data, query={"digest": sha256(data)})
    assert (answer.status, answer.location) == (201, f"/v2/a/blobs/{sha256(data)}")
    assert client.get(answer.location).body == data


@pytest.mark.parametrize("chunked", [False, True])
def test_post_patch_put_as_docker_and_podman_do(client: Client, chunked: bool) -> None:
    data = os.urandom(3 << 20)
    location = client.begin("a")
    body = iter([data[:1000], data[1000 : 2 << 20], data[2 << 20 :]]) if chunked else data
    answer = client.ask("PATCH", location, body, chunked=chunked)
    assert answer.status == 202
    assert answer.header("Range") == f"0-{len(data) - 1}"
    assert answer.header("Content-Length") == "0"
    answer = client.ask("PUT", answer.location, query={"digest": sha256(data)})
    assert answer.status == 201
    assert client.get(answer.location).body == data


def test_a_chunked_put_and_a_chunked_post_are_streamed(client: Client) -> None:
    data = os.urandom(3 << 20)
    answer = client.ask("PUT", client.begin("a"), iter([data]), query={"digest": sha256(data)}, chunked=True)
    assert answer.status == 201
    data = os.urandom(3 << 20)
    answer = client.ask("POST", "/v2/a/blobs/uploads/", iter([data]), query={"digest": sha256(data)}, chunked=True)
    assert answer.status == 201
    assert client.get(answer.location).body == data


def test_chunks_with_content_range_end_in_the_put(client: Client) -> None:
    data = os.urandom(3000)
    location = client.begin("a")
    for start in (0, 1000):
        answer = client.ask("PATCH", location, data[start : start + 1000], {"Content-Range": f"{start}-{start + 999}"})
        assert answer.status == 202
        assert answer.header("Range") == f"0-{start + 999}"  # of the whole upload, not of the chunk
        location = answer.location
    answer = client.ask("PUT", location, data[2000:], {"Content-Range": "2000-2999"}, {"digest": sha256(data)})
    assert answer.status == 201
    assert client.get(answer.location).body == data


def test_the_status_tells_how_much_is_there(client: Client) -> None:
    location = client.begin("a")
    for expected, chunk in (("0-0", b"hello"), ("0-4", b" world"), ("0-10", b"")):
        answer = client.get(location)
        assert (answer.status, answer.body) == (204, b"")
        assert answer.header("Range") == expected
        assert answer.location == location
        assert answer.header("Docker-Upload-UUID") in location
        assert client.ask("PATCH", location, chunk).status == 202


@pytest.mark.parametrize("method", ["PATCH", "PUT"])
@pytest.mark.parametrize("chunk", ["0-4", "4-8", "6-10", "100-104", "9-5"])
def test_a_chunk_out_of_order_is_416_and_says_where_to_go_on(client: Client, method: str, chunk: str) -> None:
    location = client.begin("a")
    client.ask("PATCH", location, b"hello")
    query = {"digest": sha256(b"hello world")}
    answer = client.ask(method, location, b"world", {"Content-Range": chunk}, query if method == "PUT" else None)
    assert (answer.status, answer.code) == (416, "BLOB_UPLOAD_INVALID")
    assert answer.header("Range") == "0-4"
    assert answer.location == location
    answer = client.ask("PUT", location, b" world", {"Content-Range": "5-10"}, query)
    assert answer.status == 201


def test_a_chunk_whose_lengths_disagree_is_refused_and_not_kept(client: Client) -> None:
    location = client.begin("a")
    answer = client.ask("PATCH", location, b"hello", {"Content-Range": "0-9"})
    assert (answer.status, answer.code) == (400, "SIZE_INVALID")
    for length in (4, 6):  # a stream says no length beforehand
        body = iter([b"x" * length])
        answer = client.ask("PATCH", location, body, {"Content-Range": "0-4"}, chunked=True)
        assert (answer.status, answer.code) == (400, "SIZE_INVALID")
    assert client.get(location).header("Range") == "0-0"
    assert client.ask("PATCH", location, b"hello", {"Content-Range": "0-4"}).status == 202


@pytest.mark.parametrize("value", ["0", "a-b", "0-4-5", "-5", "5-", "0-" + "9" * 30, "chunks 0-4"])
def test_a_content_range_that_is_none_is_refused(client: Client, value: str) -> None:
    answer = client.ask("PATCH", client.begin("a"), b"hello", {"Content-Range": value})
    assert (answer.status, answer.code) == (400, "BLOB_UPLOAD_INVALID")


def test_cancelling_ends_a_session(client: Client) -> None:
    location = client.begin("a")
    client.ask("PATCH", location, b"hello")
    answer = client.delete(location)
    assert (answer.status, answer.body) == (204, b"")
    for method in ("GET", "PATCH", "DELETE"):
        answer = client.ask(method, location, b"" if method == "PATCH" else None)
        assert (answer.status, answer.code) == (404, "BLOB_UPLOAD_UNKNOWN")


def test_a_closed_session_is_unknown_and_its_blob_stays(client: Client) -> None:
    location = client.begin("a")
    assert client.ask("PUT", location, b"done", query={"digest": sha256(b"done")}).status == 201
    for method, query in (("GET", {}), ("PATCH", {}), ("PUT", {"digest": sha256(b"donemore")}), ("DELETE", {})):
        answer = client.ask(method, location, b"more" if method in ("PATCH", "PUT") else None, query=query)
        assert (answer.status, answer.code) == (404, "BLOB_UPLOAD_UNKNOWN")
    assert client.get(f"/v2/a/blobs/{sha256(b'done')}").body == b"done"


@pytest.mark.parametrize("way", ["post", "put", "chunks"])
@pytest.mark.parametrize("size", [5, 3 << 20])
def test_a_wrong_digest_is_400_and_nothing_of_it_is_kept(client: Client, store: Store, way: str, size: int) -> None:
    data = os.urandom(size)
    wrong = {"digest": sha256(b"something else")}
    if way == "post":
        answer = client.ask("POST", "/v2/a/blobs/uploads/", data, query=wrong)
    else:
        location = client.begin("a")
        if way == "chunks":
            assert client.ask("PATCH", location, data).status == 202
        answer = client.ask("PUT", location, None if way == "chunks" else data, query=wrong)
        assert client.get(location).status == 404
    assert (answer.status, answer.code) == (400, "DIGEST_INVALID")
    for digest in (sha256(data), wrong["digest"]):
        assert client.head(f"/v2/a/blobs/{digest}").status == 404
    assert store.records.list("uploads/") == []
    assert store.bytes.list("data/") == []


@pytest.mark.parametrize("digest", ["", "sha256:abc", "md5:d41d8cd98f00b204e9800998ecf8427e", "sha256:" + "G" * 64])
def test_a_digest_that_is_none_is_400(client: Client, digest: str) -> None:
    location = client.begin("a")
    for method, target in (("POST", "/v2/a/blobs/uploads/"), ("PUT", location)):
        answer = client.ask(method, target, b"x", query={"digest": digest})
        assert (answer.status, answer.code) == (400, "DIGEST_INVALID")
    assert client.ask("PUT", location, b"x").code == "DIGEST_INVALID"  # none at all
    assert client.get(location).status == 204


def test_sha512_works_with_the_hint_and_without(client: Client) -> None:
    data = os.urandom(2 << 20)
    for query in ({}, {"digest-algorithm": "sha512"}, {"digest-algorithm": "sha256"}):
        location = client.begin("a", **query)
        answer = client.ask("PATCH", location, data[:1000])
        answer = client.ask("PATCH", answer.location, data[1000:])
        answer = client.ask("PUT", answer.location, query={"digest": sha512(data)})
        assert answer.status == 201
        assert answer.header("Docker-Content-Digest") == sha512(data)
        assert client.get(answer.location).body == data


def test_the_hint_travels_in_the_location(client: Client) -> None:
    location = client.begin("a", **{"digest-algorithm": "sha512"})
    assert location.endswith("?digest-algorithm=sha512")
    assert client.ask("PATCH", location, b"x").location == location
    assert client.get(location).location == location


def test_an_algorithm_that_is_not_known_is_400(client: Client) -> None:
    answer = client.ask("POST", "/v2/a/blobs/uploads/", query={"digest-algorithm": "md5"})
    assert (answer.status, answer.code) == (400, "DIGEST_INVALID")


def test_another_process_goes_on_with_a_session(serve: Serve, connect: Connect, store: Store) -> None:
    """Sessions outlive restarts and work on any replica: the hash that another process kept is not needed."""
    one, other = connect(serve(store)), connect(serve(store))
    data = os.urandom(3 << 20)
    location = one.begin("a")
    assert one.ask("PATCH", location, data[: 1 << 20]).status == 202
    assert other.ask("PATCH", location, data[1 << 20 : 2 << 20]).header("Range") == f"0-{(2 << 20) - 1}"
    assert one.ask("PATCH", location, data[2 << 20 :]).status == 202
    assert other.ask("PUT", location, query={"digest": sha256(data)}).status == 201
    assert one.get(f"/v2/a/blobs/{sha256(data)}").body == data


def test_a_hash_state_of_an_older_offset_is_not_used(serve: Serve, connect: Connect, store: Store) -> None:
    one, other = connect(serve(store)), connect(serve(store))
    location = one.begin("a")
    one.ask("PATCH", location, b"one")
    other.ask("PATCH", location, b"other")
    assert one.ask("PUT", location, b"!", query={"digest": sha256(b"oneother!")}).status == 201


def test_a_session_belongs_to_its_repository(client: Client) -> None:
    location = client.begin("mine")
    client.ask("PATCH", location, b"hello")
    client.begin("other")
    stolen = location.replace("/mine/", "/other/")
    for method in ("GET", "PATCH", "PUT", "DELETE"):
        query = {"digest": sha256(b"hello")} if method == "PUT" else {}
        answer = client.ask(method, stolen, b"" if method != "GET" else None, query=query)
        assert (answer.status, answer.code) == (404, "BLOB_UPLOAD_UNKNOWN")
    assert client.get(location).header("Range") == "0-4"


@pytest.mark.parametrize("uuid", ["0" * 32, "F" * 32, "..", "%2e%2e", "a", "0" * 31 + "/x", "0" * 33, "~"])
def test_an_upload_that_is_none_is_404(client: Client, uuid: str) -> None:
    client.blob("a", b"x")
    answer = client.get(f"/v2/a/blobs/uploads/{uuid}")
    assert answer.status == 404


def test_two_closes_of_one_blob_race_harmlessly(server: Running) -> None:
    data = os.urandom(1 << 20)

    def push(number: int) -> int:
        client = Client(server.port)
        try:
            return client.ask("PUT", client.begin(f"r{number % 2}"), data, query={"digest": sha256(data)}).status
        finally:
            client.close()

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(push, range(16))) == {201}
    client = Client(server.port)
    assert client.get(f"/v2/r0/blobs/{sha256(data)}").body == client.get(f"/v2/r1/blobs/{sha256(data)}").body == data
    client.close()


def test_the_body_is_taken_as_it_comes_whatever_its_encoding_says(client: Client) -> None:
    """aiohttp would inflate it, and the digest would be another's."""
    data = gzip.compress(b"x" * 100_000)
    answer = client.ask("POST", "/v2/a/blobs/uploads/", data, {"Content-Encoding": "gzip"}, {"digest": sha256(data)})
    assert answer.status == 201
    assert client.get(answer.location).body == data


def test_there_is_no_limit_on_a_blob(client: Client) -> None:
    """Larger than aiohttp's client_max_size and than every buffer."""
    piece = os.urandom(1 << 20)
    hasher = hashlib.sha256()
    for _ in range(40):
        hasher.update(piece)
    digest = "sha256:" + hasher.hexdigest()
    answer = client.ask(
        "PUT", client.begin("a"), iter([piece] * 40), {"Content-Length": str(40 << 20)}, {"digest": digest}
    )
    assert answer.status == 201
    assert client.head(answer.location).header("Content-Length") == str(40 << 20)


def test_a_field_given_twice_is_400(client: Client) -> None:
    digest = sha256(b"x")
    answer = client.ask("POST", f"/v2/a/blobs/uploads/?digest={digest}&digest={digest}", b"x")
    assert (answer.status, answer.code) == (400, "BAD_REQUEST")
