"""Uploads of large blobs from the page cache by sendfile."""

from __future__ import annotations

import contextlib
from functools import partial

from benchmarks.content import LargeBlob, LargeFile
from benchmarks.http_wire import Address, Connection
from benchmarks.load.work import Work, timed
from benchmarks.pushing import push_large


def upload(address: Address, repository: str, file: LargeFile, streams: int, each: int) -> Work:
    """`streams` connections at once, `each` of them that many blobs never seen before; the amount is in bytes.

    The time includes the session's POST and ends with the last 201.
    """
    blobs = [[file.variant() for _ in range(each)] for _ in range(streams)]

    def task(mine: list[LargeBlob]) -> float:
        with contextlib.closing(Connection(address)) as connection:
            for blob in mine:
                push_large(connection, repository, file, blob)
        return float(sum(blob.size for blob in mine))

    return timed([partial(task, mine) for mine in blobs])
