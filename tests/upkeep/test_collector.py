"""What a collection takes, level by level, and what it leaves alone."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import threading
import time

import pytest

from oci_spec import media_type
from oci_spec.digest import Digest
from oci_spec.manifest import parse_manifest
from registry.content import blobs, catalog
from registry.content.errors import BlobUnknown, ManifestUnknown, NameUnknown, PartsUnknown
from registry.content.layout import BlobKey, CatalogKey, DataKey, LinkKey, ManifestKey, SessionKey, TagKey, TrashKey
from registry.content.reads import Reads
from registry.content.records import Record, new_manifest, new_trash
from registry.content.steps import ANY, Get, Put, Steps, drive
from registry.upkeep.ages import Ages
from registry.upkeep.collector import AlreadyCollecting, collect
from registry.upkeep.lease import KEY as LEASE
from storage_backends.base import Store
from tests.upkeep.collecting import DAY, NOW, UNTAGGED, run, run_out
from tests.upkeep.pushing import EMPTY, Client, descriptor, image, index, keys, push_blob


def test_what_is_tagged_stays_whole(store: Store, client: Client) -> None:
    body = client.image("team/app", [b"layer"], "1")
    before = keys(store)
    run_out(store)
    assert keys(store) == before
    client.pull("team/app", body)


def test_a_blob_that_no_manifest_names_goes_with_its_bytes(store: Store, client: Client) -> None:
    client.push("app", b"loose")
    first = run(store)
    assert (first.links, first.blobs, first.trashed, first.freed) == (1, 1, 5, 5)
    assert first.repositories == 1
    run(store)
    assert keys(store) == []


def test_what_is_younger_than_the_grace_is_left_alone(store: Store, client: Client) -> None:
    client.push("app", b"loose")
    before = keys(store)
    ages = Ages(grace=DAY, trash_time=3 * DAY)
    for later in (0, DAY - 60):
        report = run(store, ages, later=later)
        assert report.links == report.blobs == report.repositories == 0
        assert keys(store) == before
    report = run(store, ages, later=DAY + 60)
    assert (report.links, report.blobs, report.trashed, report.freed) == (1, 1, 5, 0)


def test_bytes_stay_as_trash_for_their_time(store: Store, client: Client) -> None:
    client.push("app", b"loose")
    ages = Ages(grace=0, trash_time=DAY)
    assert run(store, ages).blobs == 1
    assert keys(store, "data/"), "the bytes are still there"
    assert run(store, ages, later=DAY - 60).trash == 0
    report = run(store, ages, later=DAY + 60)
    assert (report.trash, report.freed) == (1, 5)
    assert keys(store) == []


def test_a_blob_that_another_repository_holds_keeps_its_bytes(store: Store, client: Client) -> None:
    body = client.image("one", [b"shared"], "1")
    assert client.mount("one", "two", b"shared")
    report = run(store)
    assert (report.links, report.blobs, report.repositories) == (1, 0, 1)
    client.pull("one", body)
    with pytest.raises(NameUnknown):
        Reads(store).life("two")


def test_untagged_manifests_stay_unless_asked(store: Store, client: Client) -> None:
    body = client.image("app", [b"layer"])
    run_out(store)
    client.pull("app", body)


def test_untagged_manifests_go_when_asked_and_old_enough(store: Store, client: Client) -> None:
    old, now = Client(store, at=time.time() - 31 * DAY), time.time()
    gone = old.image("app", [b"old"])
    kept = client.image("app", [b"young"])
    tagged = old.image("app", [b"tagged"], "1")
    ages = Ages(grace=0, trash_time=0, delete_untagged=True, older_than=30 * DAY)
    assert run(store, ages).manifests == 1
    with pytest.raises(ManifestUnknown):
        client.pull("app", gone)
    client.pull("app", kept)
    client.pull("app", tagged)
    assert time.time() - now < DAY


def test_a_manifest_within_the_grace_stays_though_old_enough(store: Store, client: Client) -> None:
    body = client.image("app", [b"layer"])
    ages = Ages(grace=DAY, trash_time=0, delete_untagged=True, older_than=0)
    assert run(store, ages).manifests == 0
    client.pull("app", body)
    assert run(store, ages, later=DAY + 60).manifests == 1


def test_a_tag_that_moved_lets_go_of_what_it_showed(store: Store, client: Client) -> None:
    first = client.image("app", [b"one"], "latest")
    second = client.image("app", [b"two"], "latest")
    report = run(store, UNTAGGED)
    assert (report.manifests, report.links, report.blobs) == (1, 1, 1)
    with pytest.raises(ManifestUnknown):
        client.pull("app", first)
    client.pull("app", second)


def test_children_stay_with_their_index(store: Store, client: Client) -> None:
    """Untagged deletion once ate what indexes consist of (distribution#3178)."""
    children = [client.image("app", [name]) for name in (b"amd64", b"arm64")]
    inner = client.index("app", children)
    outer = client.index("app", [inner], "1")
    run_out(store, UNTAGGED)
    client.pull("app", outer)
    client.delete_tag("app", "1")
    report = run(store, UNTAGGED)
    assert report.manifests == 4, "an index inside an index goes in the same run"
    run(store, UNTAGGED)
    assert keys(store) == []


def test_referrers_follow_their_subject(store: Store, client: Client) -> None:
    subject = client.image("app", [b"layer"], "1")
    signature = client.image("app", [b"signature"], subject=subject)
    of_signature = client.image("app", [b"of the signature"], subject=signature)
    run_out(store, UNTAGGED)
    for body in (subject, signature, of_signature):
        client.pull("app", body)
    client.delete_tag("app", "1")
    report = run(store, UNTAGGED)
    assert (report.manifests, report.referrers) == (3, 2)
    run(store, UNTAGGED)
    assert keys(store) == []


def test_a_referrer_whose_subject_never_came_goes_as_untagged(store: Store, client: Client) -> None:
    absent = image([b"elsewhere"])
    client.image("app", [b"signature"], subject=absent)
    tagged = client.image("app", [b"kept"], "sig", subject=absent)
    run_out(store)
    assert len(Reads(store).referrers("app", Digest.of(absent))) == 2
    report = run(store, UNTAGGED)
    assert (report.manifests, report.referrers) == (1, 1)
    client.pull("app", tagged)
    assert len(Reads(store).referrers("app", Digest.of(absent))) == 1


def test_a_layer_that_an_index_names_is_kept(store: Store, client: Client) -> None:
    """buildkit's cache is an index whose entries are layers."""
    client.push("cache", b"step one", b"step two", EMPTY)
    client.index("cache", [descriptor(b"step one"), descriptor(b"step two")], "main")
    before = keys(store)
    run_out(store, UNTAGGED)
    assert [key for key in keys(store) if key not in before] == []
    assert client.read("cache", b"step one") == b"step one"
    with pytest.raises(BlobUnknown):
        client.read("cache", EMPTY)


def test_a_nondistributable_layer_that_is_here_is_kept(store: Store, client: Client) -> None:
    client.push("app", EMPTY, b"foreign")
    foreign = descriptor(b"foreign", media_type.OCI_NONDISTRIBUTABLE_LAYER)
    elsewhere = descriptor(b"elsewhere", media_type.OCI_NONDISTRIBUTABLE_LAYER)
    body = image([foreign, elsewhere])
    client.put("app", body, "1")
    run_out(store, UNTAGGED)
    assert client.read("app", b"foreign") == b"foreign"
    client.pull("app", body)


def test_what_a_sparse_manifest_has_is_kept(store: Store, client: Client) -> None:
    client.push("mirror", b"there")
    body = image([b"there", b"not there"])
    client.put("mirror", body, "1", sparse=True)
    run_out(store, UNTAGGED)
    assert client.read("mirror", b"there") == b"there"
    assert Reads(store).manifest("mirror", Digest.of(body)).tail == body


def test_a_push_that_died_leaves_nothing(store: Store, client: Client) -> None:
    """A manifest that named parts that never came, with the tag that it announced."""
    with pytest.raises(PartsUnknown):
        client.put("app", image([b"never pushed"]), "1")
    report = run(store)
    assert (report.tags, report.manifests, report.repositories) == (1, 1, 1)
    assert keys(store) == []


def test_a_dead_push_is_waited_for(store: Store, client: Client) -> None:
    with pytest.raises(PartsUnknown):
        client.put("app", image([b"not yet"]), "1")
    report = run(store, Ages(grace=DAY))
    assert (report.tags, report.manifests, report.repositories) == (0, 0, 0)
    client.push("app", EMPTY, b"not yet")
    client.put("app", image([b"not yet"]), "1")


def test_an_announcement_of_a_dead_move_goes(store: Store, client: Client) -> None:
    body = client.image("app", [b"layer"], "1")
    with pytest.raises(PartsUnknown):
        client.put("app", image([b"never pushed"]), "1")
    run_out(store)
    stored = drive(_get(TagKey("app", "1")), store)
    assert stored is not None
    assert stored.fields["announced"] == []
    assert Reads(store).tagged("app", "1")[1].tail == body


def test_a_push_that_died_between_any_two_operations_leaves_nothing(store: Store, client: Client) -> None:
    """Stopped after every one of its operations, then collected."""
    count = 0
    while True:
        steps = push_blob("app", b"never whole", client.author)
        done = _first(steps, count, store)
        if done:
            break
        run_out(store)
        assert keys(store) == [], f"after {count} operations"
        count += 1
    assert count > 10


def test_tags_of_a_deleted_manifest_go(store: Store, client: Client) -> None:
    body = client.image("app", [b"layer"], "1", "2")
    kept = client.image("app", [b"other"], "3")
    client.delete("app", body)
    assert run(store).tags == 2
    client.pull("app", kept)
    assert Reads(store).tags("app") == (["3"], False)


def test_a_deleted_repository_goes_whole(store: Store, client: Client) -> None:
    body = client.image("app", [b"layer"], "1")
    client.image("app", [b"signature"], "sig", subject=body)
    kept = client.image("other", [b"layer"], "1")
    assert drive(catalog.delete("app"), store)
    report = run(store)
    assert (report.tags, report.manifests, report.referrers, report.links) == (2, 2, 1, 3)
    run(store)
    assert not [key for key in keys(store) if "app" in key]
    client.pull("other", kept)


def test_a_repository_made_again_loses_nothing_to_its_past(store: Store, client: Client) -> None:
    client.image("app", [b"old"], "1", "old")
    assert drive(catalog.delete("app"), store)
    body = client.image("app", [b"new"], "1")
    report = run(store)
    assert (report.tags, report.manifests) == (1, 1)
    run(store)
    client.pull("app", body)
    assert Reads(store).tags("app") == (["1"], False)


def test_an_empty_repository_is_dropped_past_the_grace(store: Store, client: Client) -> None:
    client.begin("app")
    assert run(store, Ages(grace=0, session_time=DAY)).repositories == 0, "an upload is open in it"
    report = run(store, Ages(grace=0, session_time=0, trash_time=0))
    assert (report.uploads, report.repositories) == (1, 1)
    assert keys(store) == []


def test_an_upload_is_kept_for_its_time_whatever_the_grace(store: Store, client: Client) -> None:
    uuid = client.begin("app", b"half of it")
    ages = Ages(grace=0, trash_time=0, session_time=7 * DAY)
    assert run(store, ages, later=7 * DAY - 60).uploads == 0
    assert drive(_get(SessionKey(uuid)), store) is not None
    report = run(store, ages, later=7 * DAY + 60)
    assert (report.uploads, report.trashed) == (1, 10)
    run(store, ages, later=7 * DAY + 60)
    assert keys(store) == []


def test_bytes_that_nothing_names_go(store: Store, client: Client) -> None:
    """A power cut took the session and left the bytes."""
    uuid = client.begin("app", b"orphaned")
    session = drive(_get(SessionKey(uuid)), store)
    assert session is not None
    store.records.delete(SessionKey(uuid).path, session.version)
    body = client.image("app", [b"layer"], "1")
    assert run(store, Ages(grace=DAY)).orphans == 0
    report = run(store)
    assert (report.orphans, report.trash, report.freed) == (1, 1, 8)
    assert store.bytes.size(DataKey(uuid).path) is None
    client.pull("app", body)


def test_trash_of_no_known_digest_spares_bytes_that_a_blob_has(store: Store, client: Client) -> None:
    body = client.image("app", [b"layer"], "1")
    blob = drive(_get(BlobKey(Digest.of(b"layer"))), store)
    assert blob is not None
    assert blob.data is not None
    drive(_put(TrashKey(blob.data), new_trash(None)), store)
    assert run(store).freed == 0
    assert drive(_get(TrashKey(blob.data)), store) is None
    client.pull("app", body)


def test_quarantined_bytes_go_and_the_next_push_heals(store: Store, client: Client) -> None:
    body = client.image("app", [b"layer"], "1")
    key = BlobKey(Digest.of(b"layer"))
    blob = drive(_get(key), store)
    assert blob is not None
    assert blob.data is not None
    assert drive(blobs.quarantine(key.digest, blob.data), store)
    report = run(store)
    assert (report.links, report.blobs, report.trash, report.freed) == (0, 0, 1, 5)
    with pytest.raises(BlobUnknown):
        client.read("app", b"layer")
    client.push("app", b"layer")
    client.pull("app", body)
    before = keys(store)
    run_out(store)
    assert keys(store) == before


@pytest.mark.parametrize("later", [0, DAY + 60])
def test_marks_of_a_dead_collector_are_taken_back(store: Store, client: Client, later: float) -> None:
    body = client.image("app", [b"layer"], "1")
    marked = [
        ManifestKey("app", Digest.of(body)),
        LinkKey("app", Digest.of(b"layer")),
        BlobKey(Digest.of(b"layer")),
        CatalogKey("app"),
    ]
    for key in marked:
        record = drive(_get(key), store)
        assert record is not None
        drive(_put(key, record.but(condemned=True)), store)
    ages = Ages(grace=DAY, delete_untagged=True, older_than=0)
    run(store, ages, later=later)
    for key in marked:
        record = drive(_get(key), store)
        assert record is not None
        assert not record.condemned, key
    client.pull("app", body)


def test_what_a_dead_collector_condemned_goes_without_waiting(store: Store, client: Client) -> None:
    client.push("app", b"loose")
    link = drive(_get(LinkKey("app", Digest.of(b"loose"))), store)
    assert link is not None
    drive(_put(LinkKey("app", Digest.of(b"loose")), link.but(condemned=True)), store)
    assert run(store, Ages(grace=DAY)).links == 1


def test_a_pending_child_is_kept_by_its_pending_index(store: Store, client: Client) -> None:
    """Neither was ever accepted: both go in one run, the index first."""
    child = image([b"never pushed"])
    parent = index([child])
    drive(_enter("app"), store)
    now = drive(_get(CatalogKey("app")), store)
    assert now is not None
    for body in (child, parent):
        record = new_manifest(parse_manifest(body, None), now.id, client.author)
        drive(_put(ManifestKey("app", Digest.of(body)), record), store)
    assert run(store).manifests == 2


def test_a_dry_run_tells_what_a_run_does_and_changes_nothing(store: Store, client: Client) -> None:
    client.image("app", [b"one"], "1")
    client.image("app", [b"two"], "1")
    client.push("loose", b"loose")
    client.begin("open", b"half")
    body = client.image("deleted", [b"three"], "1")
    client.image("deleted", [b"four"], subject=body)
    assert drive(catalog.delete("deleted"), store)
    before = {key: store.records.get(key) for key in keys(store) if not key.startswith("data/")}
    told = run(store, UNTAGGED, dry_run=True)
    assert {key: store.records.get(key) for key in keys(store) if not key.startswith("data/")} == before
    assert store.records.list("gc/") == []
    done = run(store, UNTAGGED)
    skipped = {"seconds", "dry_run"}
    assert {k: v for k, v in told.as_dict().items() if k not in skipped} == {
        k: v for k, v in done.as_dict().items() if k not in skipped
    }
    assert told.dry_run
    assert told.blobs == 4
    assert told.manifests == 3


def test_of_two_collectors_one_does_the_work(store: Store, client: Client) -> None:
    client.push("app", b"loose")
    begun, go_on = threading.Event(), threading.Event()

    def held() -> bool:
        begun.set()
        go_on.wait(30)
        return False

    first = threading.Thread(target=lambda: collect(store, NOW, stop=held))
    first.start()
    try:
        assert begun.wait(30)
        with pytest.raises(AlreadyCollecting):
            collect(store, NOW)
        assert collect(store, NOW, force=True).error is None
    finally:
        go_on.set()
        first.join(30)
    assert store.records.list("gc/") == []
    run(store)
    assert keys(store) == []


def test_the_lease_of_a_dead_process_holds_nobody_up(store: Store) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    with open("/proc/sys/kernel/random/boot_id") as file:
        boot = file.read().strip()
    mine = {"until": time.time() + 50, "host": os.uname().nodename, "boot": boot}
    drive(_put(LEASE, Record({**mine, "pid": os.getpid()})), store)
    with pytest.raises(AlreadyCollecting):
        collect(store, NOW)
    drive(_put(LEASE, Record({**mine, "pid": process.pid})), store)
    assert collect(store, NOW).error is None


def test_a_lease_elsewhere_runs_out(store: Store) -> None:
    drive(_put(LEASE, Record({"until": time.time() + 50, "host": "elsewhere", "boot": "", "pid": 1})), store)
    with pytest.raises(AlreadyCollecting):
        collect(store, NOW)
    assert collect(store, NOW, clock=lambda: time.time() + 51).error is None


def test_a_collection_ends_when_it_is_asked_to(store: Store, client: Client) -> None:
    client.push("app", b"loose")
    asked = iter(range(1000))
    report = collect(store, NOW, stop=lambda: next(asked) > 20)
    assert report.error == "asked to stop before its end"
    assert store.records.get(LEASE.path) is None
    run_out(store)
    assert keys(store) == []


def test_more_than_a_page_of_everything(store: Store, client: Client) -> None:
    count = 1_100 if store.name == "memory:" else 60
    kept = client.image("app", [b"kept"], "kept")
    for n in range(count):
        client.push("app", f"loose {n}".encode())
    uuids = [secrets.token_hex(16) for _ in range(count)]
    for uuid in uuids:
        drive(_put(TrashKey(uuid), new_trash(None)), store)
    report = run(store)
    assert (report.links, report.blobs, report.trash) == (count, count, 2 * count)
    run(store)
    client.pull("app", kept)
    assert len(keys(store)) == 9


def _get(key: object) -> Steps[Record | None]:
    return (yield Get(key))  # type: ignore[arg-type]


def _put(key: object, record: Record) -> Steps[Record]:
    return (yield Put(key, ANY, record))  # type: ignore[arg-type]


def _enter(repository: str) -> Steps[str]:
    return (yield from catalog.enter(repository, "2026-01-01T00:00:00Z"))


def _first(steps: Steps[Record], count: int, store: Store) -> bool:
    """Does the first `count` operations; whether the steps came to their end."""
    result: object = None
    for _ in range(count):
        try:
            result = steps.send(result).do(store)
        except StopIteration:
            return True
    return False
