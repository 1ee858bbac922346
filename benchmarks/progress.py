"""One line on a terminal that says what is being done; nothing where standard error is no terminal."""

from __future__ import annotations

import sys
import time


class Progress:
    """`tell` replaces the line, `clear` takes it away before something else is printed."""

    def __init__(self) -> None:
        self._shown = sys.stderr.isatty()
        self._start = time.monotonic()

    def tell(self, doing: str) -> None:
        if self._shown:
            minutes, seconds = divmod(int(time.monotonic() - self._start), 60)
            sys.stderr.write(f"\r\x1b[K{minutes}:{seconds:02d} {doing}")
            sys.stderr.flush()

    def clear(self) -> None:
        if self._shown:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
