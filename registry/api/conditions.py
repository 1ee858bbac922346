"""If-Match and If-None-Match (RFC 9110, section 13.1): what a client wants to hold before its request is done.

An entity's tag is its digest in quotes, and strong; `*` stands for whatever is there.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from registry.content.errors import ConditionFailed

if TYPE_CHECKING:
    from registry.api.request import Request

_tags = re.compile(r'(W/)?"([\x21\x23-\x7e\x80-\xff]*)"').findall


def etag(digest: object) -> str:
    """The entity's tag of what has this digest."""
    return f'"{digest}"'


def _names(header: str, current: str | None, *, weak: bool) -> bool:
    """Whether a header names the current entity; None: there is none."""
    if current is None:
        return False
    if header.strip() == "*":
        return True
    return any(value == current and (weak or not mark) for mark, value in _tags(header))


def not_modified(request: Request, current: str) -> bool:
    """For a GET or HEAD of what has the digest `current`: whether 304 is the answer. Raises ConditionFailed."""
    headers = request.headers
    wanted = headers.get("If-Match")
    if wanted is not None and not _names(wanted, current, weak=False):
        raise ConditionFailed(f"If-Match does not name {current}, which is what is here")
    known = headers.get("If-None-Match")
    return known is not None and _names(known, current, weak=True)


class WriteConditions:
    """What a PUT or DELETE demands of the state that it changes."""

    __slots__ = ("_if_match", "_if_none_match")

    def __init__(self, request: Request) -> None:
        self._if_match = request.headers.get("If-Match")
        self._if_none_match = request.headers.get("If-None-Match")

    def __bool__(self) -> bool:
        return self._if_match is not None or self._if_none_match is not None

    def check(self, what: str, current: str | None) -> None:
        """`current` is the digest of what is there, None where there is nothing. Raises ConditionFailed."""
        found = f"{what} is {current}" if current is not None else f"{what} is not there"
        if self._if_match is not None and not _names(self._if_match, current, weak=False):
            raise ConditionFailed(f"If-Match does not hold: {found}")
        if self._if_none_match is not None and _names(self._if_none_match, current, weak=True):
            raise ConditionFailed(f"If-None-Match does not hold: {found}")
