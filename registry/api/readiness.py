"""Whether the store takes writes: asked of it at most once a second, however many ask, and never waited for long."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

from storage_backends.errors import StoreError

if TYPE_CHECKING:
    from storage_backends.base import Store

LOG: Final = logging.getLogger("registry.api")

KEPT_SECONDS: Final = 1.0
PATIENCE_SECONDS: Final = 5.0
"""How long the store may take for one write before it counts as stuck."""


class Readiness:
    """The newest answer of `store.check`."""

    def __init__(self, store: Store) -> None:
        self._check: Final[Callable[[], None]] = store.check
        # A thread of its own: uploads that wait for a slow disk must not make the answer wait behind them.
        self._thread: Final = ThreadPoolExecutor(1, "ready")
        self._running: asyncio.Future[str | None] | None = None
        self._until = 0.0
        self._told: str | None = None

    async def trouble(self) -> str | None:
        """What is wrong with the store, in words for anybody, None where nothing is; the log has the details."""
        loop = asyncio.get_running_loop()
        running = self._running
        if running is None or (running.done() and loop.time() >= self._until):
            running = self._running = loop.run_in_executor(self._thread, self._asked)
            self._until = loop.time() + KEPT_SECONDS
        done, _ = await asyncio.wait([running], timeout=PATIENCE_SECONDS)
        if not done:
            return f"the store has not taken a write within {PATIENCE_SECONDS:g} seconds"
        return running.result()

    def _asked(self) -> str | None:
        why: str | None = None
        try:
            self._check()
        except StoreError as error:
            why = str(error)
        if why != self._told:
            self._told = why
            if why is None:
                LOG.warning("ready again: the store takes writes")
            else:
                LOG.error("not ready: the store takes no writes: %s", why)
        return None if why is None else "the store takes no writes"

    def close(self) -> None:
        """Ends the thread when its check is done; does not wait for it."""
        self._thread.shutdown(wait=False)
