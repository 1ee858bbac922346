"""Pulling and deleting blobs: server.md, Blobs; distribution-spec, Pulling blobs, Deleting Blobs."""

import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from oci_spec.digest import Digest
from registry.content.layout import BlobKey, DataKey
from registry.content.records import Record
from registry.content.steps import Get, drive
from storage_backends.base import Store, seal
from storage_backends.filesystem import FilesystemStore
from tests.api.client import OCTETS, Client, Raw, image_of, sha256, sha512
from tests.api.conftest import Connect, Serve
from tests.api.running import Running

SIZES = [0, 1, 1000, 64 << 10, (64 << 10) + 1, 3 << 20]


@pytest.mark.parametrize("size", SIZES)
def test_a_blob_comes_back_byte_for_byte_with_its_headers(client: Client, size: int) -> None:
    data = os.urandom(size)
    digest = client.blob("a/b", data)
    for method in ("GET", "HEAD"):
        answer = client.ask(method, f"/v2/a/b/blobs/{digest}")
        assert answer.status == 200
        assert answer.body == (data if method == "GET" else b"")
        assert answer.header("Content-Length") == str(size)
        assert answer.header("Docker-Content-Digest") == digest
        assert answer.header("ETag") == f'"{digest}"'
        assert answer.header("Accept-Ranges") == "bytes"
        assert answer.header("Content-Type") == OCTETS
        assert answer.header("Cache-Control") == "max-age=31536000, immutable"
        assert answer.headers["Content-Encoding"] is None


def test_the_digest_in_the_header_is_the_one_that_was_asked_for(client: Client) -> None:
    data = b"both"
    client.blob("a", data, sha512(data))
    assert client.head(f"/v2/a/blobs/{sha512(data)}").header("Docker-Content-Digest") == sha512(data)
    assert client.head(f"/v2/a/blobs/{sha256(data)}").status == 404
    client.blob("a", data, sha256(data))
    assert client.head(f"/v2/a/blobs/{sha256(data)}").header("Docker-Content-Digest") == sha256(data)


@pytest.mark.parametrize("size", [10, 1 << 20])
def test_a_blob_is_never_encoded_whatever_the_client_accepts(client: Client, size: int) -> None:
    digest = client.blob("a", b"x" * size)
    answer = client.get(f"/v2/a/blobs/{digest}", {"Accept-Encoding": "zstd, gzip"})
    assert answer.headers["Content-Encoding"] is None
    assert answer.body == b"x" * size


@pytest.mark.parametrize("size", [10, 1 << 20])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_what_the_client_has_already_is_not_modified(client: Client, method: str, size: int) -> None:
    digest = client.blob("a", b"x" * size)
    for condition in (f'"{digest}"', "*", f'"other", W/"{digest}"'):
        answer = client.ask(method, f"/v2/a/blobs/{digest}", headers={"If-None-Match": condition})
        assert (answer.status, answer.body) == (304, b"")
        assert answer.header("ETag") == f'"{digest}"'
    assert client.ask(method, f"/v2/a/blobs/{digest}", headers={"If-None-Match": '"other"'}).status == 200
    assert client.ask(method, f"/v2/a/blobs/{digest}", headers={"If-Match": '"other"'}).status == 412
    assert client.ask(method, f"/v2/a/blobs/{digest}", headers={"If-Match": f'"{digest}"'}).status == 200


def test_an_absent_blob_is_404_for_head_too(client: Client) -> None:
    client.blob("a", b"here")
    for method in ("GET", "HEAD"):
        answer = client.ask(method, f"/v2/a/blobs/{sha256(b'absent')}")
        assert answer.status == 404
        assert answer.headers["Content-Type"] == "application/json"
    assert client.get(f"/v2/a/blobs/{sha256(b'absent')}").code == "BLOB_UNKNOWN"
    assert client.get(f"/v2/none/blobs/{sha256(b'here')}").code == "NAME_UNKNOWN"


def test_a_blob_is_seen_only_in_repositories_that_hold_it(client: Client) -> None:
    digest = client.blob("one", b"mine")
    client.blob("other", b"something")
    for method in ("GET", "HEAD", "DELETE"):
        assert client.ask(method, f"/v2/other/blobs/{digest}").status == 404
    assert client.get(f"/v2/one/blobs/{digest}").body == b"mine"


def test_a_manifest_is_no_blob(client: Client) -> None:
    digest = client.image("a", "1")
    assert client.get(f"/v2/a/manifests/{digest}").status == 200
    for method in ("GET", "HEAD"):
        assert client.ask(method, f"/v2/a/blobs/{digest}").status == 404


def test_a_deleted_blob_is_gone_at_once(client: Client) -> None:
    digest = client.blob("a", b"short-lived")
    assert client.get(f"/v2/a/blobs/{digest}").status == 200
    assert client.delete(f"/v2/a/blobs/{digest}").status == 202
    assert client.head(f"/v2/a/blobs/{digest}").status == 404
    assert client.delete(f"/v2/a/blobs/{digest}").code == "BLOB_UNKNOWN"


def test_deleting_from_one_repository_leaves_the_others_theirs(client: Client) -> None:
    digest = client.blob("one", b"shared")
    client.blob("other", b"shared")
    assert client.delete(f"/v2/one/blobs/{digest}").status == 202
    assert client.get(f"/v2/other/blobs/{digest}").body == b"shared"


def test_a_blob_that_a_manifest_names_is_not_deleted(client: Client) -> None:
    digest = client.image("a", "1", b"layer")
    answer = client.delete(f"/v2/a/blobs/{sha256(b'layer')}")
    assert (answer.status, answer.code) == (405, "DENIED")
    assert "GET" in answer.header("Allow")
    assert client.get(f"/v2/a/blobs/{sha256(b'layer')}").body == b"layer"
    assert client.delete(f"/v2/a/manifests/{digest}").status == 202
    assert client.delete(f"/v2/a/blobs/{sha256(b'layer')}").status == 202


def test_a_blob_that_a_manifest_being_pushed_names_is_not_deleted(client: Client) -> None:
    digest = client.blob("a", b"layer")
    assert client.manifest("a", "1", image_of(b"layer")).code == "MANIFEST_BLOB_UNKNOWN"  # the config is not there yet
    assert client.delete(f"/v2/a/blobs/{digest}").status == 405


def _record(store: Store, digest: str) -> Record:
    def look():  # type: ignore[no-untyped-def]  # a step function of one step
        return (yield Get(BlobKey(Digest.parse(digest))))

    record: Record | None = drive(look(), store)
    assert record is not None and record.data is not None
    return record


@pytest.mark.parametrize("size", [100, 1 << 20])
def test_bytes_that_are_not_there_are_an_error_and_never_a_short_blob(
    serve: Serve, connect: Connect, store: Store, size: int
) -> None:
    server = serve(store)
    client = connect(server)
    digest = client.blob("a", b"x" * size)
    data = _record(store, digest).data
    assert data is not None
    store.bytes.delete(DataKey(data).path)
    answer = client.get(f"/v2/a/blobs/{digest}")
    assert (answer.status, answer.code) == (500, "UNKNOWN")
    assert data not in answer.body.decode()


@pytest.mark.parametrize("size", [100, 1 << 20])
def test_bytes_that_were_cut_short_are_an_error_before_anything_is_sent(
    client: Client, store: Store, size: int
) -> None:
    digest = client.blob("a", b"x" * size)
    data = _record(store, digest).data
    assert data is not None
    with store.bytes.write(DataKey(data).path, size - 1):
        pass
    assert client.get(f"/v2/a/blobs/{digest}").status == 500
    assert client.get("/v2/").status == 200


def test_a_file_that_ends_while_it_is_sent_cuts_the_connection(
    serve: Serve, connect: Connect, disk: FilesystemStore
) -> None:
    server = serve(disk)
    size = 64 << 20
    digest = connect(server).blob("a", bytes(size))
    data = _record(disk, digest).data
    assert data is not None
    raw = Raw(server.port)
    raw.send(f"GET /v2/a/blobs/{digest} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    assert raw.line().startswith(b"HTTP/1.1 200")
    with disk.bytes.write(DataKey(data).path, 1000):  # more than what is under way in the sockets
        pass
    assert len(raw.rest()) < size
    raw.close()
    assert connect(server).get("/v2/").status == 200


def test_head_of_an_old_blob_makes_it_young_for_one_who_may_push(serve: Serve, connect: Connect, store: Store) -> None:
    """A client that was told that the blob is here has the whole grace to push what names it."""
    server = serve(store, grace=0.0)
    client = connect(server)
    digest = client.blob("a", b"old")
    key = f"links/sha256/{digest[7:9]}/{digest[7:]}/a"
    before = store.records.get(key)
    assert client.head(f"/v2/a/blobs/{digest}").status == 200
    after = store.records.get(key)
    assert before is not None and after is not None and before.version != after.version


def test_head_of_a_young_blob_writes_nothing(client: Client, store: Store) -> None:
    digest = client.blob("a", b"young")
    key = f"links/sha256/{digest[7:9]}/{digest[7:]}/a"
    before = store.records.get(key)
    assert client.head(f"/v2/a/blobs/{digest}").status == 200
    assert store.records.get(key) == before


@pytest.mark.parametrize("place", ["link", "blob"])
def test_head_takes_a_collectors_mark_off(client: Client, store: Store, place: str) -> None:
    digest = client.blob("a", b"condemned")
    path = f"sha256/{digest[7:9]}/{digest[7:]}"
    key = f"links/{path}/a" if place == "link" else f"blobs/{path}"
    found = store.records.get(key)
    assert found is not None
    record = Record.read(found, key)
    value, _ = seal({**record.fields, "condemned": True})
    assert store.records.put(key, value, found.version)
    assert client.head(f"/v2/a/blobs/{digest}").status == 200
    now = store.records.get(key)
    assert now is not None and not Record.read(now, key).condemned


def test_a_read_only_registry_changes_nothing_on_head(serve: Serve, connect: Connect, store: Store) -> None:
    digest = connect(serve(store, grace=0.0)).blob("a", b"old")
    key = f"links/sha256/{digest[7:9]}/{digest[7:]}/a"
    before = store.records.get(key)
    assert connect(serve(store, grace=0.0, read_only=True)).head(f"/v2/a/blobs/{digest}").status == 200
    assert store.records.get(key) == before


def test_many_clients_pull_at_once(server: Running, connect: Connect) -> None:
    data = os.urandom(2 << 20)
    digest = connect(server).blob("a", data)

    def pull(_: int) -> bool:
        client = Client(server.port)
        try:
            return client.get(f"/v2/a/blobs/{digest}").body == data
        finally:
            client.close()

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(pull, range(32)))
