"""The registry's step modules, as they are or with one clause of the rule broken.

A mutant is a change of the source text, made in a copy of the modules that only the search sees. Each text must be
found exactly once, so a mutant whose clause was rewritten fails loudly instead of passing quietly.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import registry.content

MODULES = ("lifecycle", "catalog", "tags", "blobs", "uploads", "manifests", "sweep")


class Code(NamedTuple):
    """`one_uuid`: every upload of the search has the same session and bytes, as if their key were the digest."""

    lifecycle: ModuleType
    catalog: ModuleType
    tags: ModuleType
    blobs: ModuleType
    uploads: ModuleType
    manifests: ModuleType
    sweep: ModuleType
    one_uuid: bool = False


class Mutant(NamedTuple):
    """`where`: how the titles of the configurations that should catch it begin; `changes`: module, old, new text."""

    clause: str
    where: str
    changes: tuple[tuple[str, str, str], ...]
    one_uuid: bool = False


def _mutant(clause: str, where: str, module: str, old: str, new: str) -> Mutant:
    olds, news = old.split("\n---\n"), new.split("\n---\n")
    return Mutant(clause, where, tuple((module, o, n) for o, n in zip(olds, news, strict=True)))


def real() -> Code:
    return Code(*(importlib.import_module(f"registry.content.{name}") for name in MODULES))


def mutated(mutant: Mutant) -> Code:
    """The modules with the mutant's change, importing each other, in a package of their own."""
    package = f"mutated_{abs(hash(mutant.clause))}"
    made: dict[str, ModuleType] = {}
    root = Path(registry.content.__file__).parent
    for name in MODULES:
        source = (root / f"{name}.py").read_text()
        for module_name, old, new in mutant.changes:
            if module_name == name:
                assert source.count(old) == 1, f"{mutant.clause}: {source.count(old)} times in {name}.py: {old!r}"
                source = source.replace(old, new)
        for other in MODULES:
            source = source.replace(f"registry.content.{other}", f"{package}.{other}")
        for line in [line for line in source.splitlines() if line.startswith("from registry.content import ")]:
            kept = [word.strip() for word in line.removeprefix("from registry.content import ").split(",")]
            mine = [word for word in kept if word in MODULES]
            rest = [word for word in kept if word not in MODULES]
            new = [f"from registry.content import {', '.join(rest)}"] if rest else []
            new += [f"from {package} import {word}" for word in mine]
            source = source.replace(line, "\n".join(new))
        module = ModuleType(f"{package}.{name}")
        if package not in sys.modules:
            sys.modules[package] = ModuleType(package)
        sys.modules[module.__name__] = module
        exec(compile(source, f"{name}.py, {mutant.clause}", "exec"), module.__dict__)
        setattr(sys.modules[package], name, module)
        made[name] = module
    return Code(**made, one_uuid=mutant.one_uuid)


def mutants() -> Iterator[Mutant]:
    """One for each wrong order of the storage model, and some of ours."""
    yield _mutant(
        "checked, then referenced",
        "PUT, two",
        "manifests",
        "    template = new_manifest(manifest, life, author, sparse=sparse)\n",
        "    template = new_manifest(manifest, life, author, sparse=sparse)\n"
        "    for target in targets(key, template)[0]:\n"
        "        if (yield from ensure(target, life, NOTHING)) is None:\n"
        "            raise PartsUnknown(repository, [], [])\n"
        "    return (yield Put(key, ABSENT, template.but(firm=True)))\n",
    )
    yield _mutant(
        "no condemning",
        "mount",
        "lifecycle",
        "        if not record.condemned:\n            marked = yield Put",
        "        if False:\n            marked = yield Put",
    )
    yield _mutant(
        "any version deleted",
        "mount",
        "lifecycle",
        "    for key, record in unused:\n        gone = yield Delete(key, record.version, sync=withdrawn)",
        "    for key, record in unused:\n        gone = yield Delete(key, ANY, sync=withdrawn)",
    )
    yield _mutant(
        "condemned mark ignored",
        "mount",
        "lifecycle",
        "        if record is not None and record.condemned:\n",
        "        if False:\n",
    )
    yield _mutant(
        "pending not counted",
        "PUT, two",
        "lifecycle",
        "        record: Record | None = yield Get(manifest)\n        if record is not None:\n",
        "        record: Record | None = yield Get(manifest)\n        if record is not None and record.firm:\n",
    )
    yield Mutant(
        "digest as data key",
        "push | push",
        (
            ("uploads", "import ABSENT, BytesDelete", "import ABSENT, ANY, BytesDelete"),
            ("uploads", "Put(SessionKey(uuid), ABSENT, new_session", "Put(SessionKey(uuid), ANY, new_session"),
        ),
        one_uuid=True,
    )
    yield _mutant(
        "link without its record",
        "PUT | mount",
        "lifecycle",
        "        if record.firm and gate:\n",
        "        if record.firm and (gate or key not in mine):\n",
    )
    yield _mutant(
        "pending revived as firm",
        "repository DELETE",
        "lifecycle",
        "record.but(condemned=False))\n        if record is None:\n            continue\n",
        "record.but(condemned=False, **({'firm': True} if 'firm' in record.fields else {})))\n"
        "        if record is None:\n            continue\n",
    )
    yield _mutant(
        "firm revived as pending",
        "tag move |",
        "lifecycle",
        "record.but(condemned=False))\n        if record is None:\n            continue\n",
        "record.but(condemned=False, **({'firm': False} if 'firm' in record.fields else {})))\n"
        "        if record is None:\n            continue\n",
    )
    yield _mutant(
        "live overwritten by pending",
        "re-PUT",
        "lifecycle",
        "        if record is not None and record.condemned:\n",
        "        elif record.firm and isinstance(key, ManifestKey) and key in mine:\n"
        "            record = yield Put(key, ANY, mine[key])\n"
        "        if record is not None and record.condemned:\n",
    )
    yield _mutant(
        "tag shown, then checked",
        "tag move |",
        "manifests",
        "        firm = yield from ensure(key, life, {key: template})\n",
        "        for name in names:\n"
        "            if not (yield from tags.show(TagKey(repository, name), life, value, author, check)):\n"
        "                break\n"
        "        else:\n"
        "            firm = yield from ensure(key, life, {key: template})\n"
        "            if firm is not None and firm.id == value['id']:\n"
        "                return firm\n"
        "            continue\n"
        "        firm = yield from ensure(key, life, {key: template})\n",
    )
    yield _mutant(
        "tag by digest alone",
        "DELETE",
        "manifests",
        '        value = {"digest": str(digest), "id": record.id}\n---\n        if names and firm.id != value["id"]:\n',
        '        value = {"digest": str(digest), "id": "0"}\n---\n        if False:\n',
    )
    yield _mutant(
        "no repository id",
        "repository",
        "lifecycle",
        "        if record is not None and not isinstance(key, BlobKey) and record.life != life:\n",
        "        if False:\n",
    )
    yield _mutant(
        "blind replace",
        "repository",
        "lifecycle",
        "            if (yield from ended(_repository(key), life)):  # read AFTER the record: which of the two lives"
        " is over?\n                return None\n",
        "",
    )
    yield _mutant(
        "blind tag replace",
        "repository",
        "tags",
        "        if record is not None and record.life != life:\n"
        "            if (yield from ended(key.repository, life)):\n                return False\n",
        "",
    )
    yield _mutant("trash not asked", "push | session", "lifecycle", "    if doomed is not None:\n", "    if False:\n")
    yield _mutant(
        "bytes before session",
        "push | session",
        "sweep",
        "    gone: bool = yield Delete(key, record.version)\n    return gone\n\n\ndef orphans",
        "    yield BytesDelete(DataKey(key.uuid))\n"
        "    gone: bool = yield Delete(key, record.version)\n    return gone\n\n\ndef orphans",
    )
    yield _mutant(
        "session not closed",
        "push | session",
        "uploads",
        "    if closed is None:\n",
        "    if False:\n",
    )
    yield _mutant(
        "unsynced live",
        "power: push",
        "lifecycle",
        "                continue\n        yield Sync(key)\n        return record\n",
        "                continue\n        return record\n",
    )
    yield _mutant(
        "unsynced bytes",
        "power: push",
        "uploads",
        "    yield BytesFinish(DataKey(uuid), size, state)\n",
        "    pass\n",
    )
    yield _mutant(
        "unsynced target trusted",
        "power: push",
        "lifecycle",
        "        if record.firm and gate:\n            yield Sync(key)\n",
        "        if record.firm and gate:\n",
    )
    yield Mutant(
        "levels not synced",
        "power: link",
        (
            (
                "lifecycle",
                "        yield Sync(*sorted({level for key, _ in unused for level in _referring(key)}))\n",
                "        pass\n",
            ),
            (
                "lifecycle",
                "            yield Sync(CatalogKey(key.repository))  # of a life that is over, for good\n",
                "",
            ),
            ("sweep", "        if record.digest is not None:\n            yield Sync(BlobKey(record.digest))\n", ""),
        ),
    )
    # ------------------------------------------------------------------------------------------------- ours
    yield _mutant(
        "referrer entry after firm",
        "subject: PUT",
        "lifecycle",
        "            if isinstance(key, ManifestKey) and record.manifest.subject is not None:\n",
        "            if False:\n",
    )
    yield _mutant(
        "referrer entry at any version",
        "subject: DELETE",
        "sweep",
        "    gone: bool = yield Delete(key, entry.version, sync=True)\n",
        "    gone: bool = yield Delete(key, ANY, sync=True)\n",
    )
    yield _mutant(
        "immutability checked once",
        "immutable",
        "tags",
        "        if check is not None:\n            readable = yield from read(key.repository, key.tag)\n",
        "        if False:\n            readable = yield from read(key.repository, key.tag)\n",
    )
    yield _mutant(
        "push does not settle",
        "drop",
        "catalog",
        "        if record is None or record.id != life:\n            raise NameUnknown(repository)\n"
        "        if not record.condemned:\n            return\n",
        "        return\n",
    )
