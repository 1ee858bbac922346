"""Descriptors: typed, sized, hashed pointers to content (image-spec, Content Descriptors)."""

from __future__ import annotations

import binascii

from oci_spec.digest import Digest
from oci_spec.errors import InvalidDescriptor, SpecError, shown
from oci_spec.immutable import Immutable
from oci_spec.json_field import Fields
from oci_spec.platform import Platform

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

_FIELDS = frozenset({"mediaType", "digest", "size", "urls", "annotations", "data", "artifactType", "platform"})


class Descriptor(Immutable):
    """`media_type` and `artifact_type` are as written; `size` in bytes; `data` is the content itself, if embedded.

    `raw` is the object that was read, unknown fields included, or None for a descriptor made here. It takes no
    part in comparisons. Neither it nor `annotations` may be changed.
    """

    __slots__ = (
        "annotations",
        "artifact_type",
        "data",
        "digest",
        "media_type",
        "platform",
        "raw",
        "size",
        "urls",
    )

    media_type: str
    digest: Digest
    size: int
    urls: tuple[str, ...]
    annotations: Mapping[str, str]
    artifact_type: str | None
    platform: Platform | None
    data: bytes | None
    raw: Mapping[str, object] | None

    def __init__(
        self,
        media_type: str,
        digest: Digest,
        size: int,
        urls: tuple[str, ...] = (),
        annotations: Mapping[str, str] | None = None,
        artifact_type: str | None = None,
        platform: Platform | None = None,
        data: bytes | None = None,
        raw: Mapping[str, object] | None = None,
    ) -> None:
        self._fill(
            media_type=media_type,
            digest=digest,
            size=size,
            urls=urls,
            annotations={} if annotations is None else annotations,
            artifact_type=artifact_type,
            platform=platform,
            data=data,
            raw=raw,
        )

    @classmethod
    def from_json(cls, value: object, where: str = "descriptor") -> Descriptor:
        """Read a descriptor object; InvalidDescriptor with the path (`where` is this object's) of what is wrong.

        An embedded `data` must be base64 and have the size and digest that stand beside it.
        """
        fields = Fields(value, _FIELDS, where, InvalidDescriptor)
        media_type = fields.media_type("mediaType")
        if media_type is None:
            raise fields.refused("mediaType", "a media type")
        digest_text = fields.text("digest")
        if digest_text is None:
            raise fields.refused("digest", "a digest")
        size = fields.integer("size")
        if size is None:
            raise fields.refused("size", "the content's bytes as an integer")
        platform = None
        try:
            digest = Digest.parse(digest_text)
            if fields.get("platform") is not None:
                platform = Platform.from_json(fields.get("platform"), fields.path("platform"))
        except SpecError as error:
            raise InvalidDescriptor(f"{where}: {error.message}") from None
        assert isinstance(value, dict)
        return cls(
            media_type,
            digest,
            size,
            fields.texts("urls"),
            fields.text_map("annotations"),
            fields.media_type("artifactType"),
            platform,
            _embedded(fields, digest, size),
            value,
        )

    def to_json(self) -> dict[str, object]:
        """Return the object that was read, or one without what is absent."""
        if self.raw is not None:
            return dict(self.raw)
        fields: dict[str, object] = {
            "mediaType": self.media_type,
            "digest": str(self.digest),
            "size": self.size,
        }
        if self.urls:
            fields["urls"] = list(self.urls)
        if self.annotations:
            fields["annotations"] = dict(self.annotations)
        if self.data is not None:
            fields["data"] = binascii.b2a_base64(self.data, newline=False).decode("ascii")
        if self.artifact_type is not None:
            fields["artifactType"] = self.artifact_type
        if self.platform is not None:
            fields["platform"] = self.platform.to_json()
        return fields

    def __repr__(self) -> str:
        return f"Descriptor({self.media_type}, {self.digest}, {self.size})"

    def __eq__(self, other: object) -> bool:
        return self._key() == other._key() if isinstance(other, Descriptor) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.digest)

    def _key(self) -> tuple[object, ...]:
        return (
            self.digest,
            self.media_type,
            self.size,
            self.urls,
            self.annotations,
            self.artifact_type,
            self.platform,
            self.data,
        )


def _embedded(fields: Fields, digest: Digest, size: int) -> bytes | None:
    text = fields.text("data")
    if text is None:
        return None
    try:
        data = binascii.a2b_base64(text.encode("ascii"), strict_mode=True)
    except (UnicodeEncodeError, binascii.Error) as error:
        raise InvalidDescriptor(f"{fields.path('data')} is {shown(text)}: expected base64 ({error})") from None
    if len(data) != size:
        raise InvalidDescriptor(f"{fields.path('data')} has {len(data)} bytes: expected {size}, the size beside it")
    found = Digest.of(data, digest.algorithm)
    if found != digest:
        raise InvalidDescriptor(
            f"{fields.path('data')} has the digest {found}: expected {digest}, the digest beside it"
        )
    return data
