"""Sixteen clients that push, mount, move tags, delete, and look after everything that was accepted from them.

Each has manifests and tags of its own in repositories that all share, so it knows at any time what must be there; the
layers are the same few for all, so they are mounted, pushed twice, collected and pushed again under everybody's hands.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from random import Random

from oci_spec.digest import Digest
from tests.upkeep.doors import Door
from tests.upkeep.pushing import EMPTY, image, index

CLIENTS = 16
REPOSITORIES = ("team/app", "team/base", "cache", "other/app")
LAYERS = [Random(n).randbytes(200 + 500 * n) for n in range(40)]
KEPT = 4
"""How many manifests a client keeps: few, so that layers are let go of all the time, and a collection is quick."""
ATTEMPTS = 2_000
"""How often a push is begun again whose parts were collected meanwhile, before that is called a failure."""


class Owned:
    """A manifest that was accepted and not deleted since."""

    __slots__ = ("body", "children", "digest", "layers", "repository", "subject")

    def __init__(
        self, repository: str, body: bytes, layers: list[bytes], children: list[Owned], subject: Owned | None
    ) -> None:
        self.repository, self.body, self.layers, self.children = repository, body, layers, children
        self.digest, self.subject = Digest.of(body), subject


class Client(threading.Thread):
    """Works until `stop`, then looks at everything once more."""

    def __init__(self, number: int, door: Door, stop: threading.Event) -> None:
        super().__init__(name=f"client {number}", daemon=True)
        self.number, self.door, self.stop, self.random = number, door, stop, Random(number)
        self.owned: list[Owned] = []
        self.tags: dict[tuple[str, str], Owned] = {}
        self.counts: Counter[str] = Counter()
        self.lost: list[str] = []
        self.error: BaseException | None = None
        self._serial = 0
        self.own = f"own/client-{number}"
        """A repository that nobody else pushes to, so that it can be deleted whole."""

    def run(self) -> None:
        actions: list[Callable[[], None]] = [self.push] * 5 + [self.push_index, self.push_referrer]
        actions += [self.move_tag] * 3 + [self.delete] * 4 + [self.delete_tag, self.delete_repository] + [self.look] * 4
        try:
            while not self.stop.is_set():
                (self.delete if len(self.owned) > KEPT else self.random.choice(actions))()
            self.look_at_everything()
        except BaseException as error:  # told by whoever joins this thread
            self.error = error

    def push(self) -> None:
        self._image(self.random.choice([*REPOSITORIES, self.own]))

    def push_index(self) -> None:
        repository = self.random.choice([*REPOSITORIES, self.own])
        children = [self._image(repository) for _ in range(2)]
        whole = [child for child in children if child is not None]
        self._accept(Owned(repository, index([c.body for c in whole], self._note()), [], whole, None))

    def push_referrer(self) -> None:
        if self.owned:
            subject = self.random.choice(self.owned)
            pushed = self._image(subject.repository, subject)
            if pushed is not None and str(pushed.digest) not in self.door.referrers(subject.repository, subject.digest):
                self.lost.append(f"{pushed.digest} is not among the referrers of {subject.digest}")

    def move_tag(self) -> None:
        if self.owned:
            self._put(self.random.choice(self.owned), [self._tag()])

    def delete(self) -> None:
        if not self.owned:
            return
        gone = self.random.choice(self.owned)
        held = any(gone in other.children for other in self.owned)
        if not held:
            self.owned.remove(gone)
            for name in [name for name, shown in self.tags.items() if shown is gone]:
                del self.tags[name]
        deleted = self.door.delete(gone.repository, gone.digest)
        self.counts["deletions"] += 1
        if deleted is held:
            self.lost.append(f"{gone.digest}, {'held' if held else 'not held'} by an index: deleted is {deleted}")
        if deleted and self.door.manifest(gone.repository, str(gone.digest)) is not None:
            self.lost.append(f"{gone.digest} was deleted and is there")

    def delete_tag(self) -> None:
        if self.tags:
            repository, tag = name = self.random.choice(list(self.tags))
            del self.tags[name]
            self.counts["tags deleted"] += 1
            if not self.door.delete_tag(repository, tag):
                self.lost.append(f"tag {repository}:{tag} was not there to be deleted")
            if self.door.manifest(repository, tag) is not None:
                self.lost.append(f"tag {repository}:{tag} was deleted and is there")

    def delete_repository(self) -> None:
        gone = [owned for owned in self.owned if owned.repository == self.own]
        self.owned = [owned for owned in self.owned if owned.repository != self.own]
        self.tags = {name: shown for name, shown in self.tags.items() if name[0] != self.own}
        self.door.delete_repository(self.own)
        self.counts["repositories deleted"] += bool(gone)
        for owned in gone:
            if self.door.manifest(self.own, str(owned.digest)) is not None:
                self.lost.append(f"{owned.digest} is there after its repository was deleted")

    def look(self) -> None:
        if self.owned:
            self._look_at(self.random.choice(self.owned))

    def look_at_everything(self) -> None:
        for owned in self.owned:
            self._look_at(owned)
        for (repository, tag), owned in self.tags.items():
            if self.door.manifest(repository, tag) != owned.body:
                self.lost.append(f"tag {repository}:{tag} does not show {owned.digest}")

    def _image(self, repository: str, subject: Owned | None = None) -> Owned | None:
        layers = self.random.sample(LAYERS, self.random.randint(1, 3))
        if self.random.random() < 0.3:
            layers.append(self.random.randbytes(2_000))
        body = image(layers, None if subject is None else subject.body, self._note())
        owned = Owned(repository, body, [EMPTY, *layers], [], subject)
        return owned if self._accept(owned) else None

    def _accept(self, owned: Owned) -> bool:
        """Pushes its layers and itself, again and again: until a manifest names them the collector takes them."""
        for attempt in range(ATTEMPTS):
            if all(self._part(owned.repository, layer) for layer in owned.layers):
                if self._put(owned, [self._tag()] if self.random.random() < 0.5 else []):
                    self.owned.append(owned)
                    self.counts["pushes"] += 1
                    self.counts["attempts"] += attempt + 1
                    return True
            if self.stop.is_set():
                return False
        self.lost.append(f"{owned.digest} was not accepted in {ATTEMPTS} attempts")
        return False

    def _part(self, repository: str, data: bytes) -> bool:
        digest = Digest.of(data)
        match self.random.randrange(4):
            case 0:
                source = self.random.choice([other for other in REPOSITORIES if other != repository])
                if self.door.mount(source, repository, digest):
                    self.counts["mounts"] += 1
                    return True
            case 1 | 2:
                if self.door.has(repository, digest):
                    self.counts["found"] += 1
                    return True
        uploaded = self.door.upload(repository, data)
        self.counts["uploads"] += uploaded
        return uploaded

    def _put(self, owned: Owned, names: list[str]) -> bool:
        if not self.door.put(owned.repository, owned.body, names):
            if owned in self.owned:
                self.lost.append(f"{owned.digest} was accepted, and now its parts are unknown")
            return False
        for name in names:
            self.tags[owned.repository, name] = owned
            self.counts["tags moved"] += 1
            if self.door.manifest(owned.repository, name) != owned.body:
                self.lost.append(f"tag {owned.repository}:{name} does not show {owned.digest}, which it was just given")
        return True

    def _look_at(self, owned: Owned) -> None:
        """Byte for byte."""
        self.counts["looks"] += 1
        if self.door.manifest(owned.repository, str(owned.digest)) != owned.body:
            self.lost.append(f"manifest {owned.digest} of {owned.repository} is lost")
        for layer in owned.layers:
            if self.door.blob(owned.repository, Digest.of(layer)) != layer:
                self.lost.append(f"layer {Digest.of(layer)} of {owned.repository} is lost")
        for child in owned.children:
            self._look_at(child)

    def _note(self) -> str:
        self._serial += 1
        return f"{self.number}/{self._serial}"

    def _tag(self) -> str:
        return f"client-{self.number}-{self.random.randrange(3)}"


def work(doors: list[Door], seconds: float) -> tuple[Counter[str], list[Client]]:
    """All clients for so long: what they did, added up. Raises what any of them raised."""
    stop = threading.Event()
    clients = [Client(number, door, stop) for number, door in enumerate(doors)]
    for client in clients:
        client.start()
    threading.Event().wait(seconds)  # the load is the passing of time
    stop.set()
    for client in clients:
        client.join(120)
        assert not client.is_alive(), client.name
        if client.error is not None:
            raise client.error
    return sum((client.counts for client in clients), Counter()), clients
