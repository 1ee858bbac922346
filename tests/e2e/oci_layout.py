"""An OCI image layout (image-spec, Image Layout Specification) written by the tests, for clients to read."""

import gzip
import hashlib
import json
import shutil
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"

Descriptor = dict[str, Any]


class OciLayout:
    """A layout in `folder` that names one image or index; a finished one may be opened again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._blobs = folder / "blobs" / "sha256"

    def add(self, content: bytes, media_type: str) -> Descriptor:
        """Keeps `content` as a blob and describes it."""
        self._blobs.mkdir(parents=True, exist_ok=True)
        digest = hashlib.sha256(content).hexdigest()
        (self._blobs / digest).write_bytes(content)
        return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(content)}

    def add_json(self, value: Mapping[str, Any], media_type: str) -> Descriptor:
        """Keeps a value as JSON and describes it."""
        return self.add(json.dumps(value, indent=1).encode(), media_type)

    def add_layer(self, tar: Path) -> tuple[Descriptor, str]:
        """Keeps a tar file compressed by gzip; gives its descriptor and its diff ID."""
        self._blobs.mkdir(parents=True, exist_ok=True)
        compressed = self._blobs / "unfinished"
        # No name and no time in the gzip header: the same tar gives the same digest.
        with tar.open("rb") as source, compressed.open("wb") as out:
            with gzip.GzipFile("", "wb", 6, out, mtime=0) as packed:
                shutil.copyfileobj(source, packed, 1 << 20)
            size = out.tell()
        with compressed.open("rb") as source:
            digest = hashlib.file_digest(source, "sha256").hexdigest()
        compressed.rename(self._blobs / digest)
        with tar.open("rb") as source:
            diff_id = f"sha256:{hashlib.file_digest(source, 'sha256').hexdigest()}"
        return {"mediaType": LAYER, "digest": f"sha256:{digest}", "size": size}, diff_id

    def add_image(self, layers: Sequence[tuple[Descriptor, str]], architecture: str, **config: Any) -> Descriptor:
        """Keeps an image of these layers and describes it with its platform."""
        made = {
            "created": "2026-01-01T00:00:00Z",
            "architecture": architecture,
            "os": "linux",
            "config": config,
            "rootfs": {"type": "layers", "diff_ids": [diff_id for _, diff_id in layers]},
            "history": [{"created": "2026-01-01T00:00:00Z", "created_by": f"layer {n}"} for n in range(len(layers))],
        }
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": self.add_json(made, CONFIG),
            "layers": [descriptor for descriptor, _ in layers],
        }
        return self.add_json(manifest, MANIFEST) | {"platform": {"architecture": architecture, "os": "linux"}}

    def name(self, descriptor: Descriptor, name: str) -> None:
        """Finishes the layout: `name` is its only entry. Clients read it as `oci:FOLDER:NAME`."""
        entry = descriptor | {"annotations": {"org.opencontainers.image.ref.name": name}}
        index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [entry]}
        (self.folder / "oci-layout").write_text(json.dumps({"imageLayoutVersion": "1.0.0"}))
        (self.folder / "index.json").write_text(json.dumps(index))

    def entry(self) -> Descriptor:
        """The descriptor of the image or index that the layout names."""
        (entry,) = json.loads((self.folder / "index.json").read_text())["manifests"]
        assert isinstance(entry, dict)
        return entry

    def read_json(self, digest: str) -> dict[str, Any]:
        """The JSON value kept under `sha256:HEX`."""
        value = json.loads((self._blobs / digest.removeprefix("sha256:")).read_bytes())
        assert isinstance(value, dict)
        return value

    def archive(self, path: Path) -> Path:
        """Writes the layout as a tar file, for clients that read no folder; gives `path` back."""
        with tarfile.open(path, "w") as out:
            for name in ("oci-layout", "index.json", "blobs"):
                out.add(self.folder / name, name)
        return path

    def blobs(self) -> set[str]:
        """The digests of all that is kept; AssertionError when a blob's content has another digest."""
        found = set()
        for blob in self._blobs.iterdir():
            with blob.open("rb") as source:
                assert hashlib.file_digest(source, "sha256").hexdigest() == blob.name, blob
            found.add(f"sha256:{blob.name}")
        return found
