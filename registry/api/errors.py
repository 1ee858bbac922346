"""Where every error becomes an answer: status, code and message (distribution-spec, Error Codes).

Refusal is what the API itself refuses. The trees of `registry.content`, `oci_spec` and `storage_backends` are
translated here and nowhere else; anything outside of them is a fault of ours, logged with its traceback and told to the
client without details.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any, Final

from oci_spec import errors as spec
from registry.api.response import Header, Response
from registry.content import errors as content
from storage_backends import errors as storage

LOG: Final = logging.getLogger("registry.api")

RETRY_SECONDS: Final = "5"
DETAIL_LIMIT: Final = 100
"""Most errors that one answer lists."""


class Refusal(Exception):
    """An answer with an error, raised anywhere below a handler. `closes`: the connection ends with it."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        detail: Any = None,
        headers: Sequence[Header] = (),
        closes: bool = False,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.detail = detail
        self.headers = tuple(headers)
        self.closes = closes


def entry(code: str, message: str, detail: Any = None) -> dict[str, Any]:
    """One element of an answer's `errors`."""
    return {"code": code, "message": message} | ({} if detail is None else {"detail": detail})


def answer(status: int, *entries: dict[str, Any], headers: Sequence[Header] = ()) -> Response:
    """The JSON body that every error has."""
    return Response.of_json(status, {"errors": entries}, headers)


_SIMPLE: Final[Sequence[tuple[type[Exception], int, str]]] = (
    (content.NameUnknown, 404, "NAME_UNKNOWN"),
    (content.BlobUnknown, 404, "BLOB_UNKNOWN"),
    (content.ManifestUnknown, 404, "MANIFEST_UNKNOWN"),
    (content.UploadUnknown, 404, "BLOB_UPLOAD_UNKNOWN"),
    (content.UploadConflict, 416, "BLOB_UPLOAD_INVALID"),
    (content.DigestMismatch, 400, "DIGEST_INVALID"),
    (content.SizeMismatch, 400, "SIZE_INVALID"),
    (content.StillReferenced, 405, "DENIED"),
    (content.Immutable, 403, "DENIED"),
    (content.ConditionFailed, 412, "PRECONDITION_FAILED"),
    (spec.InvalidDigest, 400, "DIGEST_INVALID"),
    (spec.InvalidName, 400, "NAME_INVALID"),
    (spec.InvalidTag, 400, "TAG_INVALID"),
    (spec.SpecError, 400, "MANIFEST_INVALID"),
    (storage.BytesBusy, 416, "BLOB_UPLOAD_INVALID"),
)


def translated(error: Exception, failed: Callable[[Exception], None] | None = None) -> Response:
    """The answer that tells a client of an error. `failed` is told where it is the store's."""
    if isinstance(error, Refusal):
        response = answer(error.status, entry(error.code, error.message, error.detail), headers=error.headers)
        response.keep_alive = not error.closes
        return response
    if isinstance(error, content.PartsUnknown):
        missing = [("blob", str(digest)) for digest in error.blobs]
        missing += [("manifest", str(digest)) for digest in error.manifests]
        entries = [
            entry(
                "MANIFEST_BLOB_UNKNOWN", f"{kind} {digest} is not in this repository: push it first", {"digest": digest}
            )
            for kind, digest in missing[:DETAIL_LIMIT]
        ]
        return answer(404, *entries)
    for kind, status, code in _SIMPLE:
        if isinstance(error, kind):
            return answer(status, entry(code, str(error)), headers=_ALLOWED if status == 405 else ())
    if isinstance(error, storage.StoreError):
        if failed is not None:
            failed(error)
        if isinstance(error, storage.StoreFull):
            LOG.error("the store is full: %s", error)
            message = "there is no room left for this upload; try again when the operator has made room"
            return answer(507, entry("INSUFFICIENT_STORAGE", message), headers=[("Retry-After", "60")])
        LOG.error("the store failed: %s: %s", type(error).__name__, error)
        if isinstance(error, storage.StoreFailed):
            message = "the store failed; nothing is known of this request's outcome: try again"
            return answer(503, entry("UNAVAILABLE", message), headers=[("Retry-After", RETRY_SECONDS)])
        return answer(500, entry("UNKNOWN", "what is stored is hurt; the server's log says what"))
    LOG.error("a request failed", exc_info=error)
    return answer(500, entry("UNKNOWN", "the server failed; its log says how"))


_ALLOWED: Final = (("Allow", "GET, HEAD"),)
