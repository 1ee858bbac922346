"""A writer looks whether it may, once the bytes are its own and before any of them is cut."""

import pytest

from storage_backends.base import Store
from storage_backends.errors import BytesBusy
from tests.contract.conftest import StoreFactory

KEY = "data/00/" + "0" * 32


class No(Exception):
    pass


def refuse() -> None:
    raise No


def test_one_who_may_not_write_cuts_nothing_and_lets_go(store: Store) -> None:
    with store.bytes.write(KEY, 0) as writer:
        writer.write(b"hello world")
    with pytest.raises(No):
        store.bytes.write(KEY, 5, None, refuse)
    assert store.bytes.read(KEY, 0, 100) == b"hello world"
    with store.bytes.write(KEY, 11) as writer:
        writer.write(b"!")
    assert store.bytes.read(KEY, 0, 100) == b"hello world!"


def test_nobody_else_has_the_bytes_while_one_looks(store_factory: StoreFactory) -> None:
    one, other = store_factory.open(), store_factory.open()
    with one.bytes.write(KEY, 0) as writer:
        writer.write(b"hello")
    looked = []

    def look() -> None:
        assert one.bytes.read(KEY, 0, 100) == b"hello"
        with pytest.raises(BytesBusy):
            other.bytes.write(KEY, 0)
        looked.append(True)

    with one.bytes.write(KEY, 2, None, look) as writer:
        assert looked == [True]
        writer.write(b"y")
    assert one.bytes.read(KEY, 0, 100) == b"hey"


def test_what_was_flushed_is_read_and_finished_while_the_writer_still_has_it(store_factory: StoreFactory) -> None:
    one, other = store_factory.open(), store_factory.open()
    with one.bytes.write(KEY, 0) as writer:
        writer.write(b"hello")
        state = writer.flush()
        assert other.bytes.read(KEY, 0, 100) == b"hello"
        one.bytes.finish(KEY, 5, state)
        with pytest.raises(BytesBusy):
            other.bytes.write(KEY, 5, state)
    with other.bytes.write(KEY, 5, state) as writer:
        writer.write(b"!")
    assert one.bytes.read(KEY, 0, 100) == b"hello!"
