"""Each I/O operation of a whole story fails once, with EIO and with ENOSPC, before its effect and after.

What was accepted stays readable, nothing partial shows, and the request that failed succeeds when it is repeated.
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from contextlib import suppress
from random import Random
from typing import Any, Literal

import pytest

from oci_spec.digest import Digest
from registry.content import catalog
from registry.content.errors import BlobUnknown, ContentError, ManifestUnknown
from registry.content.reads import Reads
from registry.content.steps import drive
from registry.upkeep.ages import Ages
from registry.upkeep.collector import collect
from registry.upkeep.fsck import fsck
from storage_backends.errors import StoreError
from storage_backends.memory import MemoryStore
from tests.upkeep.pushing import EMPTY, Client, image, index, keys

M, N = image([b"x"], note="m"), image([b"x", b"y"], note="n")
R, BOTH = image([b"y"], M, note="r"), index([M, N])
NOW = Ages(grace=0, trash_time=0, session_time=0)


def _gc(client: Client) -> None:
    report = collect(client.store, NOW, force=True)
    if report.error is not None:
        raise StoreError(report.error)


STORY: list[tuple[Callable[[Client], Any], list[bytes]]] = [
    # (request, the manifests of `a` that must be whole from then on)
    (lambda client: client.push("a", EMPTY), []),
    (lambda client: client.push("a", b"x"), []),
    (lambda client: client.put("a", M, "1"), [M]),
    (lambda client: client.push("a", b"y"), [M]),
    (lambda client: client.mount("a", "b", b"x"), [M]),
    (lambda client: client.put("a", N, "1", "2"), [M, N]),
    (lambda client: client.put("a", R), [M, N, R]),
    (lambda client: client.put("a", BOTH, "3"), [M, N, R, BOTH]),
    (_gc, [M, N, R, BOTH]),
    (lambda client: client.push("a", b"loose"), [M, N, R, BOTH]),
    (lambda client: client.delete_blob("a", b"loose"), [M, N, R, BOTH]),
    (lambda client: client.put("a", M, "2"), [M, N, R, BOTH]),
    (lambda client: client.delete_tag("a", "3"), [M, N, R, BOTH]),
    (lambda client: client.delete("a", BOTH), [M, N, R]),
    (lambda client: client.delete("a", R), [M, N]),
    (lambda client: drive(catalog.delete("b"), client.store), [M, N]),
    (_gc, [M, N]),
    (_gc, [M, N]),
]
GONE = (BlobUnknown, ManifestUnknown)


def _check(client: Client, whole: list[bytes]) -> None:
    assert fsck(client.store, threads=1).broken == []
    for body in whole:
        client.pull("a", body)


def _tell(store: MemoryStore) -> str | None:
    """The story, with whatever fault was ordered; what failed."""
    client = Client(store)
    failed: str | None = None
    before: list[bytes] = []
    for request, whole in STORY:
        try:
            request(client)
        except (StoreError, ContentError) as error:
            failed = store.faults.fired
            assert failed is not None, error
            store.faults.disarm()
            if failed.startswith("sync"):
                store.power_cut(Random(store.faults.count))  # a failed sync: the server is started again
            kept = [body for body in before if body in whole]
            _check(client, kept)
            with suppress(*GONE):  # a deletion that had taken effect when it failed
                request(client)
            _check(client, whole)
        before = whole
    return failed


def _final(store: MemoryStore) -> tuple[Any, ...]:
    reads = Reads(store)
    shown = {tag: str(reads.tagged("a", tag)[0]) for tag in reads.tags("a")[0]}
    names = [key for key in keys(store) if not key.startswith("data/")]
    return shown, reads.referrers("a", Digest.of(M)), reads.repositories(lambda name: True), names


def _all_faults(number: int, when: Literal["before", "after"]) -> int:
    healthy = MemoryStore()
    assert _tell(healthy) is None
    operations, expected = healthy.faults.count, _final(healthy)
    assert expected[0] == {"1": str(Digest.of(N)), "2": str(Digest.of(M))}
    for n in range(1, operations + 1):
        store = MemoryStore()
        store.faults.fail_at(n, number, when)
        failed = _tell(store)
        assert store.faults.fired is not None, n
        _check(Client(store), STORY[-1][1])
        assert _final(store) == expected, f"{store.faults.fired}, told: {failed}"
    return operations


@pytest.mark.parametrize(
    ("number", "when"),
    [
        pytest.param(errno.EIO, "after", id="EIO, effect"),
        pytest.param(errno.ENOSPC, "before", id="ENOSPC, no effect"),
        pytest.param(errno.EIO, "before", id="EIO, no effect", marks=pytest.mark.soak),
        pytest.param(errno.ENOSPC, "after", id="ENOSPC, effect", marks=pytest.mark.soak),
    ],
)
def test_every_operation_may_fail_once(number: int, when: Literal["before", "after"]) -> None:
    operations = _all_faults(number, when)
    print(f"{operations} operations failed with {errno.errorcode[number]}, {when} their effect; nothing was lost")
    assert operations > 400
