"""The machine in general terms, so that figures can be read elsewhere: no host names, no paths."""

from __future__ import annotations

import array
import contextlib
import fcntl
import mmap
import os
import platform
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

# linux/fs.h: reading and writing a file's attributes, and the one that `chattr +T` sets.
_GET_ATTRIBUTES: Final = 0x80086601
_SET_ATTRIBUTES: Final = 0x40086602
_TOP: Final = 0x20000
_CANDIDATES: Final = 12

_IN_MEMORY = frozenset({"tmpfs", "ramfs", "hugetlbfs"})


class NotOnDisk(Exception):
    """The folder for the data is kept in memory, where a sync costs nothing and proves nothing."""


def file_system(folder: Path) -> str:
    """The type of the file system that holds `folder`, for example `ext4`. Raises NotOnDisk for one in memory."""
    device = os.stat(folder).st_dev
    wanted = f"{os.major(device)}:{os.minor(device)}"
    kind = "unknown"
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        mount, _, source = line.partition(" - ")
        if mount.split()[2] == wanted:
            kind = source.split()[0]
    if kind in _IN_MEMORY:
        raise NotOnDisk(f"{folder} is on {kind}: name a folder on a disk with --data")
    return kind


def describe(folder: Path) -> dict[str, str | int]:
    """Cores, memory (GiB), kernel, file system under the data, Python; ready for JSON."""
    return {
        "cores": len(os.sched_getaffinity(0)),
        "architecture": platform.machine(),
        "sha_instructions": "yes" if _has_sha() else "no",
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        "kernel": "Linux " + ".".join(platform.release().split(".")[:2]),
        "file_system": file_system(folder),
        "python": platform.python_version(),
    }


def data_folders(parent: Path, names: Sequence[str]) -> list[Path]:
    """Folders of these names in `parent`, as good as each other to make files in.

    ext4 keeps a folder's files in its group of inodes, and one without a journal looks, for each new file, at every
    inode of the group that was freed within minutes, by whomever: dearer than all else that a small push does. So the
    folders are put far from each other and from all else (what `chattr +T` does), and of several those are taken in
    which files are made fastest.
    """
    _spread(parent)
    found = []
    for number in range(_CANDIDATES):
        folder = parent / f"candidate-{number}"
        folder.mkdir()
        found.append((_seconds_to_make_files(folder), folder))
    found.sort()
    for _, folder in found[len(names) :]:
        folder.rmdir()
    return [folder.rename(parent / name) for (_, folder), name in zip(found, names, strict=False)]


def _spread(parent: Path) -> None:
    descriptor = os.open(parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        attributes = array.array("i", [0])
        with contextlib.suppress(OSError):  # a file system without such attributes
            fcntl.ioctl(descriptor, _GET_ATTRIBUTES, attributes, True)
            attributes[0] |= _TOP
            fcntl.ioctl(descriptor, _SET_ATTRIBUTES, attributes)
    finally:
        os.close(descriptor)


def _seconds_to_make_files(folder: Path) -> float:
    paths = [folder / str(number) for number in range(8)]
    start = time.thread_time()
    for path in paths:
        path.touch()
    seconds = time.thread_time() - start
    for path in paths:
        path.unlink()
    return seconds


def touch_free_memory(most: int) -> None:
    """Uses `most` bytes once and gives them back, or half the free memory where that is less.

    A virtual machine may have to ask its host for memory that it has not used for some seconds, at several times the
    price of the copy into the page cache for which it asks. What was given back last is handed out first, so doing
    this before a run keeps that price out of it.
    """
    free = next(line for line in Path("/proc/meminfo").read_text().splitlines() if line.startswith("MemFree:"))
    size = min(most, int(free.split()[1]) * 1024 // 2) // mmap.PAGESIZE * mmap.PAGESIZE
    if not size:
        return
    with mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as memory:
        # Two megabytes a fault instead of four kilobytes.
        memory.madvise(mmap.MADV_HUGEPAGE)
        memory[:: mmap.PAGESIZE] = bytes(size // mmap.PAGESIZE)


def _has_sha() -> bool:
    # x86 calls them sha_ni, ARM sha2.
    words = Path("/proc/cpuinfo").read_text().split()
    return "sha_ni" in words or "sha2" in words
