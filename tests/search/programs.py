"""What clients, collectors and operators do in the search: the project's own step functions, and the answers given.

Modules are looked up in a `Code`, so that a mutated copy of them can be searched as well.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

from oci_spec import media_type
from oci_spec.digest import Digest
from oci_spec.manifest import Manifest, parse_manifest
from registry.content import layout
from registry.content.layout import (
    BlobKey,
    CatalogKey,
    DataKey,
    Key,
    LinkKey,
    ManifestKey,
    ReferrerKey,
    SessionKey,
    TagKey,
    TrashKey,
)
from registry.content.records import Author, Record
from tests.search.explorer import Program
from tests.search.mutants import Code
from tests.search.world import GIVEN, Answered, WriteBytes

Steps = Generator[Any, Any, Any]
AUTHOR = Author("ann", "2026-01-01T00:00:00Z")
LAYERS = {name: Digest.of(name.encode()) for name in "xy"}


def _image(note: str, layers: str, subject: Digest | None = None) -> bytes:
    first, *rest = [f'{{"mediaType":"{media_type.OCI_LAYER}","digest":"{LAYERS[name]}","size":1}}' for name in layers]
    more = f',"subject":{{"mediaType":"{media_type.OCI_MANIFEST}","digest":"{subject}","size":1}}' if subject else ""
    return (
        f'{{"schemaVersion":2,"mediaType":"{media_type.OCI_MANIFEST}","config":{first},'
        f'"layers":[{",".join(rest)}],"annotations":{{"note":"{note}"}}{more}}}'
    ).encode()


def _index(*children: bytes) -> bytes:
    entries = ",".join(
        f'{{"mediaType":"{media_type.OCI_MANIFEST}","digest":"{Digest.of(child)}","size":{len(child)}}}'
        for child in children
    )
    return f'{{"schemaVersion":2,"mediaType":"{media_type.OCI_INDEX}","manifests":[{entries}]}}'.encode()


_M = _image("m", "x")
BODIES = {
    "m": _M,
    "n": _image("n", "xy"),
    "k": _image("k", "x"),
    "i": _index(_M),
    "r": _image("r", "x", Digest.of(_M)),
}
MANIFESTS: dict[str, Manifest] = {name: parse_manifest(body, None) for name, body in BODIES.items()}
DIGESTS = {name: Digest.of(body) for name, body in BODIES.items()}


def uuid(n: str) -> str:
    return n * 32


def universe(repos: str, layers: str, data: str, manifests: str, tags: str = "") -> list[Key]:
    keys: list[Key] = [CatalogKey(r) for r in repos]
    keys += [LinkKey(r, LAYERS[x]) for r in repos for x in layers]
    keys += [BlobKey(LAYERS[x]) for x in layers]
    keys += [ManifestKey(r, DIGESTS[m]) for r in repos[:1] for m in manifests]
    keys += [kind(uuid(d)) for d in data for kind in (DataKey, SessionKey, TrashKey)]
    keys += [TagKey("a", t) for t in tags]
    if "r" in manifests:
        keys.append(ReferrerKey("a", DIGESTS["m"], DIGESTS["r"]))
    return keys


def stored(*names: str) -> dict[str, Record]:
    """Firm records, version 1, in the first life. Layer x has bytes 0.., y has 9..; tag t shows m."""
    found: dict[str, Record] = {}

    def keep(key: Key, fields: dict[str, Any], tail: bytes = b"") -> None:
        found[key.path] = Record(fields, tail, "1")

    for repository in "ab":
        keep(CatalogKey(repository), {"id": "1", "created": AUTHOR.at, "settings": {}, "condemned": False})
    for name in names:
        match name.split("/"):
            case ["link", repository, x]:
                keep(LinkKey(repository, LAYERS[x]), {"condemned": False, "life": "1", "born": "1"})
            case ["blob", x]:
                data = uuid("9" if x == "y" else "0")
                keep(BlobKey(LAYERS[x]), {"firm": True, "condemned": False, "data": data, "size": 1})
                found[DataKey(data).path] = GIVEN
            case ["man", m]:
                fields = {"firm": True, "condemned": False, "life": "1", "id": "1", "at": AUTHOR.at, "by": "ann"}
                keep(ManifestKey("a", DIGESTS[m]), {**fields, "type": MANIFESTS[m].media_type}, BODIES[m])
                if m == "r":
                    keep(ReferrerKey("a", DIGESTS["m"], DIGESTS["r"]), {"mediaType": "x", "size": 1})
            case ["tag", t]:
                shown = {"digest": str(DIGESTS["m"]), "id": "1", "seq": 1, "prev": None, "at": AUTHOR.at, "by": "ann"}
                keep(TagKey("a", t), {"life": "1", "shown": shown, "announced": []})
    return found


class Programs:
    """Threads made from one version of the code."""

    def __init__(self, code: Code, *, untagged: bool = False) -> None:
        self.code = code
        self.untagged = untagged

    # ---------------------------------------------------------------------------------------------- clients
    def push_blob(self, repository: str, x: str, data: str) -> Program:
        mine = uuid("1" if self.code.one_uuid else data)

        def steps() -> Steps:
            session = yield from self.code.uploads.begin(repository, mine, AUTHOR)
            yield WriteBytes(DataKey(mine))
            link = yield from self.code.uploads.complete(mine, session, LAYERS[x], 1, None)
            yield Answered(LinkKey(repository, LAYERS[x]), link.life, link.fields["born"])

        return Program(steps)

    def mount(self, source: str, repository: str, x: str) -> Program:
        def steps() -> Steps:
            link = yield from self.code.blobs.mount(source, repository, LAYERS[x], AUTHOR)
            if link is not None:
                yield Answered(LinkKey(repository, LAYERS[x]), link.life, link.fields["born"])

        return Program(steps)

    def put(self, m: str, *tags: str, check: Callable[..., None] | None = None) -> Program:
        def steps() -> Steps:
            record = yield from self.code.manifests.put("a", DIGESTS[m], MANIFESTS[m], tags, AUTHOR, check=check)
            key = ManifestKey("a", DIGESTS[m])
            yield Answered(key, record.life, "", (key.path, record.id, False))
            for tag in tags:
                yield Answered(TagKey("a", tag), record.life, str(DIGESTS[m]), (key.path, record.id, True))

        return Program(steps)

    def delete_manifest(self, m: str) -> Program:
        return Program(lambda: self.code.manifests.delete("a", DIGESTS[m]), "asked")

    def delete_blob(self, x: str) -> Program:
        return Program(lambda: self.code.blobs.delete("a", LAYERS[x]), "asked")

    def delete_tag(self, tag: str) -> Program:
        return Program(lambda: self.code.tags.delete("a", tag), "asked")

    def delete_repository(self) -> Program:
        return Program(lambda: self.code.catalog.delete("a"), "asked")

    # ------------------------------------------------------------------------------------------- collectors
    def collect_link(self, repository: str, x: str) -> Program:
        return Program(lambda: self.code.sweep.links([LinkKey(repository, LAYERS[x])]))

    def collect_blob(self, x: str) -> Program:
        return Program(lambda: self.code.sweep.blobs([BlobKey(LAYERS[x])]))

    def collect_manifest(self, m: str) -> Program:
        return Program(
            lambda: self.code.sweep.manifests([ManifestKey("a", DIGESTS[m])], untagged=self.untagged),
            "untagged" if self.untagged else "",
        )

    def collect_session(self, data: str) -> Program:
        return Program(lambda: self.code.sweep.session(SessionKey(uuid(data))))

    def collect_trash(self, data: str) -> Program:
        return Program(lambda: self.code.sweep.trash([TrashKey(uuid(data))]))

    def collect_orphan(self, data: str) -> Program:
        return Program(lambda: self.code.sweep.orphans([DataKey(uuid(data))]))

    def collect_referrer(self) -> Program:
        return Program(lambda: self.code.sweep.referrer(ReferrerKey("a", DIGESTS["m"], DIGESTS["r"])))

    def tidy_tag(self, tag: str) -> Program:
        return Program(lambda: self.code.tags.tidy(TagKey("a", tag)))

    def drop(self, repository: str) -> Program:
        return Program(lambda: self.code.catalog.drop_if_empty(repository))

    def quarantine(self, x: str) -> Program:
        return Program(lambda: self.code.blobs.quarantine(LAYERS[x], uuid("0")))

    def sweep(self, keys: list[Key], untagged: bool | None = None, *, dropping: bool = False) -> Callable[[], Steps]:
        """All levels in their order, over what the universe may hold."""
        code, wanted = self.code, self.untagged if untagged is None else untagged

        def steps() -> Steps:
            for key in keys:
                if isinstance(key, TagKey):
                    yield from code.tags.tidy(key)
            manifests = [key for key in keys if isinstance(key, ManifestKey)]
            yield from code.sweep.manifests(manifests, untagged=wanted)
            for key in keys:
                if isinstance(key, ReferrerKey):
                    yield from code.sweep.referrer(key)
            for repository in sorted({key.repository for key in keys if isinstance(key, CatalogKey)}):
                links = [key for key in keys if isinstance(key, LinkKey) and key.repository == repository]
                yield from code.sweep.links(links)
            yield from code.sweep.blobs([key for key in keys if isinstance(key, BlobKey)])
            for key in keys:
                if isinstance(key, SessionKey):
                    yield from code.sweep.session(key)
            yield from code.sweep.orphans([key for key in keys if isinstance(key, DataKey)])
            yield from code.sweep.trash([key for key in keys if isinstance(key, TrashKey)])
            for key in keys:
                if isinstance(key, CatalogKey) and dropping:
                    yield from code.catalog.drop_if_empty(key.repository)

        return steps


def then(*programs: Program) -> Program:
    """One client's requests, one after another."""

    def steps() -> Steps:
        for program in programs:
            yield from program.start()

    return Program(steps, next((program.withdraws for program in programs if program.withdraws), ""))


def immutable(tag: str, shown: str | None, new: str | None) -> None:
    """The check of a tag that never moves or goes."""
    from registry.content.errors import Immutable

    if shown is not None and shown != new:
        raise Immutable(f"{tag} shows {shown}")


def tag_path(tag: str) -> str:
    return f"{layout.tags_of('a')}{tag}"
