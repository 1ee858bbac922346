"""Image manifests and indexes: the exact bytes beside what they say (image-spec, Manifest and Image Index)."""

from __future__ import annotations

from oci_spec import strict_json
from oci_spec.descriptor import Descriptor
from oci_spec.errors import InvalidManifest, shown
from oci_spec.immutable import Immutable
from oci_spec.json_field import Fields
from oci_spec.media_type import (
    DOCKER_LIST,
    DOCKER_MANIFEST,
    INDEX_TYPES,
    OCI_ARTIFACT,
    OCI_INDEX,
    OCI_MANIFEST,
    SCHEMA1_TYPES,
    is_config,
    is_layer,
    is_nondistributable,
    parse_media_type,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from oci_spec.digest import Digest

MANIFEST_LIMIT = 4 * 1024 * 1024
"""The most bytes of a manifest that are accepted."""

ACCEPTED_TYPES: tuple[str, ...] = (OCI_MANIFEST, OCI_INDEX, DOCKER_MANIFEST, DOCKER_LIST, OCI_ARTIFACT)

_FIELDS = frozenset(
    {
        "schemaVersion",
        "mediaType",
        "artifactType",
        "config",
        "layers",
        "manifests",
        "blobs",
        "subject",
        "annotations",
        "fsLayers",
    }
)
# What a document of another kind is told by. One that carries both kinds' fields is an image to one program and
# an index to the next (CVE-2021-41190).
_FOREIGN_FIELDS = {
    OCI_MANIFEST: ("manifests", "fsLayers"),
    DOCKER_MANIFEST: ("manifests", "fsLayers"),
    OCI_INDEX: ("layers", "config", "fsLayers"),
    DOCKER_LIST: ("layers", "config", "fsLayers"),
    OCI_ARTIFACT: ("layers", "manifests", "config", "fsLayers"),
}
_SCHEMA1_REFUSED = (
    "docker schema 1 manifests are refused: their digest leaves out the signature, they have no image "
    "configuration, and docker itself has dropped them; push the image again with a client of the last ten years"
)


class Manifest(Immutable):
    """An image manifest or an index; `raw` are its exact bytes, which alone have its digest.

    `config` is an image's, `layers` are an image's (or an artifact manifest's blobs), `manifests` an index's.
    `artifact_type` is what referrers list: an image's falls back to its config's media type, an index's does not
    (distribution-spec, Listing Referrers). `annotations` may not be changed.

    What the store asks for, each digest once, in the order of the document:
    `links`: blobs that must be there: config, layers, and an index's entries of layer or config type.
    `optional_links`: non-distributable layers, which may be elsewhere.
    `children`: manifests that must be there: an index's other entries.
    """

    __slots__ = (
        "annotations",
        "artifact_type",
        "children",
        "config",
        "layers",
        "links",
        "manifests",
        "media_type",
        "optional_links",
        "raw",
        "subject",
    )

    media_type: str
    raw: bytes
    config: Descriptor | None
    layers: tuple[Descriptor, ...]
    manifests: tuple[Descriptor, ...]
    subject: Descriptor | None
    artifact_type: str | None
    annotations: Mapping[str, str]
    links: tuple[Digest, ...]
    optional_links: tuple[Digest, ...]
    children: tuple[Digest, ...]

    def __init__(
        self,
        media_type: str,
        raw: bytes,
        config: Descriptor | None,
        layers: tuple[Descriptor, ...],
        manifests: tuple[Descriptor, ...],
        subject: Descriptor | None,
        artifact_type: str | None,
        annotations: Mapping[str, str],
    ) -> None:
        """Take parts that agree with `raw`: `parse_manifest` is what makes one."""
        links = {} if config is None else {config.digest: None}
        optional: dict[Digest, None] = {}
        children: dict[Digest, None] = {}
        for layer in layers:
            (optional if is_nondistributable(layer.media_type) else links)[layer.digest] = None
        for entry in manifests:
            if is_nondistributable(entry.media_type):
                optional[entry.digest] = None
            elif is_layer(entry.media_type) or is_config(entry.media_type):
                links[entry.digest] = None
            else:
                children[entry.digest] = None
        self._fill(
            media_type=media_type,
            raw=raw,
            config=config,
            layers=layers,
            manifests=manifests,
            subject=subject,
            artifact_type=artifact_type,
            annotations=annotations,
            links=tuple(links),
            optional_links=tuple(digest for digest in optional if digest not in links),
            children=tuple(children),
        )

    @property
    def is_index(self) -> bool:
        """Whether this is an OCI index or a docker manifest list."""
        return self.media_type in INDEX_TYPES

    def __repr__(self) -> str:
        return f"Manifest({self.media_type}, {len(self.raw)} bytes)"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Manifest):
            return NotImplemented
        return self.media_type == other.media_type and self.raw == other.raw

    def __hash__(self) -> int:
        return hash(self.raw)


def parse_manifest(data: bytes, content_type: str | None) -> Manifest:
    """Read a manifest of ACCEPTED_TYPES; `content_type` is the request's or response's, None where absent.

    The type is the document's `mediaType` and the Content-Type without parameters, which must agree where both
    are there; one of them must be. SpecError for anything else: InvalidManifest, InvalidDescriptor with the path
    of the field, InvalidJSON, InvalidMediaType.
    """
    if len(data) > MANIFEST_LIMIT:
        raise InvalidManifest(f"manifest of {len(data)} bytes: expected at most {MANIFEST_LIMIT}")
    sent_type = None if content_type is None else parse_media_type(content_type)
    if sent_type in SCHEMA1_TYPES:
        raise InvalidManifest(f"media type {sent_type}: {_SCHEMA1_REFUSED}")
    fields = Fields(strict_json.loads(data), _FIELDS, "", InvalidManifest)
    media_type = _media_type(fields, sent_type)
    _check_schema_version(fields, media_type)
    for foreign in _FOREIGN_FIELDS[media_type]:
        if fields.has(foreign):
            raise InvalidManifest(
                f"{foreign} in a document of type {media_type}: expected none, as other programs would read it "
                f"as another kind of manifest"
            )

    config: Descriptor | None = None
    layers: tuple[Descriptor, ...] = ()
    manifests: tuple[Descriptor, ...] = ()
    artifact_type = fields.media_type("artifactType")
    if media_type in INDEX_TYPES:
        if not fields.has("manifests"):
            raise fields.refused("manifests", "an array of descriptors, which may be empty")
        manifests = _descriptors(fields, "manifests")
    elif media_type == OCI_ARTIFACT:
        layers = _descriptors(fields, "blobs")
    else:
        config = Descriptor.from_json(fields.get("config"), "config")
        layers = _descriptors(fields, "layers")
        artifact_type = artifact_type or config.media_type
    subject = fields.get("subject")
    return Manifest(
        media_type,
        data,
        config,
        layers,
        manifests,
        None if subject is None else Descriptor.from_json(subject, "subject"),
        artifact_type,
        fields.text_map("annotations"),
    )


def _media_type(fields: Fields, sent_type: str | None) -> str:
    named_type = fields.text("mediaType")
    if named_type in SCHEMA1_TYPES:
        raise InvalidManifest(f"mediaType {named_type}: {_SCHEMA1_REFUSED}")
    if named_type is not None and sent_type is not None and named_type != sent_type:
        raise InvalidManifest(
            f"mediaType is {shown(named_type)} but Content-Type is {shown(sent_type)}: expected them to be equal"
        )
    media_type = named_type if sent_type is None else sent_type
    if media_type is None:
        raise InvalidManifest("neither a Content-Type nor mediaType: expected one of " + ", ".join(ACCEPTED_TYPES))
    if media_type not in ACCEPTED_TYPES:
        if fields.get("schemaVersion") == 1:
            raise InvalidManifest(f"schemaVersion is 1: {_SCHEMA1_REFUSED}")
        raise InvalidManifest(f"manifest of type {shown(media_type)}: expected one of {', '.join(ACCEPTED_TYPES)}")
    return media_type


def _check_schema_version(fields: Fields, media_type: str) -> None:
    version = fields.get("schemaVersion")
    if version == 1 and type(version) is int:
        raise InvalidManifest(f"schemaVersion is 1: {_SCHEMA1_REFUSED}")
    if version is None and media_type == OCI_ARTIFACT:
        return
    if version != 2 or type(version) is not int:
        raise fields.refused("schemaVersion", "the integer 2")


def _descriptors(fields: Fields, name: str) -> tuple[Descriptor, ...]:
    return tuple(Descriptor.from_json(value, f"{name}[{index}]") for index, value in enumerate(fields.array(name)))
