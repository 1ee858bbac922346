"""Media types: the names of the specifications, and what kind of content each stands for."""

from __future__ import annotations

import re

from oci_spec.errors import InvalidMediaType, shown

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar"
OCI_LAYER_GZIP = "application/vnd.oci.image.layer.v1.tar+gzip"
OCI_LAYER_ZSTD = "application/vnd.oci.image.layer.v1.tar+zstd"
OCI_NONDISTRIBUTABLE_LAYER = "application/vnd.oci.image.layer.nondistributable.v1.tar"
OCI_NONDISTRIBUTABLE_LAYER_GZIP = "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"
OCI_NONDISTRIBUTABLE_LAYER_ZSTD = "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd"
OCI_EMPTY = "application/vnd.oci.empty.v1+json"
OCI_ARTIFACT = "application/vnd.oci.artifact.manifest.v1+json"
"""The artifact manifest of image-spec 1.1.0-rc2, withdrawn before 1.1 but pushed by some clients."""

DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar"
DOCKER_LAYER_GZIP = "application/vnd.docker.image.rootfs.diff.tar.gzip"
DOCKER_LAYER_ZSTD = "application/vnd.docker.image.rootfs.diff.tar.zstd"
DOCKER_FOREIGN_LAYER = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"
DOCKER_SCHEMA1 = "application/vnd.docker.distribution.manifest.v1+json"
DOCKER_SCHEMA1_SIGNED = "application/vnd.docker.distribution.manifest.v1+prettyjws"

BUILDKIT_CACHE_CONFIG = "application/vnd.buildkit.cacheconfig.v0"
"""buildkit's exported cache: an index lists this config and the layers as its `manifests`."""

MANIFEST_TYPES: frozenset[str] = frozenset({OCI_MANIFEST, DOCKER_MANIFEST, OCI_ARTIFACT})
INDEX_TYPES: frozenset[str] = frozenset({OCI_INDEX, DOCKER_LIST})
CONFIG_TYPES: frozenset[str] = frozenset({OCI_CONFIG, DOCKER_CONFIG, OCI_EMPTY, BUILDKIT_CACHE_CONFIG})
SCHEMA1_TYPES: frozenset[str] = frozenset({DOCKER_SCHEMA1, DOCKER_SCHEMA1_SIGNED})

# Prefixes, because suffixes are open-ended: +gzip, +zstd, +encrypted and what comes next.
_LAYER_PREFIXES = ("application/vnd.oci.image.layer.", "application/vnd.docker.image.rootfs.")
_NONDISTRIBUTABLE_PREFIXES = (
    "application/vnd.oci.image.layer.nondistributable.",
    "application/vnd.docker.image.rootfs.foreign.",
)

_RESTRICTED_NAME = r"[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}"
_match = re.compile(rf"{_RESTRICTED_NAME}/{_RESTRICTED_NAME}").fullmatch


def parse_media_type(text: str) -> str:
    """Return `type/subtype` in lower case, without parameters (RFC 6838, section 4.2); InvalidMediaType."""
    essence = text.partition(";")[0].strip(" \t")
    if _match(essence) is None:
        raise InvalidMediaType(
            f"invalid media type {shown(text)}: expected TYPE/SUBTYPE, each of at most 127 letters, digits "
            f"and !#$&-^_.+ that begins with a letter or digit"
        )
    return essence.lower()


def _essence(text: str) -> str:
    return text.partition(";")[0].strip(" \t").lower()


def is_manifest(text: str) -> bool:
    """Whether this is an image manifest (or the withdrawn artifact manifest), of OCI or docker schema 2."""
    return _essence(text) in MANIFEST_TYPES


def is_index(text: str) -> bool:
    """Whether this is an OCI index or a docker manifest list."""
    return _essence(text) in INDEX_TYPES


def is_config(text: str) -> bool:
    """Whether this is a known configuration, always a blob."""
    return _essence(text) in CONFIG_TYPES


def is_layer(text: str) -> bool:
    """Whether this is a file system layer, non-distributable ones too."""
    return _essence(text).startswith(_LAYER_PREFIXES)


def is_nondistributable(text: str) -> bool:
    """Whether this is a layer that clients may leave at its `urls` (image-spec, Non-Distributable Layers)."""
    return _essence(text).startswith(_NONDISTRIBUTABLE_PREFIXES)
