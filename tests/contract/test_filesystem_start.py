"""Opening a folder: made, refused where it does not suit, emptied of what the dead left, shared by many."""

from __future__ import annotations

import errno
import os
import secrets
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from storage_backends.base import ABSENT, ANY, HasLocalPath, HasStamp, Store, seal
from storage_backends.errors import StoreFailed, StoreFull, UnsuitableStore
from storage_backends.filesystem import TOPS, FilesystemStore
from storage_backends.place import UNSUITABLE, check_case, file_system_of
from tests.contract.faulty_syscalls import CountedSyscalls, fails


def opened(root: Path, floor: int = 0) -> FilesystemStore:
    store = FilesystemStore(str(root), floor=floor)
    store.open()
    return store


def forked(action: Callable[[], object]) -> int:
    """The process ID of a child that does something and ends, with status 1 where that fails."""
    pid = os.fork()
    if not pid:
        status = 1
        try:
            action()
            status = 0
        finally:
            os._exit(status)
    return pid


def test_the_folder_and_its_parents_are_made_for_this_user_alone(tmp_path: Path) -> None:
    root = tmp_path / "a" / "b" / "store"
    store = opened(root)
    assert sorted(os.listdir(root)) == sorted([*TOPS, "tmp", "lock"])
    for folder in (root.parent, root, *root.iterdir()):
        assert folder.stat().st_mode & 0o777 == 0o700
    store.records.put("catalog/a", seal({})[0], ANY)
    assert (root / "catalog/a").stat().st_mode & 0o777 == 0o600
    store.close()


def test_it_is_a_shared_store_with_local_paths_and_stamps_named_as_typed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    store: Store = opened(Path("./data"))
    monkeypatch.chdir("/")
    assert isinstance(store, HasLocalPath) and isinstance(store, HasStamp)
    assert (store.name, store.shared) == ("data", True)
    store.records.put("catalog/a", seal({})[0], ANY)
    assert (tmp_path / "data" / "catalog" / "a").exists()
    store.close()


@pytest.mark.parametrize("magic", UNSUITABLE)
def test_a_file_system_that_does_not_suit_is_refused_by_name(tmp_path: Path, magic: int) -> None:
    store = FilesystemStore(str(tmp_path), file_system=lambda path: magic)
    with pytest.raises(UnsuitableStore, match=f"is on {UNSUITABLE[magic]}, .*give a folder on a local disk"):
        store.open()
    assert os.listdir(tmp_path) == []


def test_the_file_system_of_a_path_is_told_by_the_kernel(tmp_path: Path) -> None:
    assert file_system_of("/proc") == 0x9FA0
    assert file_system_of(str(tmp_path)) not in UNSUITABLE
    with pytest.raises(FileNotFoundError):
        file_system_of(str(tmp_path / "none"))


def test_a_file_system_that_folds_case_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check_case(str(tmp_path))
    (tmp_path / f"CASE-{'AB' * 8}").mkdir()  # what such a file system answers for the name in capitals
    monkeypatch.setattr(secrets, "token_hex", lambda count: "ab" * count)
    with pytest.raises(UnsuitableStore, match="upper from lower case"):
        check_case(str(tmp_path))


@pytest.mark.parametrize("kind", ["flock", "lock"])
def test_a_file_system_without_locks_is_refused(tmp_path: Path, kind: str) -> None:
    syscalls = CountedSyscalls()
    store = FilesystemStore(str(tmp_path), syscalls=syscalls)
    syscalls.at = lambda number, name: fails(1, 95)(1, name) if name == kind else None
    with pytest.raises(UnsuitableStore, match="no locks"):
        store.open()


def test_what_is_no_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path in ("file", "file/below"):
        with pytest.raises(UnsuitableStore, match="give a folder"):
            opened(tmp_path / path)


def test_a_folder_that_may_not_be_written_is_refused(tmp_path: Path) -> None:
    syscalls = CountedSyscalls(fails(1, 13))
    store = FilesystemStore(str(tmp_path), syscalls=syscalls)
    with pytest.raises(UnsuitableStore, match="may write"):
        store.open()


def test_a_start_removes_what_the_dead_left_and_nothing_of_the_living(tmp_path: Path) -> None:
    living = opened(tmp_path)
    living.records.put("catalog/a", seal({})[0], ANY)
    (own,) = os.listdir(tmp_path / "tmp")
    (tmp_path / "tmp" / own / "in use").write_text("x")
    (tmp_path / "tmp" / "1-dead").mkdir()
    (tmp_path / "tmp" / "1-dead" / "0").write_text("half a reco")
    (tmp_path / "tmp" / "stray").write_text("x")
    other = opened(tmp_path)
    other.close()
    assert os.listdir(tmp_path / "tmp") == [own]
    assert os.listdir(tmp_path / "tmp" / own) == ["in use"]
    (tmp_path / "tmp" / own / "in use").unlink()
    living.close()
    assert os.listdir(tmp_path / "tmp") == []


def test_many_processes_open_one_fresh_folder_at_once(tmp_path: Path) -> None:
    script = (
        "import sys\n"
        "from storage_backends.base import ABSENT, seal\n"
        "from storage_backends.filesystem import FilesystemStore\n"
        "sys.stdin.readline()\n"
        "for turn in range(20):\n"
        "    store = FilesystemStore(sys.argv[1]); store.open(); store.check()\n"
        "    assert store.records.put(f'catalog/{sys.argv[2]}.{turn}', seal({})[0], ABSENT)\n"
        "    store.close()\n"
    )
    openers = [
        subprocess.Popen([sys.executable, "-c", script, str(tmp_path / "s"), str(n)], stdin=subprocess.PIPE, text=True)
        for n in range(4)
    ]
    for opener in openers:
        opener.communicate("go\n", timeout=60)
    assert [opener.returncode for opener in openers] == [0] * 4
    store = opened(tmp_path / "s")
    assert len(store.records.list("catalog/")) == 80
    store.close()
    assert os.listdir(tmp_path / "s" / "tmp") == []


def test_a_forked_child_has_locks_and_temporary_files_of_its_own(tmp_path: Path) -> None:
    store = opened(tmp_path)
    store.records.put("catalog/a", seal({})[0], ABSENT)
    told, tell = os.pipe()

    def child() -> None:
        store.records.put("catalog/b", seal({})[0], ABSENT)
        os.write(tell, str(len(os.listdir(tmp_path / "tmp"))).encode())
        store.close()

    pid = forked(child)
    assert os.read(told, 10) == b"2"
    assert os.waitpid(pid, 0)[1] == 0
    os.close(told)
    os.close(tell)
    assert len(os.listdir(tmp_path / "tmp")) == 1
    assert store.records.get("catalog/b")
    store.close()


def test_a_child_that_is_forked_while_bytes_are_written_does_not_keep_them_busy(tmp_path: Path) -> None:
    store = opened(tmp_path)
    wait, go_on = os.pipe()

    def child() -> None:
        os.close(go_on)
        os.read(wait, 1)

    with store.bytes.write("data/d/1", 0) as writer:
        pid = forked(child)
        writer.write(b"x")
    with store.bytes.write("data/d/1", 1):
        pass
    os.close(go_on)
    os.close(wait)
    assert os.waitpid(pid, 0)[1] == 0
    store.close()


def test_below_the_floor_bytes_are_refused_and_records_are_not(tmp_path: Path) -> None:
    store = opened(tmp_path)
    free = store.free()
    assert free is not None and free > 0
    with store.bytes.write("data/d/1", 0) as writer:
        writer.write(b"x")
    full = opened(tmp_path, floor=1 << 62)
    assert full.free() == 0
    with pytest.raises(StoreFull, match=r"4611686018427387904 that are kept; delete images and collect"):
        full.bytes.write("data/d/2", 0)
    assert full.bytes.size("data/d/2") is None
    assert full.records.put("trash/1", seal({})[0], ANY, sync=True)
    full.bytes.delete("data/d/1")
    full.check()
    store.close()
    full.close()


def test_the_floor_is_looked_at_while_bytes_are_written(tmp_path: Path) -> None:
    store = opened(tmp_path, floor=1)
    with store.bytes.write("data/d/1", 0) as writer:
        writer.write(b"x")
        store._room._floor = 1 << 62  # type: ignore[misc]  # the disk fills while the writer is at it
        store._room._until = 0.0  # and the last look is old
        writer.write(b"x")
        with pytest.raises(StoreFull):
            writer.write(bytes(1 << 20))
    assert store.bytes.size("data/d/1") == 2
    store.close()


def test_a_symbolic_link_under_a_key_is_not_followed(tmp_path: Path) -> None:
    store = opened(tmp_path / "store")
    (tmp_path / "secret").write_bytes(seal({})[0])
    (tmp_path / "store" / "catalog" / "a").symlink_to(tmp_path / "secret")
    (tmp_path / "store" / "data" / "b").symlink_to(tmp_path / "secret")
    with pytest.raises(StoreFailed, match="ELOOP"):
        store.records.get("catalog/a")
    with pytest.raises(StoreFailed, match="ELOOP"):
        store.bytes.read("data/b", 0, 1)
    with pytest.raises(StoreFailed, match="ELOOP"):
        store.bytes.write("data/b", 0)
    with pytest.raises(StoreFailed, match="ELOOP"):
        store.open_local("data/b")
    assert (tmp_path / "secret").read_bytes().startswith(b'{"n":')
    store.close()


def test_emptied_folders_go_where_they_may_and_nowhere_else(tmp_path: Path) -> None:
    store = opened(tmp_path)
    keys = [
        "repos/a/tags/1",
        "repos/a/manifests/sha256/3c/3c0",
        "links/sha256/1a/1a0/a",
        "blobs/sha256/1a/1a0",
        "gc/x/y",
    ]
    for key in keys:
        store.records.put(key, seal({})[0], ANY, sync=True)
    store.records.delete("repos/a/tags/1", ANY)
    assert os.listdir(tmp_path / "repos/a") == ["manifests"]
    for key in keys[1:]:
        assert store.records.delete(key, ANY, sync=True)
    assert os.listdir(tmp_path / "repos") == []
    assert os.listdir(tmp_path / "links/sha256/1a") == []
    assert os.listdir(tmp_path / "blobs/sha256/1a") == []
    assert os.listdir(tmp_path / "gc/x") == []
    store.close()


def test_on_a_full_disk_deleting_goes_on(tmp_path: Path) -> None:
    class Full(CountedSyscalls):
        there: frozenset[str] | None = None

        def open(self, path: str, flags: int) -> int:
            if self.there is not None and flags & os.O_CREAT and path not in self.there:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return super().open(path, flags)

        def write(self, fd: int, data: bytes | memoryview) -> int:
            if self.there is not None:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return super().write(fd, data)

    syscalls = Full()
    store = FilesystemStore(str(tmp_path), syscalls=syscalls)
    store.open()
    keys = [f"links/sha256/1a/{number}/a" for number in range(40)]
    for key in keys:
        store.records.put(key, seal({})[0], ANY)
    syscalls.there = frozenset(os.path.join(folder, name) for folder, _, names in os.walk(tmp_path) for name in names)
    with pytest.raises(StoreFull, match="ENOSPC"):
        store.records.put(keys[0], seal({})[0], ANY)
    other = FilesystemStore(str(tmp_path), syscalls=syscalls)  # no descriptor is open yet
    for key in keys:
        assert other.records.delete(key, ANY)
    assert store.records.list("links/") == []
    store.close()
    other.close()


def test_a_folder_that_was_removed_and_made_again_is_made_durable_again(tmp_path: Path) -> None:
    synced: list[str] = []

    class Watched(CountedSyscalls):
        def fsync(self, fd: int) -> None:
            synced.append(os.path.relpath(os.readlink(f"/proc/self/fd/{fd}"), tmp_path))
            super().fsync(fd)

    store, other = FilesystemStore(str(tmp_path), syscalls=Watched()), FilesystemStore(str(tmp_path))
    store.open()
    other.open()
    key = "links/sha256/1a/1a0/a"

    def folders() -> list[str]:
        found = [path for path in synced if not path.startswith("tmp/")]
        synced.clear()
        return found

    folders()
    chain = ["links/sha256/1a/1a0", "links/sha256/1a", "links/sha256", "links"]
    store.records.put(key, seal({})[0], ANY, sync=True)
    assert folders() == chain  # the top folder itself is durable from the start
    store.records.put(key, seal({})[0], ANY, sync=True)
    assert folders() == chain[:1]
    store.records.sync([key, "links/sha256/1a/1a0/b", "links/sha256/1b/x"])
    assert folders() == [chain[0], chain[2]]
    other.records.delete(key, ANY)
    other.records.put(key, seal({})[0], ANY)
    store.records.sync([key])
    assert folders() == chain[:2]  # the others are never removed
    store.close()
    other.close()
