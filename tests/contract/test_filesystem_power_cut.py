"""On a disk that loses all that was not fsynced, what was synced is there, whole, and nothing is half there."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from storage_backends.base import ANY, seal
from storage_backends.filesystem import FilesystemStore
from tests.contract.lossy_syscalls import LossySyscalls

KEYS = [
    "catalog/a",
    "links/sha256/1a/1a0/a",
    "links/sha256/1a/1a0/b",
    "links/sha256/1a/1a1/a",
    "links/sha256/1b/1b0/a",
    "repos/a/manifests/sha256/3c/3c0",
    "repos/a/tags/1",
    "repos/b/tags/1",
]
FOLDERS = ["repos/", "repos/a/", "repos/a/tags/", "links/", "links/sha256/1a/", "links/sha256/1a/1a0/"]


@pytest.mark.parametrize("seed", [*range(25), *(pytest.param(seed, marks=pytest.mark.soak) for seed in range(25, 500))])
def test_a_power_cut_takes_no_more_than_what_was_not_synced(tmp_path: Path, seed: int) -> None:
    random = Random(seed)
    disk = LossySyscalls()
    root = tmp_path / "store"
    stores = []
    for _ in range(2):  # two processes: each remembers on its own which folders it knows to be durable
        store = FilesystemStore(str(root), syscalls=disk)
        store.open()
        stores.append(store)
    possible: dict[str, list[str | None]] = {key: [None] for key in KEYS}
    finished: dict[str, bytes | None] = {}
    for turn in range(60):
        store, key, sync = random.choice(stores), random.choice(KEYS), random.random() < 0.3
        match random.choice(["put", "put", "put", "delete", "delete", "sync", "sync folder", "bytes"]):
            case "put":
                version = store.records.put(key, seal({})[0], ANY, sync=sync)
                possible[key] = [*([] if sync else possible[key]), version]
            case "delete":
                if store.records.delete(key, ANY, sync=sync):
                    possible[key] = [*([] if sync else possible[key]), None]
            case "sync":
                keys = random.sample(KEYS, 2)
                store.records.sync(keys)
                for key in keys:
                    possible[key] = possible[key][-1:]
            case "sync folder":
                folder = random.choice(FOLDERS)
                store.records.sync([folder])
                for key in KEYS:
                    if key.startswith(folder):
                        possible[key] = possible[key][-1:]
            case "bytes":
                key, data = f"data/{turn % 3}/{turn}", random.randbytes(turn)
                with store.bytes.write(key, 0) as writer:
                    writer.write(data)
                store.bytes.finish(key, turn)
                finished[key] = data
                if random.random() < 0.3:
                    store.bytes.delete(key)
                    store.bytes.sync(key)
                    finished[key] = None
    disk.after_power_cut(root, tmp_path / "left")
    left = FilesystemStore(str(tmp_path / "left"))
    left.open()
    for key in KEYS:
        found = left.records.get(key)
        assert (found.version if found else None) in possible[key], key
    for key, expected in finished.items():
        if expected is None:
            assert left.bytes.size(key) is None
        else:
            assert left.bytes.read(key, 0, 1000) == expected
    for store in (*stores, left):
        store.close()
    disk.close()
