"""Bytes: written in order, gone on with, read in ranges."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storage_backends.base import HasLocalPath, State, Store
from storage_backends.errors import BytesBusy, BytesGone, BytesShort
from tests.contract.conftest import StoreFactory

KEY = "data/d1/d1f0"


def write(store: Store, data: bytes, *, key: str = KEY, offset: int = 0, state: State = None) -> State:
    with store.bytes.write(key, offset, state) as writer:
        writer.write(data)
        return writer.close()


def test_what_was_written_is_read_after_close(store: Store) -> None:
    write(store, b"hello")
    assert store.bytes.size(KEY) == 5
    assert store.bytes.read(KEY, 0, 5) == b"hello"


def test_pieces_of_all_kinds_are_joined(store: Store) -> None:
    with store.bytes.write(KEY, 0) as writer:
        writer.write(b"a")
        writer.write(bytearray(b"bc"))
        writer.write(memoryview(b"xdefx")[1:4])
        writer.write(b"")
        state = writer.close()
    store.bytes.finish(KEY, 6, state)
    assert store.bytes.read(KEY, 0, 100) == b"abcdef"


def test_a_buffer_may_be_used_again_after_write(store: Store) -> None:
    buffer = bytearray(b"aaaa")
    with store.bytes.write(KEY, 0) as writer:
        writer.write(buffer)
        buffer[:] = b"bbbb"
        writer.write(buffer)
    assert store.bytes.read(KEY, 0, 8) == b"aaaabbbb"


def test_no_bytes_at_all_are_bytes_too(store: Store) -> None:
    state = write(store, b"")
    assert store.bytes.size(KEY) == 0
    store.bytes.finish(KEY, 0, state)
    assert store.bytes.read(KEY, 0, 10) == b""


def test_writing_goes_on_at_an_offset(store: Store) -> None:
    state = write(store, b"hello ")
    state = write(store, b"world", offset=6, state=state)
    store.bytes.finish(KEY, 11, state)
    assert store.bytes.read(KEY, 0, 11) == b"hello world"


def test_writing_at_an_offset_cuts_what_lies_behind(store: Store) -> None:
    state = write(store, b"hello world")
    with store.bytes.write(KEY, 5, state) as writer:
        assert store.bytes.size(KEY) == 5
        writer.write(b"!")
    assert store.bytes.read(KEY, 0, 100) == b"hello!"
    write(store, b"", offset=0)
    assert store.bytes.size(KEY) == 0


@pytest.mark.parametrize("offset", [6, 1000, 1 << 40])
def test_writing_beyond_the_end_is_short_and_changes_nothing(store: Store, offset: int) -> None:
    write(store, b"hello")
    with pytest.raises(BytesShort, match=KEY):
        store.bytes.write(KEY, offset)
    assert store.bytes.read(KEY, 0, 100) == b"hello"
    write(store, b"!", offset=5)


def test_going_on_with_what_is_not_there_is_short_and_makes_nothing(store: Store) -> None:
    with pytest.raises(BytesShort):
        store.bytes.write(KEY, 1)
    assert store.bytes.size(KEY) is None
    assert store.bytes.list("data/") == []


def test_a_second_writer_is_told_that_the_bytes_are_busy(store_factory: StoreFactory) -> None:
    one, other = store_factory.open(), store_factory.open()
    with one.bytes.write(KEY, 0) as writer:
        writer.write(b"hello")
        for store in (one, other):
            for offset in (0, 3):
                with pytest.raises(BytesBusy, match=KEY):
                    store.bytes.write(KEY, offset)
        writer.write(b" world")
    write(other, b"!", offset=11)
    assert one.bytes.read(KEY, 0, 100) == b"hello world!"


def test_who_may_write_is_asked_while_nobody_else_can_and_before_anything_is_cut(store: Store) -> None:
    write(store, b"hello")
    seen = []

    def allowed() -> None:
        seen.append(store.bytes.read(KEY, 0, 100))
        with pytest.raises(BytesBusy):
            store.bytes.write(KEY, 0)

    with store.bytes.write(KEY, 2, None, allowed) as writer:
        writer.write(b"!")
    assert seen == [b"hello"]
    assert store.bytes.read(KEY, 0, 100) == b"he!"


@pytest.mark.parametrize("offset", [0, 2, 5])
def test_bytes_that_may_not_be_written_stay_as_they_were_and_free(store: Store, offset: int) -> None:
    def allowed() -> None:
        raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        store.bytes.write("data/d1/new", 0, None, allowed)
    assert store.bytes.size("data/d1/new") is None
    write(store, b"hello")
    with pytest.raises(RuntimeError, match="no"):
        store.bytes.write(KEY, offset, None, allowed)
    assert store.bytes.read(KEY, 0, 100) == b"hello"
    write(store, b"", offset=5)


def test_what_was_flushed_is_read_while_the_writer_goes_on(store: Store) -> None:
    with store.bytes.write(KEY, 0) as writer:
        writer.write(b"hello")
        state = writer.flush()
        assert store.bytes.read(KEY, 0, 100) == b"hello"
        writer.write(b" world")
    with store.bytes.write(KEY, 5, state) as writer:
        writer.write(b"!")
        state = writer.close()
    store.bytes.finish(KEY, 6, state)
    assert store.bytes.read(KEY, 0, 100) == b"hello!"


def test_a_writer_that_fails_lets_the_bytes_go(store: Store) -> None:
    with pytest.raises(RuntimeError), store.bytes.write(KEY, 0) as writer:
        writer.write(b"hello")
        raise RuntimeError
    write(store, b"!", offset=5)


def test_closing_twice_is_closing_once(store: Store) -> None:
    writer = store.bytes.write(KEY, 0)
    writer.close()
    with store.bytes.write(KEY, 0) as second:
        writer.close()
        with pytest.raises(BytesBusy):
            store.bytes.write(KEY, 0)
        second.write(b"x")


def test_of_many_threads_one_writes_at_a_time(store: Store) -> None:
    inside = threading.Lock()
    written = []

    def work(_: int) -> None:
        try:
            with store.bytes.write(KEY, 0) as writer:
                assert inside.acquire(blocking=False)
                writer.write(b"x" * 1000)
                inside.release()
                written.append(1)
        except BytesBusy:
            pass

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(200)))
    assert written
    assert store.bytes.size(KEY) == 1000


def test_finish_is_idempotent_and_needs_every_byte(store: Store) -> None:
    state = write(store, b"hello")
    with pytest.raises(BytesShort, match=KEY):
        store.bytes.finish(KEY, 6, state)
    store.bytes.finish(KEY, 5, state)
    store.bytes.finish(KEY, 5, state)
    assert store.bytes.read(KEY, 0, 100) == b"hello"


def test_finish_cuts_what_lies_behind_unless_somebody_writes(store: Store) -> None:
    state = write(store, b"hello world")
    with store.bytes.write(KEY, 11, state) as writer:
        writer.write(b"!")
        with pytest.raises(BytesBusy):
            store.bytes.finish(KEY, 5, state)
        state = writer.close()
    store.bytes.finish(KEY, 5, state)
    assert store.bytes.read(KEY, 0, 100) == b"hello"


def test_what_is_not_there_is_gone(store: Store) -> None:
    assert store.bytes.size(KEY) is None
    with pytest.raises(BytesGone, match=KEY):
        store.bytes.read(KEY, 0, 1)
    with pytest.raises(BytesGone, match=KEY):
        store.bytes.finish(KEY, 0)
    store.bytes.delete(KEY)
    store.bytes.sync(KEY)


def test_delete_is_idempotent_and_bytes_are_gone_then(store_factory: StoreFactory) -> None:
    one, other = store_factory.open(), store_factory.open()
    state = write(one, b"hello")
    one.bytes.finish(KEY, 5, state)
    one.bytes.delete(KEY, state)
    one.bytes.delete(KEY, state)
    for store in (one, other):
        assert store.bytes.size(KEY) is None
        with pytest.raises(BytesGone):
            store.bytes.read(KEY, 0, 1)
        store.bytes.sync(KEY)


def test_a_writer_at_deleted_bytes_fails_or_is_lost_with_them(store: Store) -> None:
    writer = store.bytes.write(KEY, 0)
    writer.write(b"hello")
    store.bytes.delete(KEY)
    try:
        writer.write(b" world")
        state = writer.close()
    except BytesGone:
        state = None
    writer.close()
    assert store.bytes.size(KEY) is None
    with pytest.raises(BytesGone):
        store.bytes.finish(KEY, 11, state)


def test_sync_takes_bytes_and_their_absence(store: Store) -> None:
    write(store, b"hello")
    store.bytes.sync(KEY)
    store.bytes.sync("data/never/there")
    assert store.bytes.read(KEY, 0, 5) == b"hello"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(start=st.integers(0, 40), count=st.integers(0, 40) | st.just(1 << 62))
def test_a_range_is_what_lies_in_it(store: Store, start: int, count: int) -> None:
    data = bytes(range(30))
    if store.bytes.size(KEY) is None:
        write(store, data)
    assert store.bytes.read(KEY, start, count) == data[start : start + count]


def test_large_bytes_in_odd_pieces(store: Store) -> None:
    data = os.urandom(3 << 20) + b"end"
    with store.bytes.write(KEY, 0) as writer:
        for start in range(0, len(data), 700_001):
            writer.write(data[start : start + 700_001])
        state = writer.close()
    store.bytes.finish(KEY, len(data), state)
    assert store.bytes.size(KEY) == len(data)
    assert store.bytes.read(KEY, 0, len(data)) == data
    for start, count in ((0, 1), ((1 << 20) - 1, 2), (1 << 20, 1 << 20), (len(data) - 1, 10)):
        assert store.bytes.read(KEY, start, count) == data[start : start + count]
    state = write(store, b"new", offset=(1 << 20) + 1, state=state)
    assert store.bytes.read(KEY, 1 << 20, 10) == data[1 << 20 : (1 << 20) + 1] + b"new"


def test_a_local_file_holds_the_bytes_and_outlives_their_deletion(store: Store) -> None:
    write(store, b"hello")
    if isinstance(store, HasLocalPath):
        fd = store.open_local(KEY)
        try:
            store.bytes.delete(KEY)
            assert os.pread(fd, 100, 0) == b"hello"
            assert os.get_inheritable(fd) is False
        finally:
            os.close(fd)
        with pytest.raises(BytesGone, match=KEY):
            store.open_local(KEY)
    else:
        assert store.bytes.read(KEY, 0, 5) == b"hello"
