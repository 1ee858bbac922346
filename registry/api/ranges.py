"""The Range header (RFC 9110, section 14): which bytes of how many are wanted."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

LIMIT: Final = 16
"""Most ranges of one request that are answered as such; more get everything."""

_DIGITS: Final = 30
"""A number of so many digits is past the end of any content."""

_spec = re.compile(r"(?:([0-9]+)-([0-9]+)?|-([0-9]+))").fullmatch
_unit = re.compile(r"\s*bytes\s*=(.*)", re.IGNORECASE | re.DOTALL).fullmatch


class Span(NamedTuple):
    """`length` bytes from `start`; never empty."""

    start: int
    length: int

    @property
    def last(self) -> int:
        return self.start + self.length - 1


class Unsatisfiable(Exception):
    """No range is within the content: 416."""


def parse(header: str, size: int) -> list[Span] | None:
    """The spans that a Range header wants of `size` bytes, clamped to them; None where it is to be ignored.

    Ignored: another unit, what does not follow the grammar, more than LIMIT ranges, and several that overlap so much
    that together they are longer than the content. Unsatisfiable where every range begins past the end. A reversed
    range is no range by the grammar, but clients that send one are better told (416) than given everything.
    """
    unit = _unit(header)
    if unit is None:
        return None
    texts = [text.strip(" \t") for text in unit[1].split(",")]
    texts = [text for text in texts if text]
    if not texts or len(texts) > LIMIT:
        return None
    spans: list[Span] = []
    for text in texts:
        match = _spec(text)
        if match is None:
            return None
        first, last, suffix = match.groups()
        if suffix is not None:
            count = min(_number(suffix), size)
            if count:
                spans.append(Span(size - count, count))
            continue
        start = _number(first)
        end = size - 1 if last is None else min(_number(last), size - 1)
        if last is not None and _number(last) < start:
            raise Unsatisfiable
        if start <= end:
            spans.append(Span(start, end - start + 1))
    if not spans:
        raise Unsatisfiable
    if len(spans) > 1 and sum(span.length for span in spans) > size:
        return None
    return spans


def _number(digits: str) -> int:
    """The number, or one past the end of everything: the header may have thousands of digits."""
    return int(digits) if len(digits) < _DIGITS else int(digits.lstrip("0")[:_DIGITS] or "0")
