"""The `n` and `last` of lists, and the Link to the next page (distribution-spec, Listing Tags)."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

from registry.api.errors import Refusal
from registry.api.response import Header

if TYPE_CHECKING:
    from registry.api.request import Request


def count(request: Request, most: int) -> int | None:
    """How many entries are wanted, at most `most`; None where the client did not say. Refusal (400) for no number."""
    text = request.field("n")
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise Refusal(400, "PAGINATION_NUMBER_INVALID", f"n is {text[:100]!r}: expected a number of entries, 0 or more")
    return min(int(text), most)


def link(path: str, **fields: str | int) -> Header:
    """The Link header of the page that begins behind this one."""
    return "Link", f'<{path}?{urlencode(fields)}>; rel="next"'
