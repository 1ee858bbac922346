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
    lifecycle: ModuleType
    catalog: ModuleType
    tags: ModuleType
    blobs: ModuleType
    uploads: ModuleType
    manifests: ModuleType
    sweep: ModuleType


class Mutant(NamedTuple):
    """`where`: how the titles of the configurations that should catch it begin."""

    clause: str
    where: str
    module: str
    old: str
    new: str


def real() -> Code:
    return Code(*(importlib.import_module(f"registry.content.{name}") for name in MODULES))


def mutated(mutant: Mutant) -> Code:
    """The modules with the mutant's change, importing each other, in a package of their own."""
    package = f"mutated_{abs(hash(mutant.clause))}"
    made: dict[str, ModuleType] = {}
    root = Path(registry.content.__file__).parent
    for name in MODULES:
        source = (root / f"{name}.py").read_text()
        if name == mutant.module:
            for old, new in zip(mutant.old.split("\n---\n"), mutant.new.split("\n---\n"), strict=True):
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
    return Code(**made)


def mutants() -> Iterator[Mutant]:
    """One for each wrong order of the storage model, and some of ours."""
    yield Mutant(
        "checked, then referenced", "PUT, two", "manifests",
        "    template = new_manifest(manifest, life, author, sparse=sparse)\n",
        "    template = new_manifest(manifest, life, author, sparse=sparse)\n"
        "    for target in targets(key, template)[0]:\n"
        "        if (yield from ensure(target, life, NOTHING)) is None:\n"
        "            raise PartsUnknown(repository, [], [])\n"
        "    return (yield Put(key, ABSENT, template.but(firm=True)))\n",
    )
    yield Mutant(
        "no condemning", "mount", "lifecycle",
        "        if not record.condemned:\n            marked = yield Put",
        "        if False:\n            marked = yield Put",
    )
    yield Mutant(
        "any version deleted", "mount", "lifecycle",
        "    for key, record in unused:\n        gone = yield Delete(key, record.version, sync=withdrawn)",
        "    for key, record in unused:\n        gone = yield Delete(key, ANY, sync=withdrawn)",
    )
    yield Mutant(
        "condemned mark ignored", "mount", "lifecycle",
        "        if record is not None and record.condemned:\n",
        "        if False:\n",
    )
    yield Mutant(
        "pending not counted", "PUT, two", "lifecycle",
        "        record: Record | None = yield Get(manifest)\n        if record is not None:\n",
        "        record: Record | None = yield Get(manifest)\n        if record is not None and record.firm:\n",
    )
    yield Mutant(
        "digest as data key", "push | push", "uploads",
        "    session: Record | None = yield Put(SessionKey(uuid), ABSENT, new_session(repository, life, author))\n"
        "---\n"
        "    return session\n\n\ndef find\n"
        "---\n"
        "    repository, life = str(session.fields[\"repo\"]), session.life\n",
        "    session: Record | None = yield Put(SessionKey('1' * 32), ANY, new_session(repository, life, author))\n"
        "---\n"
        "    return session\n\n\ndef find\n"
        "---\n"
        "    uuid = '1' * 32\n    repository, life = str(session.fields[\"repo\"]), session.life\n",
    )
    yield Mutant(
        "link without its record", "PUT | mount", "lifecycle",
        "        if record.firm and gate:\n",
        "        if record.firm and (gate or key not in mine):\n",
    )
    yield Mutant(
        "pending revived as firm", "repository DELETE", "lifecycle",
        "record.but(condemned=False))\n        if record is None:\n            continue\n",
        "record.but(condemned=False, **({'firm': True} if 'firm' in record.fields else {})))\n"
        "        if record is None:\n            continue\n",
    )
    yield Mutant(
        "firm revived as pending", "tag move |", "lifecycle",
        "record.but(condemned=False))\n        if record is None:\n            continue\n",
        "record.but(condemned=False, **({'firm': False} if 'firm' in record.fields else {})))\n"
        "        if record is None:\n            continue\n",
    )
    yield Mutant(
        "live overwritten by pending", "re-PUT", "lifecycle",
        "        if record is not None and record.condemned:\n",
        "        elif record.firm and isinstance(key, ManifestKey) and key in mine:\n"
        "            record = yield Put(key, ANY, mine[key])\n"
        "        if record is not None and record.condemned:\n",
    )
    yield Mutant(
        "tag shown, then checked", "tag move |", "manifests",
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
    yield Mutant(
        "tag by digest alone", "DELETE", "manifests",
        '        value = {"digest": str(digest), "id": record.id}\n'
        "---\n"
        '        if names and firm.id != value["id"]:\n',
        '        value = {"digest": str(digest), "id": "0"}\n'
        "---\n"
        "        if False:\n",
    )
    yield Mutant(
        "no repository id", "repository", "lifecycle",
        "        if record is not None and not isinstance(key, BlobKey) and record.life != life:\n",
        "        if False:\n",
    )
    yield Mutant(
        "blind replace", "repository", "lifecycle",
        "            if (yield from ended(_repository(key), life)):  # read AFTER the record: which of the two lives"
        " is over?\n                return None\n",
        "",
    )
    yield Mutant(
        "blind tag replace", "repository", "tags",
        "        if record is not None and record.life != life:\n"
        "            if (yield from ended(key.repository, life)):\n                return False\n",
        "",
    )
    yield Mutant("trash not asked", "push | session", "lifecycle", "    if doomed is not None:\n", "    if False:\n")
    yield Mutant(
        "bytes before session", "push | session", "sweep",
        "    gone: bool = yield Delete(key, record.version)\n    return gone\n\n\ndef orphans",
        "    yield BytesDelete(DataKey(key.uuid))\n"
        "    gone: bool = yield Delete(key, record.version)\n    return gone\n\n\ndef orphans",
    )
    yield Mutant(
        "session not closed", "push | session", "uploads",
        "    if closed is None:\n",
        "    if False:\n",
    )
    yield Mutant(
        "unsynced live", "power: push", "lifecycle",
        "                continue\n        yield Sync(key)\n        return record\n",
        "                continue\n        return record\n",
    )
    yield Mutant(
        "unsynced bytes", "power: push", "uploads",
        "    yield BytesFinish(DataKey(uuid), size, state)\n",
        "",
    )
    yield Mutant(
        "unsynced target trusted", "power: push", "lifecycle",
        "        if record.firm and gate:\n            yield Sync(key)\n",
        "        if record.firm and gate:\n",
    )
    yield Mutant(
        "levels not synced", "power: link", "lifecycle",
        "        yield Sync(*sorted({level for key, _ in unused for level in _referring(key)}))\n",
        "        pass\n",
    )
    # ------------------------------------------------------------------------------------------------- ours
    yield Mutant(
        "referrer entry after firm", "subject: PUT", "lifecycle",
        "            if isinstance(key, ManifestKey) and record.manifest.subject is not None:\n",
        "            if False:\n",
    )
    yield Mutant(
        "referrer entry at any version", "subject: DELETE", "sweep",
        "    gone: bool = yield Delete(key, entry.version, sync=True)\n",
        "    gone: bool = yield Delete(key, ANY, sync=True)\n",
    )
    yield Mutant(
        "immutability checked once", "immutable", "tags",
        "        if check is not None:\n            readable = yield from read(key.repository, key.tag)\n",
        "        if False:\n            readable = yield from read(key.repository, key.tag)\n",
    )
    yield Mutant(
        "push does not settle", "drop", "catalog",
        "        if record is None or record.id != life:\n            raise NameUnknown(repository)\n"
        "        if not record.condemned:\n            return\n",
        "        return\n",
    )
