"""THE table of what is measured, each row with its target."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Final

from benchmarks.content import LARGE, MIB, Blob, Image, LargeFile
from benchmarks.effort import Effort
from benchmarks.http_wire import Address, Connection
from benchmarks.load.downloads import download_for, download_times, verify
from benchmarks.load.heads import head
from benchmarks.load.pushes import push_small
from benchmarks.load.small_gets import get_small
from benchmarks.load.uploads import upload
from benchmarks.load.work import Work
from benchmarks.pushing import push_blob, push_image, push_large

_REPOSITORY: Final = "bench/pull"
_UPLOADS: Final = "bench/uploads"
# Of the loads whose requests are small or short.
_CONNECTIONS: Final = 16
_CLIENTS: Final = 10
# Much more than a run writes: memory that is still warm is not always what is handed out first.
_WRITTEN: Final = 4 << 30


class Target:
    """A bound for a ratio wherry : distribution."""

    __slots__ = ("at_least", "bound")

    def __init__(self, bound: float, *, at_least: bool) -> None:
        self.bound = bound
        self.at_least = at_least

    def met(self, ratio: float) -> bool:
        return ratio >= self.bound if self.at_least else ratio <= self.bound

    def __str__(self) -> str:
        return f"{'>=' if self.at_least else '<='} {self.bound:g}"


class Unit:
    """How a load's figures are told: `rate` for amounts of `rate_size` a second, `cpu` for CPU time.

    `cpu_size` is one of the `cpu` unit, in seconds for an amount of 1 (ms a request: 0.001).
    """

    __slots__ = ("cpu", "cpu_size", "rate", "rate_size")

    def __init__(self, rate: str, rate_size: float, cpu: str, cpu_size: float) -> None:
        self.rate = rate
        self.rate_size = rate_size
        self.cpu = cpu
        self.cpu_size = cpu_size


REQUESTS: Final = Unit("requests/s", 1, "ms/request", 1e-3)
BYTES: Final = Unit("MB/s", 1e6, "s/GB", 1e-9)
IMAGES: Final = Unit("images/s", 1, "ms/image", 1e-3)


class Bench:
    """What every load needs: wrk, the effort, and content, of which `seed` puts the part that is pulled on a server."""

    def __init__(self, wrk: str, folder: Path) -> None:
        self.wrk = wrk
        self.image = Image.small("latest", layers=6)
        self.blobs = [Blob.random(MIB) for _ in range(16)]
        self.file = LargeFile(folder / "large", LARGE)
        self.large = self.file.variant()

    def seed(self, address: Address) -> None:
        """Pushes what is pulled later and reads the blobs back once, hashed."""
        with contextlib.closing(Connection(address)) as connection:
            push_image(connection, _REPOSITORY, self.image)
            for blob in self.blobs:
                push_blob(connection, _REPOSITORY, blob)
            push_large(connection, _REPOSITORY, self.file, self.large)
        for digest in (self.blobs[0].digest, self.large.digest):
            verify(address, self.blob(digest), digest)

    def blob(self, digest: str) -> str:
        return f"/v2/{_REPOSITORY}/blobs/{digest}"

    def manifest(self, reference: str) -> str:
        return f"/v2/{_REPOSITORY}/manifests/{reference}"


Load = Callable[[Bench, Address, Effort], Work]


class Case:
    """One row. `workers` are wherry's; `target` is the rate's, `cpu_target` that of CPU time per unit of work.

    `several`: there is more than one connection, so that every worker should have a part. `memory` is how many bytes
    of free memory are used once before each run (`machine.touch_free_memory`).
    """

    __slots__ = ("cpu_target", "load", "memory", "name", "several", "target", "title", "unit", "workers")

    def __init__(
        self,
        name: str,
        title: str,
        unit: Unit,
        load: Load,
        *,
        workers: int = 2,
        target: Target | None = None,
        cpu_target: Target | None = None,
        several: bool = True,
        memory: int = 0,
    ) -> None:
        self.name = name
        self.title = title
        self.unit = unit
        self.load = load
        self.workers = workers
        self.target = target
        self.cpu_target = cpu_target
        self.several = several
        self.memory = memory


def _manifest_by_tag(bench: Bench, address: Address, effort: Effort) -> Work:
    return get_small(bench.wrk, address, bench.manifest(bench.image.tag), effort.seconds, _CONNECTIONS)


def _manifest_by_digest(bench: Bench, address: Address, effort: Effort) -> Work:
    return get_small(bench.wrk, address, bench.manifest(bench.image.digest), effort.seconds, _CONNECTIONS)


def _blob_head(bench: Bench, address: Address, effort: Effort) -> Work:
    return head(address, bench.blob(bench.blobs[0].digest), effort.seconds, _CONNECTIONS)


def _blob_get_1mib(bench: Bench, address: Address, effort: Effort) -> Work:
    return download_for(address, [bench.blob(blob.digest) for blob in bench.blobs], effort.seconds, _CONNECTIONS)


def _blob_get_100mb(bench: Bench, address: Address, effort: Effort) -> Work:
    return download_times(address, bench.blob(bench.large.digest), effort.downloads)


def _upload_1(bench: Bench, address: Address, effort: Effort) -> Work:
    return upload(address, _UPLOADS, bench.file, 1, effort.uploads)


def _upload_4(bench: Bench, address: Address, effort: Effort) -> Work:
    return upload(address, _UPLOADS, bench.file, 4, 1)


def _push_small(bench: Bench, address: Address, effort: Effort) -> Work:
    return push_small(address, _CLIENTS, effort.images)


def _at_least(bound: float) -> Target:
    return Target(bound, at_least=True)


def _at_most(bound: float) -> Target:
    return Target(bound, at_least=False)


CASES: Final = (
    Case(
        "manifest-tag-1", "Manifest GET by tag, 1 worker", REQUESTS, _manifest_by_tag, workers=1, target=_at_least(2.3)
    ),
    Case("manifest-tag-2", "Manifest GET by tag, 2 workers", REQUESTS, _manifest_by_tag, target=_at_least(4)),
    Case("manifest-digest-1", "Manifest GET by digest, 1 worker", REQUESTS, _manifest_by_digest, workers=1),
    Case("manifest-digest-2", "Manifest GET by digest, 2 workers", REQUESTS, _manifest_by_digest),
    Case("blob-head", "Blob HEAD", REQUESTS, _blob_head, target=_at_least(3.5)),
    Case("blob-get-1mib", "Blob GET, 1 MiB", BYTES, _blob_get_1mib, target=_at_least(3.6)),
    Case(
        "blob-get-100mb",
        "Blob GET, 100 MB",
        BYTES,
        _blob_get_100mb,
        target=_at_least(1.0),
        cpu_target=_at_most(0.7),
        several=False,
    ),
    Case(
        "upload-1",
        "Upload of 100 MB, 1 stream",
        BYTES,
        _upload_1,
        target=_at_least(1.2),
        several=False,
        memory=_WRITTEN,
    ),
    Case("upload-4", "Upload of 100 MB, 4 streams", BYTES, _upload_4, target=_at_least(1.0), memory=_WRITTEN),
    Case("push-small", "Small images pushed by 10 clients", IMAGES, _push_small, target=_at_least(1.0)),
)

# Of all server processes, the largest sum seen in any case with two workers.
PEAK_MEMORY_TARGET: Final = _at_most(0.6)
