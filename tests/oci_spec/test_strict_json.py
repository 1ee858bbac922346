import contextlib
import json
import math
import sys
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oci_spec.errors import InvalidJSON
from oci_spec.strict_json import MAX_DIGITS, loads, refuse_case_variants

KNOWN = frozenset({"layers", "mediaType", "config", "digest"})


def refused(data: bytes, expected: str, **options: object) -> None:
    with pytest.raises(InvalidJSON) as caught:
        loads(data, **options)  # type: ignore[arg-type]  # max_depth and known_fields, as each caller needs
    assert expected in caught.value.message
    assert caught.value.message.isprintable()
    assert len(caught.value.message) < 1000


scalars = st.none() | st.booleans() | st.integers(-(2**200), 2**200) | st.floats(allow_nan=False, allow_infinity=False)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
values = st.recursive(
    scalars | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=25,
)


@given(values, st.booleans(), st.sampled_from([None, 1, "\t"]))
def test_whatever_json_writes_is_read_back(value: object, ascii_only: bool, indent: int | str | None) -> None:
    assert loads(json.dumps(value, ensure_ascii=ascii_only, indent=indent).encode()) == value


@given(st.binary(max_size=200))
def test_any_bytes_give_a_value_or_the_one_error(data: bytes) -> None:
    try:
        loads(data, known_fields=KNOWN)
    except InvalidJSON as error:
        assert error.message.isprintable()


fragments = st.sampled_from(
    [
        b'"',
        b"\\",
        b"{",
        b"}",
        b"[",
        b"]",
        b":",
        b",",
        b"1",
        b"-",
        b"e9",
        b".",
        b"NaN",
        b"-Infinity",
        b"null",
        b"true",
        b"\\ud800",
        b"\\udc00",
        b"\\u0041",
        b"\xff",
        b"\xed\xa0\x80",
        b"\xef\xbb\xbf",
        b" ",
        b"\n",
        b"\x00",
        b'"a":',
        b'"Layers":',
        b'"layers":',
        b"1e999",
        b"9" * 101,
        b"[" * 65,
        b"]" * 65,
        b'{"a":' * 65,
        "é".encode(),
        b"/*",
    ]
)


@given(st.lists(fragments, max_size=25).map(b"".join))
@settings(max_examples=500)
def test_pieces_of_json_give_what_the_standard_parser_gives_or_the_one_error(data: bytes) -> None:
    try:
        value = loads(data, known_fields=KNOWN)
    except InvalidJSON:
        return
    assert value == json.loads(data)
    json.dumps(value, ensure_ascii=False, allow_nan=False).encode()


@given(values, st.data())
def test_one_changed_byte_gives_a_value_or_the_one_error(value: object, data: st.DataObject) -> None:
    text = bytearray(json.dumps(value).encode())
    text[data.draw(st.integers(0, len(text) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(InvalidJSON):
        loads(bytes(text))


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", "where the text ends"),
        (b" ", "where the text ends"),
        (b"{", "where the text ends"),
        (b'{"a"}', "near '}'"),
        (b'{"a":1,}', "not JSON"),
        (b"[1,]", "not JSON"),
        (b"{} {}", "not JSON at line 1, column 4"),
        (b"{}\0", "not JSON"),
        (b"{'a':1}", "not JSON"),
        (b"// c\n{}", "not JSON"),
        (b"01", "not JSON"),
        (b"+1", "not JSON"),
        (b".5", "not JSON"),
        (b"1.", "not JSON"),
        (b"0x10", "not JSON"),
        ("\u0661".encode(), "not JSON"),
        (b'"\n"', "not JSON"),
        (b'"\t"', "not JSON"),
        (b'"\\x41"', "not JSON"),
        (b'"\\u12"', "not JSON"),
        (b'"', "not JSON"),
        (b"\\[" * 60, "not JSON"),
        ("\u00a0{}".encode(), "not JSON"),
        (b"\xef\xbb\xbf{}", "byte order mark"),
        (b"\xff\xfe{\0}\0", "not UTF-8 at byte 0"),
        (b"{\0}\0", "not JSON"),
        (b'"\xff"', "not UTF-8 at byte 1"),
        (b'"\xc0\xaf"', "not UTF-8 at byte 1"),
        (b'"\xed\xa0\x80"', "not UTF-8 at byte 1"),
        (b'"\xf4\x90\x80\x80"', "not UTF-8 at byte 1"),
        (b"NaN", "NaN is not JSON"),
        (b'{"a":[NaN]}', "NaN is not JSON"),
        (b"Infinity", "Infinity is not JSON"),
        (b"-Infinity", "-Infinity is not JSON"),
        (b"1e999", "number '1e999' is too large"),
        (b"-1e999", "number '-1e999' is too large"),
        (b'{"a":1,"a":1}', "key 'a' twice"),
        (b'[[{"x":{"a":1,"b":2,"a":3}}]]', "key 'a' twice"),
        (b'{"a":1,"\\u0061":2}', "key 'a' twice"),
        (b'{"":1,"":2}', "key '' twice"),
        (b'"\\ud800"', "lone surrogate '\\ud800'"),
        (b'"\\udc00\\ud800"', "lone surrogate '\\udc00'"),
        (b'{"\\uDFFF":1}', "lone surrogate '\\udfff'"),
        (b'{"a":["\\ud83d\\u0041"]}', "lone surrogate '\\ud83d'"),
    ],
)
def test_what_parsers_read_differently_is_refused(data: bytes, expected: str) -> None:
    refused(data, expected)


def test_paired_surrogate_escapes_and_escaped_backslashes_are_taken() -> None:
    assert loads(b'"\\ud83d\\ude00"') == "\U0001f600"
    assert loads(b'"\\\\ud800"') == "\\ud800"


@pytest.mark.parametrize("brackets", [(b"[", b"]"), (b'{"a":', b"}")])
def test_depth_is_counted_exactly(brackets: tuple[bytes, bytes]) -> None:
    opening, closing = brackets
    for limit in (1, 2, 64, 65):
        loads(opening * limit + b"1" + closing * limit, max_depth=limit)
        refused(opening * (limit + 1) + b"1" + closing * (limit + 1), f"at most {limit}", max_depth=limit)
    loads(b"1", max_depth=0)
    refused(b"[]", "at most 0", max_depth=0)


def depth(value: object) -> int:
    if isinstance(value, dict):
        return 1 + max(map(depth, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(depth, value), default=0)
    return 0


@given(
    st.recursive(
        st.text('[]{}"\\\ta', max_size=6),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text('[]{}"\\', max_size=4), inner, max_size=3),
    )
)
def test_brackets_within_strings_are_no_depth(value: object) -> None:
    data = json.dumps(value).encode()
    deep = depth(value)
    assert loads(data, max_depth=deep) == value
    if deep:
        refused(data, f"at most {deep - 1}", max_depth=deep - 1)


@pytest.mark.parametrize("count", [65, 1000, 100_000, 700_000])
@pytest.mark.parametrize(
    ("opening", "closing"), [(b"[", b"]"), (b'{"a":', b"}"), (b'["",', b"]"), (b'[{"x":[', b"]}]"), (b"[\n", b"\t]")]
)
def test_runaway_depth_is_refused_whether_closed_or_not(opening: bytes, closing: bytes, count: int) -> None:
    with pytest.raises(InvalidJSON):
        loads(opening * count)
    refused(opening * count + b"1" + closing * count, "at most 64")


def test_an_allowance_beyond_the_interpreters_stack_still_gives_the_one_error() -> None:
    assert sys.getrecursionlimit() < 100_000
    refused(b"[" * 100_000 + b"]" * 100_000, "RecursionError", max_depth=10**9)


def test_numbers_are_bounded_by_their_digits() -> None:
    assert loads(b"9" * MAX_DIGITS) == 10**MAX_DIGITS - 1
    assert loads(b"-" + b"9" * MAX_DIGITS) == 1 - 10**MAX_DIGITS
    refused(b"9" * (MAX_DIGITS + 1), "more than 100 digits")
    refused(b'{"size":' + b"9" * 5000 + b"}", "more than 100 digits")
    refused(b"0." + b"1" * 5000, "more than 100 digits")
    refused(b"1" * 4_000_000, "more than 100 digits")
    assert loads(b'{"a":"' + b"9" * 5000 + b'\\"' + b"9" * 5000 + b'"}') == {"a": "9" * 5000 + '"' + "9" * 5000}
    assert loads(b"1e-999") == 0.0
    assert loads(b"1.7976931348623157e308") == sys.float_info.max
    value = loads(b"-0.0")
    assert isinstance(value, float) and math.copysign(1, value) == -1


@pytest.mark.parametrize("key", ["Layers", "LAYERS", "layerS", "layer\u017f"])
def test_a_key_that_a_careless_parser_takes_for_a_known_field_is_refused(key: str) -> None:
    alone = json.dumps({key: []}).encode()
    beside = json.dumps({"layers": [], key: []}).encode()
    for data in (alone, beside):
        refused(data, "expected 'layers'", known_fields=KNOWN)
        assert loads(data) == json.loads(data)


def test_keys_that_resemble_no_known_field_may_differ_by_case() -> None:
    data = b'{"layers":[],"A":1,"a":2,"org.Example":1,"org.example":2}'
    assert loads(data, known_fields=KNOWN) == json.loads(data)


def test_known_fields_are_those_of_the_outermost_object() -> None:
    # "Config" and "config" are both good keys of an annotation; objects inside are checked by who knows them
    data = b'{"annotations":{"Config":"x","config":"y"}}'
    assert loads(data, known_fields=KNOWN) == json.loads(data)
    with pytest.raises(InvalidJSON, match=r"'Config' in config\.x differs from 'config' by case alone"):
        refuse_case_variants({"Config": 1}, KNOWN, "config.x")


@pytest.mark.parametrize(
    "data",
    [
        b"[" * 4_194_304,
        b"]" * 4_194_304,
        b"[" + b"[]," * 1_398_000 + b"0]",
        b"[" + b"{}," * 1_398_000 + b"0]",
        b"[" + b'"",' * 1_398_000 + b"0]",
        b'["' + b'\\"' * 2_097_000 + b'"]',
        b'["' + b"\\\\" * 2_097_000 + b'"]',
        b"[" + b"1," * 2_097_000 + b"0]",
        b"[" + (b"1" * 100 + b",") * 41_000 + b"0]",
        b"[" + (b"1." + b"1" * 99 + b",") * 41_000 + b"0]",
        b"[" + (b"[" * 62 + b"]" * 62 + b",") * 33_000 + b"0]",
        b"{" + b",".join(b'"%07x":1' % number for number in range(349_000)) + b"}",
        b'["' + b"\\ud83d\\ude00" * 349_000 + b'"]',
        b'["' + b"1" * 4_194_000 + b'"]',
    ],
    ids=lambda data: f"{data[:12]!r}",
)
def test_hostile_documents_of_4_mib_take_bounded_time(data: bytes) -> None:
    started = time.process_time()
    with contextlib.suppress(InvalidJSON):
        loads(data, known_fields=KNOWN)
    # 0.9 s at most on a slow machine; anything quadratic would take minutes
    assert time.process_time() - started < 10
