"""Sealed values: the nonce in front, the line, the tail."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage_backends.base import nonce_of, seal, unseal
from storage_backends.errors import CorruptRecord

SCALARS = st.none() | st.booleans() | st.integers() | st.text(max_size=6)
VALUES = SCALARS | st.lists(SCALARS, max_size=3) | st.dictionaries(st.text(max_size=3), SCALARS, max_size=3)
FIELDS = st.dictionaries(st.text(max_size=4).filter(lambda name: name != "n"), VALUES, max_size=4)


@given(FIELDS, st.binary())
def test_what_was_sealed_is_unsealed_the_same(fields: dict[str, object], tail: bytes) -> None:
    value, nonce = seal(fields, tail)
    assert nonce_of(value, "k") == nonce
    assert unseal(value, "k") == (fields, tail)


def test_each_seal_has_a_fresh_nonce() -> None:
    assert len({seal({})[1] for _ in range(1000)}) == 1000


def test_a_nonce_that_is_given_is_the_one_in_front() -> None:
    value, nonce = seal({"a": 1}, nonce="0" * 32)
    assert (value, nonce) == (b'{"n":"' + b"0" * 32 + b'","a":1}', "0" * 32)


@given(FIELDS, st.data())
def test_a_line_cut_short_anywhere_is_corrupt(fields: dict[str, object], data: st.DataObject) -> None:
    value, _ = seal(fields)
    cut = data.draw(st.integers(0, len(value) - 1))
    with pytest.raises(CorruptRecord):
        unseal(value[:cut], "k")


@given(st.binary())
def test_other_bytes_are_corrupt_never_another_error(value: bytes) -> None:
    with pytest.raises(CorruptRecord):
        unseal(value, "k")


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"{}",
        b'{"n":"0123456789abcdef"}',
        b'{"n":"' + b"G" * 32 + b'"}',
        b'{"n":"' + b"A" * 32 + b'"}',
        b'{"N":"' + b"a" * 32 + b'"}',
        b' {"n":"' + b"a" * 32 + b'"}',
        b'{"n":"' + b"a" * 32 + b'",',
        b'{"n":"' + b"a" * 32 + b'"\n}',
        b'{"n":"' + b"a" * 32 + b'","x":' + b"[" * 100_000 + b"}",
    ],
)
def test_near_misses_are_corrupt(value: bytes) -> None:
    with pytest.raises(CorruptRecord):
        unseal(value, "k")
