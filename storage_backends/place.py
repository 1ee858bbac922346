"""Whether a folder is on a file system that keeps the contracts; what does not is refused at start."""

from __future__ import annotations

import ctypes
import errno
import os
import secrets
from typing import Final

from storage_backends.errors import UnsuitableStore

UNSUITABLE: Final = {
    0x6969: "NFS",
    0x517B: "SMB",
    0xFF534D42: "CIFS",
    0xFE534D42: "SMB",
    0x01021997: "9p",
    0x5346414F: "AFS",
    0x6B414653: "AFS",
    0x00C36400: "Ceph",
    0x73757245: "Coda",
    0x0BD00BD0: "Lustre",
    0x01161970: "GFS2",
    0x7461636F: "OCFS2",
    0xBACBACBC: "a VMware shared folder",
    0x786F4256: "a VirtualBox shared folder",
    0x65735546: "FUSE or virtiofs",
    0x4D44: "FAT",
    0x2011BAB0: "exFAT",
}
"""Magic numbers of statfs(2): what is shared over a network, or may be, and what has neither fsync nor case."""


class _Statfs(ctypes.Structure):
    _fields_ = (("f_type", ctypes.c_long), ("rest", ctypes.c_byte * 248))


def file_system_of(path: str) -> int:
    """The magic number of the file system that holds `path` (statfs(2)). Raises OSError."""
    statfs = ctypes.CDLL(None, use_errno=True).statfs
    buffer = _Statfs()
    if statfs(os.fsencode(path), ctypes.byref(buffer)):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), path)
    return int(buffer.f_type) & 0xFFFFFFFF


def check_file_system(path: str, magic: int) -> None:
    """UnsuitableStore for a file system by its magic number."""
    kind = UNSUITABLE.get(magic)
    if kind is not None:
        raise UnsuitableStore(
            f"{path} is on {kind}, where locks, renames and fsync do not hold what a store needs; "
            "give a folder on a local disk (ext4, xfs, btrfs, zfs), or a bucket for several machines"
        )


def check_case(path: str) -> None:
    """UnsuitableStore where names that differ in case are one name. Raises OSError."""
    name = f"case-{secrets.token_hex(8)}"
    probe = os.open(f"{path}/{name}", os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    try:
        if os.path.exists(f"{path}/{name.upper()}"):
            raise UnsuitableStore(
                f"{path} is on a file system (or folder) that does not tell upper from lower case; "
                "give a folder on one that does (ext4, xfs, btrfs, zfs without case folding)"
            )
    finally:
        os.close(probe)
        os.unlink(f"{path}/{name}")


def make_root(path: str) -> None:
    """Makes the folder and the parents that it lacks, durably. UnsuitableStore where that cannot be."""
    try:
        missing = []
        folder = path
        while not os.path.isdir(folder):
            missing.append(folder)
            folder = os.path.dirname(folder)
        for folder in reversed(missing):
            try:
                os.mkdir(folder, 0o700)
            except FileExistsError:
                if not os.path.isdir(folder):
                    raise
            parent = os.open(os.path.dirname(folder), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                os.fsync(parent)
            finally:
                os.close(parent)
    except OSError as error:
        if error.errno in (errno.EIO, errno.ENOSPC, errno.EDQUOT):
            raise
        raise UnsuitableStore(f"{path}: {error.strerror}; give a folder that this user may make and write") from error
