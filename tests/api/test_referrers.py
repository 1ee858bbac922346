"""The referrers list: server.md, Lists; distribution-spec, Listing Referrers."""

import json
import re
from typing import Any

import pytest

from storage_backends.base import Store
from tests.api.client import (
    OCI_CONFIG,
    OCI_INDEX,
    OCI_MANIFEST,
    Client,
    descriptor,
    image_of,
    index_of,
    sha256,
    sha512,
)
from tests.api.conftest import Connect, Serve

SUBJECT = json.dumps(image_of(b"layer")).encode()


def _attach(client: Client, number: int, **more: Any) -> dict[str, Any]:
    """Pushes an image with the subject; gives the descriptor that should be listed."""
    config = more.pop("config", descriptor(b"{}", OCI_CONFIG))
    document = json.dumps(
        image_of(config=config, subject=descriptor(SUBJECT, OCI_MANIFEST), annotations={"n": str(number)}, **more)
    ).encode()
    answer = client.manifest("a", sha256(document), document)
    assert answer.status == 201 and answer.header("OCI-Subject") == sha256(SUBJECT)
    return {
        "mediaType": OCI_MANIFEST,
        "digest": sha256(document),
        "size": len(document),
        "artifactType": more.get("artifactType", config["mediaType"]),
        "annotations": {"n": str(number)},
    }


def _list(client: Client, digest: str = sha256(SUBJECT), **query: Any) -> list[dict[str, Any]]:
    answer = client.get(f"/v2/a/referrers/{digest}", **query)
    assert answer.status == 200
    assert answer.header("Content-Type") == OCI_INDEX
    index = answer.json()
    assert (index["schemaVersion"], index["mediaType"]) == (2, OCI_INDEX)
    manifests: list[dict[str, Any]] = index["manifests"]
    return manifests


def _ordered(*entries: dict[str, Any]) -> list[dict[str, Any]]:
    return sorted(entries, key=lambda entry: str(entry["digest"]))


@pytest.fixture
def pushed(client: Client) -> Client:
    client.image_document("a")
    return client


def test_what_names_a_subject_is_listed_in_full(pushed: Client) -> None:
    one = _attach(pushed, 1)
    two = _attach(pushed, 2, artifactType="application/vnd.sbom")
    three = _attach(pushed, 3, config=descriptor(b"{}", "application/vnd.signature"))
    assert _list(pushed) == _ordered(one, two, three)


def test_the_subject_may_come_later_or_never(pushed: Client) -> None:
    one = _attach(pushed, 1)
    assert _list(pushed) == [one]
    pushed.manifest("a", "subject", SUBJECT)
    assert _list(pushed) == [one]


def test_an_index_without_artifact_type_is_listed_without(pushed: Client) -> None:
    document = json.dumps(index_of(subject=descriptor(SUBJECT, OCI_MANIFEST))).encode()
    pushed.manifest("a", sha256(document), document)
    assert _list(pushed) == [{"mediaType": OCI_INDEX, "digest": sha256(document), "size": len(document)}]


@pytest.mark.parametrize("repository", ["a", "none"])
def test_what_is_not_known_has_an_empty_list(pushed: Client, repository: str) -> None:
    for digest in (sha256(b"absent"), sha512(b"absent")):
        answer = pushed.get(f"/v2/{repository}/referrers/{digest}")
        assert (answer.status, answer.header("Content-Type")) == (200, OCI_INDEX)
        assert answer.json() == {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": []}


@pytest.mark.parametrize("digest", ["latest", "sha256:abc", "md5:" + "0" * 32, "sha256:" + "A" * 64])
def test_what_is_no_digest_is_400(pushed: Client, digest: str) -> None:
    answer = pushed.get(f"/v2/a/referrers/{digest}")
    assert (answer.status, answer.code) == (400, "DIGEST_INVALID")


def test_a_filter_is_applied_and_says_so(pushed: Client) -> None:
    _attach(pushed, 1)
    two = _attach(pushed, 2, artifactType="application/vnd.sbom+json")
    answer = pushed.get(f"/v2/a/referrers/{sha256(SUBJECT)}", artifactType="application/vnd.sbom+json")
    assert answer.header("OCI-Filters-Applied") == "artifactType"
    assert answer.json()["manifests"] == [two]
    assert _list(pushed, artifactType="application/none") == []
    assert pushed.get(f"/v2/a/referrers/{sha256(SUBJECT)}").headers["OCI-Filters-Applied"] is None


def test_a_deleted_referrer_is_no_longer_listed(pushed: Client) -> None:
    one, two = _attach(pushed, 1), _attach(pushed, 2)
    assert pushed.delete(f"/v2/a/manifests/{one['digest']}").status == 202
    assert _list(pushed) == [two]


def test_pages_link_to_the_next_and_keep_the_filter(serve: Serve, connect: Connect, store: Store) -> None:
    client = connect(serve(store, page_limit=3))
    client.image_document("a")
    wanted = [_attach(client, number, artifactType="application/x") for number in range(8)]
    _attach(client, 100, artifactType="application/y")
    target = f"/v2/a/referrers/{sha256(SUBJECT)}?artifactType=application/x"
    found: list[dict[str, Any]] = []
    sizes = []
    while True:
        answer = client.get(target)
        assert answer.header("OCI-Filters-Applied") == "artifactType"
        found += answer.json()["manifests"]
        sizes.append(len(answer.json()["manifests"]))
        if answer.headers["Link"] is None:
            break
        match = re.fullmatch(r'<(/v2/a/referrers/[^>]+)>; rel="next"', answer.header("Link"))
        assert match is not None
        target = match[1]
    assert sizes == [3, 3, 2]
    assert found == _ordered(*wanted)


def test_a_page_is_never_larger_than_a_manifest_may_be(pushed: Client) -> None:
    pad = {"pad": "x" * 1_500_000}
    for number in range(4):
        document = json.dumps(
            image_of(subject=descriptor(SUBJECT, OCI_MANIFEST), annotations={**pad, "n": str(number)})
        ).encode()
        assert pushed.manifest("a", sha256(document), document).status == 201
    answer = pushed.get(f"/v2/a/referrers/{sha256(SUBJECT)}")
    assert len(answer.body) < 4 << 20
    assert answer.headers["Link"] is not None


def test_a_fallback_tag_pushed_earlier_is_merged_in_without_duplicates(pushed: Client) -> None:
    """Clients of registries without this list keep an index under `sha256-<hex>`."""
    document = json.dumps(image_of(annotations={"old": "client"})).encode()  # with no subject: a cosign of old
    pushed.manifest("a", sha256(document), document)
    listed = _attach(pushed, 1)
    entries = [{**descriptor(document, OCI_MANIFEST), "artifactType": "application/old"}, listed]
    fallback = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}
    assert pushed.manifest("a", sha256(SUBJECT).replace(":", "-"), fallback).status == 201
    old = {**descriptor(document, OCI_MANIFEST), "artifactType": "application/old", "annotations": {"old": "client"}}
    assert _list(pushed) == _ordered(listed, old)


def test_head_has_no_body(pushed: Client) -> None:
    answer = pushed.head(f"/v2/a/referrers/{sha256(SUBJECT)}")
    assert (answer.status, answer.body) == (200, b"")
