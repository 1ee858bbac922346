"""What clients were promised, and what may still be taken from them: kept beside a run, asked after it.

Time is the number of operations done so far. A request that died, or whose answer was no clear yes, may have taken
effect at any time from its start on.
"""

from __future__ import annotations

from collections import defaultdict
from typing import NamedTuple

FOREVER = 1 << 60
Name = tuple[str, str]
"""(repository, digest or tag)"""


class Request:
    """`value` is what it gives its name: a digest, or None where it takes something away."""

    __slots__ = ("accepted", "end", "name", "start", "value")

    def __init__(self, name: Name, value: str | None, start: int) -> None:
        self.name, self.value, self.start = name, value, start
        self.end = FOREVER
        self.accepted = False


class Promise(NamedTuple):
    name: Name
    value: str


class Ledger:
    """Requests on manifests, tags and blobs, by name; those on a whole repository touch all its names."""

    def __init__(self) -> None:
        self.now = 0
        self.manifests: dict[Name, list[Request]] = defaultdict(list)
        self.tags: dict[Name, list[Request]] = defaultdict(list)
        self.blobs: dict[Name, list[Request]] = defaultdict(list)
        self.repositories: dict[str, list[Request]] = defaultdict(list)
        self.collected = -1
        """When a collector last did anything: an accepted blob that no manifest names may be gone by then."""
        self.answers = 0

    def begin(self, book: dict[Name, list[Request]], name: Name, value: str | None) -> Request:
        request = Request(name, value, self.now)
        book[name].append(request)
        return request

    def begin_repository(self, repository: str) -> Request:
        """Somebody deletes a whole repository."""
        request = Request((repository, ""), None, self.now)
        self.repositories[repository].append(request)
        return request

    def accept(self, *requests: Request) -> None:
        for request in requests:
            request.end, request.accepted = self.now, True
            self.answers += 1

    def refuse(self, *requests: Request) -> None:
        """A clear no: whatever it did, it does no more."""
        for request in requests:
            request.end = self.now

    def readable_manifests(self) -> list[Promise]:
        """Accepted, and nothing that takes it away was under way since that push began."""
        return self._kept(self.manifests)

    def readable_blobs(self) -> list[Promise]:
        """Likewise, unless a collector was at work since."""
        return [
            Promise(name, value)
            for name, value in self._kept(self.blobs)
            if max(r.start for r in self.blobs[name] if r.accepted and r.value) > self.collected
        ]

    def gone_manifests(self) -> list[Name]:
        """Deleted for good: the answer was given, and no push of it was under way since that deletion began."""
        gone = []
        for name, requests in self.manifests.items():
            taken = [r for r in (*requests, *self.repositories[name[0]]) if r.value is None and r.accepted]
            given = [r for r in requests if r.value is not None]
            if taken and all(r.end < max(t.start for t in taken) for r in given):
                gone.append(name)
        return gone

    def values_of_tag(self, name: Name) -> set[str | None]:
        """What it may show: None is nothing."""
        requests = [Request(name, None, -2), *self.tags[name], *self.repositories[name[0]]]
        requests[0].end, requests[0].accepted = -1, True
        last_start = max(r.start for r in requests if r.accepted)
        return {r.value for r in requests if r.end >= last_start or r.start >= last_start}

    def _kept(self, book: dict[Name, list[Request]]) -> list[Promise]:
        kept = []
        for name, requests in book.items():
            given = [r for r in requests if r.value is not None and r.accepted]
            if not given:
                continue
            last = max(given, key=lambda r: r.start)
            takers = [r for r in (*requests, *self.repositories[name[0]]) if r.value is None]
            if all(taker.end < last.start for taker in takers):
                assert last.value is not None
                kept.append(Promise(name, last.value))
        return kept
