"""Messages of the server on standard error, from the parent and the workers alike."""

from __future__ import annotations

import contextlib
import logging
import os
import time


def configure(level: str) -> None:
    """Messages from `level` (debug, info, warning, error) on are written; where nobody reads them, they are lost."""
    # A log that cannot be written is no reason to stop answering, nor to write about it to the same place.
    logging.raiseExceptions = False
    handler = logging.StreamHandler()
    formatter = logging.Formatter("%(asctime)s %(levelname)s %(message)s", "%Y-%m-%dT%H:%M:%SZ")
    formatter.converter = time.gmtime
    handler.setFormatter(formatter)
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    # Below this they tell of every request that a client breaks off.
    logging.getLogger("asyncio").setLevel(max(logging.WARNING, logging.root.level))


def say(text: str) -> None:
    """What is written whatever the level is."""
    with contextlib.suppress(OSError):
        os.write(2, text.encode())
