"""One line for each answer, plain or JSON, on standard error.

Secrets stay out: no header is ever logged, and values of a query whose name sounds like a secret are not shown.
"""

from __future__ import annotations

import json
import os
import re
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from registry.api.request import Request

_STANDARD_ERROR: Final = 2
_secret = re.compile(
    r"(?i)(?<=[?&])([^=&]*(?:token|secret|passw|signature|credential|authorization|session|key)[^=&]*)=[^&]*"
)
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
    if "?" in target:
        target = _secret.sub(r"\1=...", target)
    return target if len(target) <= _TARGET_LIMIT else target[:_TARGET_LIMIT] + "..."


def _plain(text: str) -> str:
    """Nothing that could be taken for another field or line."""
    if text.isascii() and text.isprintable() and " " not in text:
        return text
    return text.encode("unicode_escape", "backslashreplace").decode("ascii").replace(" ", "\\x20")
