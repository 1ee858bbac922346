"""What a path showed is kept with its route, and shown again while the records that said so are the same.

Finding them again takes one stat each and no more: no keys are spelled, no marks looked at. What was absent is never
kept, nor what was written within the last seconds (see `registry.content.reads`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from storage_backends.base import HasStamp, HasUnchanged

if TYPE_CHECKING:
    from oci_spec.digest import Digest
    from registry.api.routes import Route
    from registry.content.reads import Reads, Witness
    from registry.content.records import Record

T = TypeVar("T")

LIMIT: Final = 8 << 20
"""Bytes that routes hold on to before they let go of all: the manifests', and for each route a few more."""
ROUTE_BYTES: Final = 1024


class Kept(Generic[T]):
    """What one kind of route shows, for the routes that were asked for before. `size` tells its bytes."""

    def __init__(
        self,
        store: HasStamp,
        reads: Reads,
        find: Callable[[Reads, Route], T],
        size: Callable[[T], int],
    ) -> None:
        self._store = store
        self._at_once = store if isinstance(store, HasUnchanged) else None
        self._reads = reads
        self._find = find
        self._size = size
        self._held: list[Route] = []
        self._bytes = 0

    def find(self, route: Route) -> T:
        """As the function that it was made with, which is asked where something has changed."""
        kept: tuple[Witness, T] | None = route.kept
        if kept is not None:
            witness, found = kept
            at_once = self._at_once
            if witness.quickly_holds(at_once) if at_once is not None else witness.holds(self._store):
                return found
        reads, noting = self._reads.noting()
        found = self._find(reads, route)
        now = noting.witness()
        if now is not None:
            self._keep(route, (now, found), ROUTE_BYTES + self._size(found))
        return found

    def _keep(self, route: Route, what: tuple[Witness, T], size: int) -> None:
        self._bytes += size
        if self._bytes > LIMIT:
            for other in self._held:
                other.kept = None
            self._held = []
            self._bytes = size
        if route.kept is None:
            self._held.append(route)
        route.kept = what


def manifest_of(reads: Reads, route: Route) -> tuple[Digest, Record]:
    """What a manifest's route names. Raises NameUnknown, ManifestUnknown."""
    if route.tag is not None:
        return reads.tagged(route.repository, route.tag)
    assert route.digest is not None
    return route.digest, reads.manifest(route.repository, route.digest)


def blob_of(reads: Reads, route: Route) -> tuple[Record, Record]:
    """The link and the record of the blob that a route names. Raises NameUnknown, BlobUnknown."""
    assert route.digest is not None
    return reads.held(route.repository, route.digest)
