"""JSON that every parser reads alike.

The standard parser keeps the last of two equal keys and takes NaN; Go's parsers match field names without regard
to case. Bytes on which two programs could disagree are refused here, so that what was checked is what is run.
"""

from __future__ import annotations

import json
import re
from itertools import accumulate

from oci_spec.errors import InvalidJSON, shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import NoReturn

MAX_DEPTH = 64
MAX_DIGITS = 100

# an opening bracket is one step down, a closing one (255 as a signed byte is -1) one step up
_STEPS = bytes.maketrans(b"[{]}", b"\x01\x01\xff\xff")
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_long_number = re.compile(rb"[0-9]{%d}" % (MAX_DIGITS + 1)).search
_surrogate_escape = re.compile(rb"\\u[dD][89a-fA-F]").search


def loads(data: bytes, max_depth: int = MAX_DEPTH, known_fields: frozenset[str] = frozenset()) -> object:
    """Parse JSON (RFC 8259) and refuse, with InvalidJSON and nothing else, whatever is read in more than one way.

    Refused: bytes that are not UTF-8 or begin with a byte order mark; a key twice in one object, anywhere; NaN,
    Infinity and numbers too large for a double; numbers of more than 100 digits in a row; lone surrogates; more than
    `max_depth` arrays and objects inside one another. `known_fields` are the fields of the outermost object:
    a key of it that differs from one of them by case alone is refused. For inner objects the caller, who knows
    which of them are free-form maps such as `annotations`, calls `refuse_case_variants`.
    """
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidJSON(
            f"not UTF-8 at byte {error.start}: {shown(data[error.start : error.start + 8])}; expected JSON in UTF-8"
        ) from None
    if text.startswith("\ufeff"):
        raise InvalidJSON("begins with a byte order mark: expected JSON in UTF-8 without one")
    _check_depth(data, max_depth)
    if _long_number(data) and _long_number(_outside_strings(data)):
        raise InvalidJSON(f"holds a number of more than {MAX_DIGITS} digits: expected fewer")
    try:
        value: object = json.loads(
            text, object_pairs_hook=_unique, parse_constant=_refuse_constant, parse_float=_finite
        )
    except InvalidJSON:
        raise
    except json.JSONDecodeError as error:
        near = text[error.pos : error.pos + 20]
        raise InvalidJSON(
            f"not JSON at line {error.lineno}, column {error.colno}: {error.msg}"
            + (f" near {shown(near)}" if near else ", where the text ends")
        ) from None
    except (ValueError, RecursionError) as error:
        raise InvalidJSON(f"JSON that cannot be held: {type(error).__name__}: {error}") from None
    if _surrogate_escape(data):
        _refuse_lone_surrogates(value)
    if known_fields and isinstance(value, dict):
        refuse_case_variants(value, known_fields, "")
    return value


def refuse_case_variants(fields: Mapping[str, object], known: frozenset[str], where: str) -> None:
    """Raise InvalidJSON if a key is no member of `known` but differs from one by case alone.

    Case is folded as Unicode does, since Go takes U+017F for s and U+212A for k. Keys that resemble no known
    field may be anything. `where` is the path of the object, empty for the outermost.
    """
    unknown = fields.keys() - known
    if not unknown:
        return
    folded = {name.casefold(): name for name in known}
    for key in sorted(unknown):
        meant = folded.get(key.casefold())
        if meant is not None:
            place = f" in {where}" if where else ""
            raise InvalidJSON(
                f"field {shown(key)}{place} differs from {meant!r} by case alone, and some parsers take one for "
                f"the other: expected {meant!r}"
            )


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise InvalidJSON(f"key {shown(key)} twice in one object: expected each key once")
            seen.add(key)
    return fields


def _refuse_constant(name: str) -> NoReturn:
    raise InvalidJSON(f"{name} is not JSON: expected a finite number")


def _finite(text: str) -> float:
    value = float(text)
    if value - value != 0.0:
        raise InvalidJSON(f"number {shown(text)} is too large: expected one that a double holds")
    return value


def _outside_strings(data: bytes) -> bytes:
    # Escapes go first, so that every quote left opens or closes a string. Bytes for which this is wrong have a
    # backslash outside a string, and the parser stops there.
    return b" ".join(data.replace(b"\\\\", b"").replace(b'\\"', b"").split(b'"')[::2])


def _check_depth(data: bytes, max_depth: int) -> None:
    if data.count(b"[") + data.count(b"{") <= max_depth:
        return
    steps = _outside_strings(data).translate(_STEPS, delete=_NOT_BRACKETS)
    # Summed as signed bytes by C code: nothing recurses, and 4 MiB of brackets take a fifth of a second.
    if max(accumulate(memoryview(steps).cast("b")), default=0) > max_depth:
        raise InvalidJSON(f"arrays and objects more than {max_depth} deep: expected at most {max_depth}")


def _refuse_lone_surrogates(value: object) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError as error:
        lone = error.object[error.start]
        raise InvalidJSON(f"a string holds the lone surrogate {lone!r}: expected a pair") from None
