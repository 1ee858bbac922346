"""Small images pushed by several clients at once, each into a repository of its own."""

from __future__ import annotations

import contextlib
import os
from functools import partial

from benchmarks.content import Image
from benchmarks.http_wire import Address, Connection
from benchmarks.load.work import Work, timed
from benchmarks.pushing import push_image


def push_small(address: Address, clients: int, each: int) -> Work:
    """`clients` connections at once, `each` of them pushing that many images; the amount is in images.

    Every image has three layers of 16 KiB and a config that were never pushed before, and a tag of its own: POST and
    PUT for each blob, PUT for the manifest, all on one kept-alive connection.
    """
    run = os.urandom(4).hex()
    images = [[Image.small(f"{run}-{number}") for number in range(each)] for _ in range(clients)]

    def task(client: int) -> float:
        with contextlib.closing(Connection(address)) as connection:
            for image in images[client]:
                push_image(connection, f"bench/client-{client}", image)
        return float(len(images[client]))

    return timed([partial(task, client) for client in range(clients)])
