"""Uploads that go wrong: cut, slow, too many, no room, two at once, somebody who comes too late."""

import errno
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from oci_spec.digest import Digest
from registry.api import intake
from registry.content import uploads
from registry.content.layout import DataKey
from registry.content.records import Record
from registry.content.steps import Steps, drive
from storage_backends.base import Store
from storage_backends.errors import BytesBusy
from storage_backends.filesystem import FilesystemStore
from storage_backends.memory import MemoryStore
from tests.api.client import Answer, Client, Raw, sha256, wait_until
from tests.api.conftest import Connect, Serve
from tests.api.running import Running


def _offset(client: Client, location: str) -> int:
    return int(client.get(location).header("Range").partition("-")[2]) + 1


def _head(method: str, target: str, length: int, *lines: str) -> bytes:
    fields = [f"{method} {target} HTTP/1.1", "Host: x", f"Content-Length: {length}", *lines]
    return ("\r\n".join(fields) + "\r\n\r\n").encode()


@pytest.mark.parametrize("came", [5, 300_000, (1 << 20) + 10, 3 << 20])
@pytest.mark.parametrize("method", ["PATCH", "PUT"])
def test_a_cut_chunk_keeps_what_arrived(server: Running, client: Client, method: str, came: int) -> None:
    data = os.urandom(came + 1000)
    location = client.begin("a")
    target = location if method == "PATCH" else f"{location}?digest={sha256(data)}"
    raw = Raw(server.port).send(_head(method, target, len(data)) + data[:came])
    raw.close()
    wait_until("all that came is kept", lambda: _offset(client, location) == came)
    wait_until("the upload is over", lambda: server.service.registry.uploads == 0)
    assert client.head(f"/v2/a/blobs/{sha256(data)}").status == 404
    answer = client.ask(
        "PUT", location, data[came:], {"Content-Range": f"{came}-{len(data) - 1}"}, {"digest": sha256(data)}
    )
    assert answer.status == 201
    assert client.get(answer.location).body == data


def test_a_cut_post_leaves_nothing(server: Running, client: Client, store: Store) -> None:
    data = os.urandom(3 << 20)
    target = f"/v2/a/blobs/uploads/?digest={sha256(data)}"
    raw = Raw(server.port).send(_head("POST", target, len(data)) + data[:-1])
    wait_until("it is being read", lambda: server.service.registry.uploads == 1)
    raw.close()
    wait_until("the upload is over", lambda: server.service.registry.uploads == 0)
    assert store.records.list("uploads/") == []
    assert store.bytes.list("data/") == []
    assert client.head(f"/v2/a/blobs/{sha256(data)}").status == 404


def test_a_chunked_body_that_is_broken_is_told_and_what_came_is_kept(server: Running, client: Client) -> None:
    location = client.begin("a")
    raw = Raw(server.port)
    raw.send(f"PATCH {location} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n".encode())
    wait_until("it is being read", lambda: _bytes_of(server.store, location) == 5)
    raw.send(b"no number\r\n")
    answer = raw.answer()
    assert (answer.status, answer.code) == (400, "BAD_REQUEST")
    assert answer.header("Connection") == "close"
    assert raw.rest() == b""
    raw.close()
    assert _offset(client, location) == 5


def test_a_body_that_is_broken_from_the_start_is_told(server: Running, client: Client) -> None:
    location = client.begin("a")
    head = f"PATCH {location} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    for together, pause in ((True, False), (False, False), (False, True)):
        raw = Raw(server.port)
        if together:
            wait_until("it waits for a request", lambda: bool(server.service.registry.uploads == 0))
            raw.send(b"GET /v2/ HTTP/1.1\r\nHost: x\r\n\r\n")
            assert raw.answer().status == 200
            raw.send(head + b"no number\r\n")
        else:
            raw.send(head)
            if pause:
                wait_until("it is being read", lambda: server.service.registry.uploads == 1)
            raw.send(b"no number\r\n")
        answer = raw.answer()
        assert (answer.status, answer.code) == (400, "BAD_REQUEST")
        raw.close()
    wait_until("the upload is over", lambda: server.service.registry.uploads == 0)


def test_a_body_that_stops_coming_is_408_and_what_came_is_kept(serve: Serve, connect: Connect, store: Store) -> None:
    server = serve(store, body_timeout=0.3)
    client = connect(server)
    location = client.begin("a")
    raw = Raw(server.port).send(_head("PATCH", location, 100) + b"hello")
    answer = raw.answer()
    assert (answer.status, answer.code) == (408, "TIMEOUT")
    assert answer.header("Connection") == "close"
    raw.close()
    assert _offset(client, location) == 5
    assert server.service.registry.uploads == 0


def test_a_manifest_that_stops_coming_is_408(serve: Serve, connect: Connect, store: Store) -> None:
    server = serve(store, body_timeout=0.2)
    raw = Raw(server.port).send(_head("PUT", "/v2/a/manifests/1", 100) + b"{")
    assert raw.answer().status == 408
    raw.close()


def test_a_slow_client_holds_no_memory(serve: Serve, connect: Connect, store: Store) -> None:
    """Pieces are written when they are a quarter of a second old, full or not."""
    server = serve(store, upload_memory=1 << 20)
    client = connect(server)
    slow = [client.begin("a") for _ in range(3)]
    raws = [Raw(server.port).send(_head("PATCH", location, 100) + b"hello") for location in slow]
    try:
        data = os.urandom(3 << 20)
        assert client.blob("b", data) == sha256(data)  # with one piece in all, it had to wait for theirs
        for location in slow:
            wait_until("it was written", lambda location=location: _bytes_of(store, location) == 5)
    finally:
        for raw in raws:
            raw.close()
    wait_until("the uploads are over", lambda: server.service.registry.uploads == 0)
    assert server.call(lambda: server.service.registry.pieces.free) == 1


def _bytes_of(store: Store, location: str) -> int | None:
    return store.bytes.size(DataKey(location.rpartition("/")[2]).path)


def test_more_uploads_than_allowed_are_429_and_told_when_to_come_again(
    serve: Serve, connect: Connect, store: Store
) -> None:
    server = serve(store, max_uploads=1)
    client = connect(server)
    location = client.begin("a")
    raw = Raw(server.port).send(_head("PATCH", location, 100) + b"hello")
    wait_until("it is being read", lambda: server.service.registry.uploads == 1)
    digest = sha256(b"x")
    answer = client.ask("POST", "/v2/a/blobs/uploads/", b"x", query={"digest": digest})
    assert (answer.status, answer.code) == (429, "TOOMANYREQUESTS")
    assert int(answer.header("Retry-After")) > 0
    assert client.get("/v2/").status == 200
    raw.close()
    wait_until("it is over", lambda: server.service.registry.uploads == 0)
    assert client.blob("a", b"x") == digest


def test_below_the_floor_of_free_space_uploads_are_507_and_pulls_go_on(
    serve: Serve, connect: Connect, tmp_path: Path
) -> None:
    roomy = FilesystemStore(str(tmp_path / "store"))
    roomy.open()
    digest = connect(serve(roomy)).blob("a", b"here")
    location = connect(serve(roomy)).begin("a")
    full = FilesystemStore(str(tmp_path / "store"), floor=1 << 60)
    full.open()
    client = connect(serve(full))
    for method, target, body in (
        ("POST", "/v2/a/blobs/uploads/", None),
        ("POST", f"/v2/a/blobs/uploads/?digest={sha256(b'x')}", b"x"),
        ("PATCH", location, b"x"),
        ("PUT", f"{location}?digest={sha256(b'x')}", b"x"),
    ):
        answer = client.ask(method, target, body)
        assert (answer.status, answer.code) == (507, "INSUFFICIENT_STORAGE")
        assert int(answer.header("Retry-After")) > 0
    assert client.get(f"/v2/a/blobs/{digest}").body == b"here"
    assert client.ask("DELETE", f"/v2/a/blobs/{digest}").status == 202
    for store in (roomy, full):
        store.close()


def test_a_disk_that_fills_up_keeps_what_was_written(serve: Serve, connect: Connect, memory: MemoryStore) -> None:
    client = connect(serve(memory))
    location = client.begin("a")
    assert client.ask("PATCH", location, b"hello").status == 202
    for step in range(1, 4):
        memory.faults.fail_at(step, errno.ENOSPC)
        answer = client.ask("PATCH", location, b" world" + bytes(2 << 20))
        assert (answer.status, answer.code) in ((507, "INSUFFICIENT_STORAGE"), (202, None)), answer
        memory.faults.disarm()
        offset = _offset(client, location)
        assert offset in (5, 5 + 6 + (2 << 20))


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC])
@pytest.mark.parametrize("when", ["before", "after"])
def test_every_io_operation_of_a_push_may_fail(
    serve: Serve, connect: Connect, memory: MemoryStore, number: int, when: str
) -> None:
    """The server goes on; what was answered with 201 is there; nothing partial shows; a repeat succeeds."""
    client = connect(serve(memory))
    failed = 0
    for step in range(1, 200):
        data = b"%d %s" % (step, when.encode())
        memory.faults.fail_at(step, number, when)  # type: ignore[arg-type]  # one of two words
        answer = client.ask("POST", f"/v2/r{step}/blobs/uploads/", data, query={"digest": sha256(data)})
        fired = memory.faults.fired
        memory.faults.disarm()
        seen = client.get(f"/v2/r{step}/blobs/{sha256(data)}")
        if answer.status == 201:
            assert seen.body == data
        else:
            assert answer.status in (503, 507), answer
            assert seen.status in (200, 404)
            failed += 1
        if fired is None:
            break
        if memory.faults.fired is not None and fired.startswith("sync"):
            memory = MemoryStore()  # a failed sync is for good
            client = connect(serve(memory))
    else:
        pytest.fail("a push takes more than 200 operations")
    assert failed > 10


def test_a_second_writer_of_a_session_is_416(server: Running, client: Client) -> None:
    location = client.begin("a")
    raw = Raw(server.port).send(_head("PATCH", location, 2 << 20) + bytes((1 << 20) + 1))
    wait_until("it has the bytes", lambda: _bytes_of(server.store, location) == 1 << 20)
    answer = client.ask("PATCH", location, b"mine")
    assert (answer.status, answer.code) == (416, "BLOB_UPLOAD_INVALID")
    assert answer.location == location
    raw.send(bytes((1 << 20) - 1))
    assert raw.answer().status == 202
    raw.close()
    assert _offset(client, location) == 2 << 20


@pytest.mark.parametrize("store", ["memory", "filesystem"], indirect=True)
def test_who_comes_too_late_never_cuts_an_accepted_blob(serve: Serve, connect: Connect, store: Store) -> None:
    """A chunk that found its session open, and reaches the bytes after another request closed it."""
    server = serve(store, threads=1)
    client = connect(server)
    location = client.begin("a")
    uuid = location.rpartition("/")[2]
    gate, entered = threading.Event(), threading.Event()

    def occupy() -> None:  # the one thread that could write the late chunk
        entered.set()
        gate.wait(20)

    server.service.registry.threads.submit(occupy)
    entered.wait(20)
    raw = Raw(server.port).send(_head("PATCH", location, 4) + b"late")
    wait_until("the late chunk is on its way", lambda: server.service.registry.uploads == 1)
    session = drive(uploads.find("a", uuid, ""), store)
    with store.bytes.write(DataKey(uuid).path, 0) as writer:
        writer.write(b"accepted")
        drive(uploads.complete(uuid, session, Digest.of(b"accepted"), 8, None), store)
    gate.set()
    answer = raw.answer()
    assert (answer.status, answer.code) == (404, "BLOB_UPLOAD_UNKNOWN")
    raw.close()
    assert client.get(f"/v2/a/blobs/{sha256(b'accepted')}").body == b"accepted"


@pytest.mark.parametrize("store", ["memory", "filesystem"], indirect=True)
def test_who_comes_too_late_never_cuts_what_another_chunk_added(serve: Serve, connect: Connect, store: Store) -> None:
    server = serve(store, threads=1)
    client = connect(server)
    location = client.begin("a")
    uuid = location.rpartition("/")[2]
    gate, entered = threading.Event(), threading.Event()

    def occupy() -> None:
        entered.set()
        gate.wait(20)

    server.service.registry.threads.submit(occupy)
    entered.wait(20)
    raw = Raw(server.port).send(_head("PATCH", location, 4) + b"late")
    wait_until("the late chunk is on its way", lambda: server.service.registry.uploads == 1)
    session = drive(uploads.find("a", uuid, ""), store)
    with store.bytes.write(DataKey(uuid).path, 0) as writer:
        writer.write(b"first")
        drive(uploads.advance(uuid, session, 5, None), store)
    gate.set()
    answer = raw.answer()
    assert answer.status == 416
    assert answer.header("Range") == "0-4"
    raw.close()
    assert client.ask("PUT", location, query={"digest": sha256(b"first")}).status == 201


def test_bytes_that_are_gone_make_the_upload_unknown(client: Client, store: Store) -> None:
    location = client.begin("a")
    client.ask("PATCH", location, b"hello")
    store.bytes.delete(DataKey(location.rpartition("/")[2]).path)
    for method, query in (("PATCH", {}), ("PUT", {"digest": sha256(b"hello!")})):
        answer = client.ask(method, location, b"!", query=query)
        assert (answer.status, answer.code) == (404, "BLOB_UPLOAD_UNKNOWN")


def test_what_a_dead_writer_left_behind_the_offset_is_cut(client: Client, store: Store) -> None:
    location = client.begin("a")
    client.ask("PATCH", location, b"hello")
    with store.bytes.write(DataKey(location.rpartition("/")[2]).path, 5) as writer:
        writer.write(b" never accepted")
    assert _offset(client, location) == 5
    answer = client.ask("PUT", location, query={"digest": sha256(b"hello")})
    assert answer.status == 201
    assert client.get(answer.location).body == b"hello"


def test_expect_is_answered_only_after_the_request_was_looked_at(server: Running, client: Client) -> None:
    location = client.begin("a")
    expect = "Expect: 100-continue"
    raw = Raw(server.port).send(_head("PATCH", location, 5, expect))
    assert raw.line() == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert raw.send(b"hello").answer().status == 202
    # The connection goes on after a 100.
    assert raw.send(b"GET /v2/ HTTP/1.1\r\nHost: x\r\n\r\n").answer().status == 200
    raw.close()
    for target, status in (
        (location.replace("/a/", "/b/"), 404),
        (location + "?digest-algorithm=md5", 400),
    ):
        raw = Raw(server.port).send(_head("PATCH", target, 5, expect))
        answer = raw.answer()
        assert answer.status == status
        assert answer.header("Connection") == "close"
        raw.close()


def test_an_expectation_that_cannot_be_met_is_417(server: Running, client: Client) -> None:
    raw = Raw(server.port).send(_head("PATCH", client.begin("a"), 5, "Expect: miracles") + b"hello")
    assert raw.answer().status == 417
    raw.close()


def test_no_100_is_sent_for_a_body_that_has_come_already(server: Running, client: Client) -> None:
    raw = Raw(server.port).send(_head("PATCH", client.begin("a"), 5, "Expect: 100-continue") + b"hello")
    assert raw.answer().status == 202
    raw.close()


def test_a_refused_upload_of_any_size_is_answered(server: Running, client: Client) -> None:
    """The client is still sending when the answer comes: it must not be cut before it can read it."""
    client.begin("a")
    answer = client.ask("PATCH", f"/v2/a/blobs/uploads/{'0' * 32}", bytes(1 << 20))
    assert (answer.status, answer.code) == (404, "BLOB_UPLOAD_UNKNOWN")


def test_pieces_of_a_body_are_read_while_others_are_written(serve: Serve, connect: Connect, store: Store) -> None:
    assert intake.PIECE == 1 << 20
    client = connect(serve(store, upload_memory=2 << 20))
    data = os.urandom(9 << 20)
    answers: list[Answer] = []

    def push(number: int) -> None:
        other = Client(client.port)
        body = data + bytes([number])
        answers.append(other.ask("PUT", other.begin("a"), body, query={"digest": sha256(body)}))
        other.close()

    threads = [threading.Thread(target=push, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [answer.status for answer in answers] == [201] * 6


def test_a_server_that_stops_keeps_what_arrived(serve: Serve, connect: Connect, store: Store) -> None:
    with Running(store) as stopping:
        client = Client(stopping.port)
        location = client.begin("a")
        data = os.urandom((1 << 20) + 5)
        raw = Raw(stopping.port).send(_head("PATCH", location, 2 << 20) + data)
        wait_until("a piece is written", lambda: (_bytes_of(store, location) or 0) >= 1 << 20)
        client.close()
    raw.close()
    again = connect(serve(store))
    offset = _offset(again, location)
    assert 1 << 20 <= offset <= len(data)
    assert again.ask("PATCH", location, data[offset:]).status == 202
    assert again.ask("PUT", location, query={"digest": sha256(data)}).status == 201


def test_manifests_that_are_held_whole_take_no_more_memory_than_uploads(
    serve: Serve, connect: Connect, store: Store
) -> None:
    server = serve(store, upload_memory=4 << 20)
    client = connect(server)
    part = b"x" * (3 << 20)
    one = Raw(server.port).send(_head("PUT", "/v2/a/manifests/1", 4 << 20) + part)
    wait_until("it is held", lambda: server.service.registry.held == len(part))
    other = Raw(server.port).send(_head("PUT", "/v2/a/manifests/2", 4 << 20) + part)
    answer = other.answer()
    assert (answer.status, answer.code) == (429, "TOOMANYREQUESTS")
    assert int(answer.header("Retry-After")) > 0
    one.close()
    other.close()
    wait_until("nothing is held", lambda: server.service.registry.held == 0)
    client.image("a", "1")
    assert server.service.registry.held == 0


@pytest.mark.parametrize("store", ["memory", "filesystem"], indirect=True)
def test_the_bytes_are_held_until_the_session_says_what_became_of_them(
    client: Client, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else another chunk could come between the last byte and the swap, and what was hashed is not what is kept."""
    seen: list[str] = []

    def held_during(step: Callable[..., Steps[Record]]) -> Callable[..., Steps[Record]]:
        def watched(uuid: str, *arguments: Any) -> Steps[Record]:
            with pytest.raises(BytesBusy):
                store.bytes.write(DataKey(uuid).path, 0)
            seen.append(step.__name__)
            return (yield from step(uuid, *arguments))

        return watched

    for name in ("advance", "complete"):
        monkeypatch.setattr(uploads, name, held_during(getattr(uploads, name)))
    location = client.begin("a")
    assert client.ask("PATCH", location, b"hello").status == 202
    assert client.ask("PUT", location, query={"digest": sha256(b"hello")}).status == 201
    assert client.ask("PUT", client.begin("a"), b"more", query={"digest": sha256(b"more")}).status == 201
    client.blob("a", b"whole")
    assert seen == ["advance", "complete", "complete", "complete"]
