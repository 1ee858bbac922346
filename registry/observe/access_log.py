"""One line for each answer, plain or JSON, on standard error.

Secrets stay out: no header is ever logged; the user and password that a target can have in front of its host, and
values of a query whose name sounds like a secret, are not shown.
"""

from __future__ import annotations

import json
import os
import re
import time
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote_plus

if TYPE_CHECKING:
    from registry.api.request import Request

_STANDARD_ERROR: Final = 2
_is_secret = re.compile(r"(?i)token|secret|passw|sig|credential|auth|session|key|x-amz-").search
# Fields are cut at & alone: whoever cuts at ; or takes a second ? for a beginning finds names within one.
_name = re.compile(r"(?:^|[?;])([^=?;]*)=")
# In front of the host of the absolute and the authority form; the path of the origin form begins with one slash.
_userinfo = re.compile(r"((?:(?:[A-Za-z][A-Za-z0-9+.-]*:)?//)?)[^/?#]*@")
_TARGET_LIMIT: Final = 2048


class AccessLog:
    """`form` is `plain` or `json`. Writes go straight to the descriptor, each a whole line."""

    __slots__ = ("_closed", "_descriptor", "_json", "_second", "_stamp")

    def __init__(self, form: str, descriptor: int = _STANDARD_ERROR) -> None:
        self._json = form == "json"
        self._descriptor = descriptor
        self._closed = False
        self._second, self._stamp = 0, ""

    def answered(
        self,
        request: Request,
        *,
        status: int,
        seconds: float,
        received: int,
        sent: int,
        request_id: str | None,
        user: str | None,
    ) -> None:
        """Logs one answer; bytes are those of the bodies."""
        if self._closed:
            return
        now = int(time.time())
        if now != self._second:
            self._second, self._stamp = now, time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now))
        remote, target = request.remote, shown(request.target)
        if self._json:
            fields = {
                "time": self._stamp,
                "request_id": request_id,
                "remote": remote,
                "user": user,
                "method": request.method,
                "target": target,
                "status": status,
                "received": received,
                "sent": sent,
                "seconds": round(seconds, 6),
                "agent": request.headers.get("User-Agent", "")[:256],
            }
            line = json.dumps(fields, separators=(",", ":"))
        else:
            line = (
                f"{self._stamp} {remote or '-'} {_plain(user) if user else '-'} "
                f"{_plain(request.method)} {_plain(target)} {status} {received} {sent} {seconds:.4f}"
            )
        try:
            os.write(self._descriptor, (line + "\n").encode())
        except BlockingIOError:
            # A reader that does not keep up loses lines; it must not hold up answers.
            return
        except OSError:
            # The reader is gone, or the descriptor closed: answers matter more than their log.
            self._closed = True


def shown(target: str) -> str:
    """A request's path and query as they may be logged, cut after 2048 characters."""
    if "@" in target:
        target = _userinfo.sub(r"\1...@", target, count=1) if _userinfo.match(target) else target
    if "?" in target:
        path, _, query = target.partition("?")
        target = f"{path}?{'&'.join(map(_field, query.split('&')))}"
    return target if len(target) <= _TARGET_LIMIT else target[:_TARGET_LIMIT] + "..."


def _field(field: str) -> str:
    """A field of a query without what is behind a name that sounds like a secret."""
    for match in _name.finditer(field):
        if _is_secret(unquote_plus(match[1])):
            return field[: match.end()] + "..."
    return field


def _plain(text: str) -> str:
    """Nothing that could be taken for another field or line."""
    if text.isascii() and text.isprintable() and " " not in text:
        return text
    return text.encode("unicode_escape", "backslashreplace").decode("ascii").replace(" ", "\\x20")
