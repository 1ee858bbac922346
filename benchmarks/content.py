"""What is pushed and pulled: random bytes with their digests, made before anything is timed."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Final

MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"
_CONFIG: Final = "application/vnd.oci.image.config.v1+json"
_LAYER: Final = "application/vnd.oci.image.layer.v1.tar+gzip"

MIB: Final = 1 << 20
# What "100 MB" is everywhere in this package.
LARGE: Final = 100_000_000
_SMALL_LAYER: Final = 16 << 10


def digest_of(data: bytes) -> str:
    """The sha256 digest as clients write it."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


class Blob:
    """Bytes in memory with their digest."""

    __slots__ = ("data", "digest")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.digest = digest_of(data)

    @classmethod
    def random(cls, size: int) -> Blob:
        return cls(os.urandom(size))


class Image:
    """A config, its layers and the manifest that names them; `unique` ends up in the config, and so in its digest."""

    __slots__ = ("blobs", "digest", "manifest", "tag")

    def __init__(self, layers: list[Blob], tag: str, unique: str) -> None:
        config = Blob(
            json.dumps(
                {
                    "architecture": "amd64",
                    "os": "linux",
                    "created": "2026-01-01T00:00:00Z",
                    "config": {"Cmd": ["/bin/sh"], "Labels": {"unique": unique}},
                    "rootfs": {"type": "layers", "diff_ids": [layer.digest for layer in layers]},
                    "history": [{"created_by": f"RUN step {number}"} for number in range(len(layers))],
                }
            ).encode()
        )
        self.blobs = [*layers, config]
        self.tag = tag
        self.manifest = json.dumps(
            {
                "schemaVersion": 2,
                "mediaType": MANIFEST,
                "config": {"mediaType": _CONFIG, "digest": config.digest, "size": len(config.data)},
                "layers": [{"mediaType": _LAYER, "digest": layer.digest, "size": len(layer.data)} for layer in layers],
            }
        ).encode()
        self.digest = digest_of(self.manifest)

    @classmethod
    def small(cls, tag: str, layers: int = 3) -> Image:
        """Layers of 16 KiB that no other image has."""
        return cls([Blob.random(_SMALL_LAYER) for _ in range(layers)], tag, os.urandom(8).hex())


class LargeFile:
    """A file of random bytes; each `variant` replaces its first bytes, and so is a blob of its own.

    `path` is on the disk that is measured; the file is in the page cache once it is written.
    """

    _PREFIX: Final = 64

    def __init__(self, path: Path, size: int = LARGE) -> None:
        self.size = size
        with path.open("wb") as file:
            for start in range(0, size, MIB):
                file.write(os.urandom(min(MIB, size - start)))
            file.flush()
            os.fsync(file.fileno())
        self._file = path.open("rb", buffering=0)
        self._rest = self._file.read()[self._PREFIX :]

    @property
    def descriptor(self) -> int:
        """The open file, for sendfile from `variant().offset` on."""
        return self._file.fileno()

    def variant(self) -> LargeBlob:
        """A blob that was never used before; hashing it takes about 0.1 s of this process."""
        prefix = os.urandom(self._PREFIX)
        hashed = hashlib.sha256(prefix)
        hashed.update(self._rest)
        return LargeBlob(prefix, "sha256:" + hashed.hexdigest(), self.size)

    def close(self) -> None:
        self._file.close()


class LargeBlob:
    """`prefix`, then the large file from `offset` on; `size` is that of the whole, in bytes."""

    __slots__ = ("digest", "offset", "prefix", "size")

    def __init__(self, prefix: bytes, digest: str, size: int) -> None:
        self.prefix = prefix
        self.offset = len(prefix)
        self.digest = digest
        self.size = size
