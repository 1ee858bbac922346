"""`wherry gc`, `fsck`, `repository ls` and `rm` as they are typed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from oci_spec.digest import Digest
from registry.content.layout import BlobKey, ManifestKey
from registry.content.reads import Reads
from registry.stores import open_store
from registry.upkeep.commands import size_text
from storage_backends.base import ANY, Store, seal, unseal
from tests.upkeep.pushing import Client, keys

ENVIRON = {name: value for name, value in os.environ.items() if not name.startswith("WHERRY_")}


def wherry(*arguments: str, answer: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "wherry", *arguments],
        input=answer,
        capture_output=True,
        text=True,
        timeout=60,
        env={**ENVIRON, "HOME": "/nonexistent", **variables},
        check=False,
    )


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "store")


@pytest.fixture
def store(path: str) -> Iterator[Store]:
    store = open_store(path)
    yield store
    store.close()


def told(*arguments: str, code: int = 0) -> Any:
    done = wherry(*arguments)
    assert done.returncode == code, done.stderr
    return json.loads(done.stdout)


def test_gc_deletes_and_says_what(path: str, store: Store, client: Client) -> None:
    body = client.image("team/app", [b"x" * 12_345], "1")
    client.push("team/app", b"y" * 6_789)
    first = wherry("gc", "--store", path, "--grace", "0", "--trash-time", "0")
    assert first.returncode == 0, first.stderr
    assert first.stderr == ""
    lines = first.stdout.splitlines()
    assert lines[0].split() == ["DELETED", "COUNT"]
    assert ["links", "1"] in [line.split() for line in lines]
    assert ["blobs", "1"] in [line.split() for line in lines]
    assert lines[-1].startswith("Put 6.789kB into the trash and freed 6.789kB of it in ")
    client.pull("team/app", body)
    assert len(keys(store, "data/")) == 2


def test_gc_keeps_what_is_young_by_default(path: str, store: Store, client: Client) -> None:
    client.push("team/app", b"loose")
    before = keys(store)
    assert told("gc", "--store", path, "--json")["blobs"] == 0
    assert keys(store) == before


def test_gc_takes_its_settings_from_the_file_and_the_variables(tmp_path: Path, path: str, client: Client) -> None:
    client.push("team/app", b"loose")
    config = tmp_path / "serve.toml"
    config.write_text(f'store = "{path}"\ngrace = "7d"\n')
    assert told("gc", "--config", str(config), "--json")["links"] == 0
    done = wherry("gc", "--json", WHERRY_STORE=path, WHERRY_GRACE="0")
    assert json.loads(done.stdout)["links"] == 1


def test_gc_dry_run_changes_nothing(path: str, store: Store, client: Client) -> None:
    client.image("team/app", [b"old"], "1")
    client.image("team/app", [b"new"], "1")
    before = keys(store)
    arguments = ("--store", path, "--grace", "0", "--delete-untagged", "--older-than", "0")
    would = told("gc", *arguments, "--dry-run", "--json")
    assert keys(store) == before
    text = wherry("gc", *arguments, "--dry-run").stdout
    assert text.splitlines()[0].split() == ["WOULD", "GO", "COUNT"]
    assert "Would put 3B into the trash and free 0B of it." in text
    did = told("gc", *arguments, "--json")
    assert (would["manifests"], would["dry_run"], did["dry_run"]) == (1, True, False)
    assert {**would, "dry_run": 0, "seconds": 0} == {**did, "dry_run": 0, "seconds": 0}


def test_gc_keeps_untagged_manifests_unless_asked(path: str, store: Store, client: Client) -> None:
    body = client.image("team/app", [b"layer"])
    assert told("gc", "--store", path, "--grace", "0", "--json")["manifests"] == 0
    young = ("gc", "--store", path, "--grace", "0", "--delete-untagged", "--json")
    assert told(*young)["manifests"] == 0, "30 days by default"
    client.pull("team/app", body)
    assert told(*young, "--older-than", "0")["manifests"] == 1


def test_gc_stops_at_what_it_does_not_know(path: str, store: Store, client: Client) -> None:
    client.push("team/app", b"loose")
    Path(path, "links", "notes.txt").write_text("mine")
    done = wherry("gc", "--store", path, "--grace", "0")
    assert done.returncode == 1
    assert "links/notes.txt" in done.stderr
    assert len(keys(store, "data/")) == 1


def test_gc_beside_another_is_refused_unless_forced(path: str, store: Store) -> None:
    lease = {"host": os.uname().nodename, "pid": os.getpid()}
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    store.records.put("gc/lease", seal({**lease, "boot": boot, "until": time.time() + 50})[0], ANY)
    done = wherry("gc", "--store", path)
    assert done.returncode == 1
    assert "another collector" in done.stderr
    assert wherry("gc", "--store", path, "--force").returncode == 0


@pytest.mark.parametrize("command", [["gc"], ["fsck"], ["repository", "ls"], ["repository", "rm", "app"]])
def test_a_store_that_is_not_there_is_not_made(tmp_path: Path, command: list[str]) -> None:
    done = wherry(*command, "--store", str(tmp_path / "typo"))
    assert done.returncode == (3 if command == ["fsck"] else 1)
    assert "no such folder" in done.stderr
    assert not (tmp_path / "typo").exists()
    said = wherry(*command, "--store", "memory:").stderr
    assert "its server alone" in said
    assert "::" not in said


@pytest.mark.parametrize(
    "command", [["gc", "--grace", "soon"], ["gc", "--graze", "1"], ["fsck", "x"], ["repository", "rm"]]
)
def test_wrong_usage(path: str, store: Store, command: list[str]) -> None:
    done = wherry(*command, "--store", path)
    assert done.returncode == 2
    assert done.stderr.startswith("Error: ")


def test_fsck_of_a_sound_store(path: str, store: Store, client: Client) -> None:
    client.image("team/app", [b"layer"], "1")
    client.push("team/app", b"loose")
    done = wherry("fsck", "--store", path)
    assert done.returncode == 0, done.stderr
    assert done.stderr == "", "no progress line where there is no terminal"
    rows = [line.split() for line in done.stdout.splitlines()]
    assert rows[0] == ["KIND", "CHECKED", "UNREFERENCED"]
    assert ["links", "3", "1"] in rows
    assert done.stdout.splitlines()[-1].startswith("0 broken, 1 unreferenced; 12B hashed in ")


def test_fsck_finds_quarantines_and_says_so(path: str, store: Store, client: Client) -> None:
    body = client.image("team/app", [b"layer"], "1")
    key = BlobKey(Digest.of(b"layer"))
    stored = store.records.get(key.path)
    assert stored is not None
    uuid = unseal(stored.value, key.path)[0]["data"]
    Path(path, "data", uuid[:2], uuid).write_bytes(b"lAyer")
    done = wherry("fsck", "--store", path)
    assert done.returncode == 1
    assert done.stdout.splitlines()[0].startswith(f"bytes-digest: {key}: ")
    report = told("fsck", "--store", path, "--quarantine", "--json", code=1)
    assert report["quarantined"] == 1
    assert {finding["kind"] for finding in report["broken"]} == {"bytes-digest", "part"}
    assert {finding["key"] for finding in report["broken"]} == {
        key.path,
        ManifestKey("team/app", Digest.of(body)).path,
    }
    client.push("team/app", b"layer")
    assert told("fsck", "--store", path, "--json")["broken"] == []


def test_fsck_that_cannot_finish(path: str, store: Store) -> None:
    os.rename(Path(path, "links"), Path(path).parent / "links")
    done = wherry("fsck", "--store", path)
    assert done.returncode == 3
    assert "links" in done.stderr


def test_fsck_shows_progress_on_a_terminal(path: str, store: Store, client: Client) -> None:
    for n in range(60):
        client.push("team/app", f"layer {n}".encode())
    master, terminal = os.openpty()
    try:
        done = subprocess.run(
            [sys.executable, "-m", "wherry", "fsck", "--store", path],
            stdout=subprocess.PIPE,
            stderr=terminal,
            env={**ENVIRON, "HOME": "/nonexistent"},
            timeout=60,
            check=True,
        )
        os.close(terminal)
        shown = os.read(master, 100_000).decode()
    finally:
        os.close(master)
    assert "looked at" in shown
    assert b"looked at" not in done.stdout


def test_repositories_are_listed(path: str, store: Store, client: Client) -> None:
    client.image("team/app", [b"one"], "1", "2")
    client.image("team/app", [b"two"], "3")
    client.image("a-b", [b"one"], "1")
    client.image("a/b", [b"one"])
    assert wherry("repository", "ls", "--store", path, "-q").stdout == "a/b\na-b\nteam/app\n"
    rows = [line.split() for line in wherry("repository", "ls", "--store", path).stdout.splitlines()]
    assert rows == [
        ["REPOSITORY", "TAGS", "MANIFESTS"],
        ["a/b", "0", "1"],
        ["a-b", "1", "1"],
        ["team/app", "3", "2"],
    ]
    assert told("repository", "ls", "--store", path, "--json")[2] == {"name": "team/app", "tags": 3, "manifests": 2}


def test_a_repository_is_deleted_when_agreed(path: str, store: Store, client: Client) -> None:
    body = client.image("team/app", [b"layer"], "1")
    kept = client.image("other", [b"layer"], "1")
    for answer in ("", "n\n", "no\n"):
        done = wherry("repository", "rm", "--store", path, "team/app", answer=answer)
        assert done.returncode == 1
        assert "Delete repository team/app with its 1 tags? [y/N]" in done.stderr
    client.pull("team/app", body)
    done = wherry("repository", "rm", "--store", path, "team/app", answer="y\n")
    assert (done.returncode, done.stdout) == (0, "Deleted team/app\n")
    assert Reads(store).repositories(lambda name: True) == (["other"], False)
    done = wherry("repository", "rm", "--yes", "--store", path, "team/app", "other")
    assert done.returncode == 1, "one of them is not known"
    assert done.stdout == "Deleted other\n"
    assert "there is no repository 'team/app'" in done.stderr
    assert kept
    told("gc", "--store", path, "--grace", "0", "--trash-time", "0", "--json")
    told("gc", "--store", path, "--grace", "0", "--trash-time", "0", "--json")
    assert keys(store) == []


def test_a_name_that_is_none_is_wrong_usage(path: str, store: Store) -> None:
    done = wherry("repository", "rm", "--yes", "--store", path, "../../etc")
    assert done.returncode == 2
    assert "invalid repository name" in done.stderr


def test_sizes_read_as_docker_prints_them() -> None:
    assert [size_text(n) for n in (0, 5, 999, 1000, 6_789, 12_345_678, 10**15)] == [
        "0B",
        "5B",
        "999B",
        "1kB",
        "6.789kB",
        "12.35MB",
        "1PB",
    ]
