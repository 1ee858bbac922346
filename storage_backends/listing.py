"""A listing of a tree of folders in byte order of the whole keys, page by page, without reading what is skipped."""

from __future__ import annotations

import os
from bisect import bisect_right
from collections.abc import Iterator

from storage_backends.base import Listed
from storage_backends.folder_names import FolderNames
from storage_backends.keys import OWN


def list_tree(root: str, prefix: str, after: str, limit: int, names: FolderNames) -> list[Listed]:
    """At most `limit` files under `root` whose key starts with `prefix` and is above `after`. Raises OSError."""
    found: list[Listed] = []
    if limit > 0:
        for key in _keys(root, prefix, after, names):
            try:
                found.append(Listed(key, os.lstat(f"{root}/{key}").st_mtime))
            except (FileNotFoundError, NotADirectoryError):
                continue  # deleted since its folder was read
            if len(found) == limit:
                break
    return found


def _keys(root: str, prefix: str, after: str, names: FolderNames) -> Iterator[str]:
    if not after.startswith(prefix) and after > prefix:
        return  # all keys with this prefix are below `after`
    there = names.of(f"{root}/{prefix[:-1]}" if prefix else root)
    start = 0
    if after > prefix:
        rest = after[len(prefix) :]
        start = bisect_right(there, rest)
        # In byte order the folder that `after` lies in is the last name below it: names between would begin like it.
        if start and there[start - 1].endswith("/") and rest.startswith(there[start - 1]):
            start -= 1
    for index in range(start, len(there)):
        name = there[index]
        if not name.endswith("/"):
            yield prefix + name
        elif prefix or name[:-1] not in OWN:
            yield from _keys(root, prefix + name, after, names)
