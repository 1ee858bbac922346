"""Starting the write-back of a file's pages early, so that the fsync at the end of a large upload is short."""

from __future__ import annotations

import ctypes
from typing import Final

_SYNC_FILE_RANGE_WRITE: Final = 2
_call: Final = ctypes.CDLL(None, use_errno=True).sync_file_range
_call.argtypes = (ctypes.c_int, ctypes.c_int64, ctypes.c_int64, ctypes.c_uint)


def start_writeback(fd: int, offset: int, count: int) -> None:
    """Asks the kernel to begin writing `count` bytes from `offset`; does not wait for them (sync_file_range(2)).

    A hint: its failure says nothing that the fsync does not say, so there is none.
    """
    _call(fd, offset, count, _SYNC_FILE_RANGE_WRITE)
