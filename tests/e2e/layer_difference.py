"""The layer between two states of a root file system (image-spec, Image Layer Filesystem Changeset)."""

import copy
import posixpath
import tarfile
from collections.abc import Iterable
from pathlib import Path


def write_difference(before: Path | None, after: Path, layer: Path) -> int:
    """Writes to `layer` what turns the tar `before` (nothing when None) into the tar `after`.

    What is new or changed is there whole, what is gone is there as a whiteout. Gives the number of entries.
    """
    old = {} if before is None else _facts(before)
    count = 0
    with tarfile.open(after) as source, tarfile.open(layer, "w", format=tarfile.PAX_FORMAT) as out:
        kept = set()
        for member in source:
            path = _path(member.name)
            if not path:
                continue
            kept.add(path)
            if old.get(path) == _fact(member):
                continue
            entry = copy.copy(member)
            entry.name = path
            if entry.islnk():
                entry.linkname = _path(entry.linkname)
            out.addfile(entry, source.extractfile(member) if member.isreg() else None)
            count += 1
        for path in _topmost(old.keys() - kept):
            folder, name = posixpath.split(path)
            out.addfile(tarfile.TarInfo(posixpath.join(folder, f".wh.{name}")))
            count += 1
    return count


def _facts(tar: Path) -> dict[str, tuple[object, ...]]:
    with tarfile.open(tar) as source:
        return {_path(member.name): _fact(member) for member in source if _path(member.name)}


def _fact(member: tarfile.TarInfo) -> tuple[object, ...]:
    # A package manager never changes a file and keeps both its size and its time, so content is not compared.
    return member.type, member.mode, member.uid, member.gid, member.size, member.mtime, member.linkname


def _path(name: str) -> str:
    return posixpath.normpath(name).removeprefix("./").removeprefix(".")


def _topmost(paths: Iterable[str]) -> list[str]:
    topmost: list[str] = []
    for path in sorted(paths, key=lambda path: path.split("/")):
        if not topmost or not path.startswith(f"{topmost[-1]}/"):
            topmost.append(path)
    return topmost
