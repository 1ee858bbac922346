"""Which stores this program opens."""

from __future__ import annotations

import multiprocessing
from pathlib import Path
from typing import Any

import pytest

from registry.stores import open_store
from registry.upkeep import format
from storage_backends.base import ANY, Store, seal, unseal
from storage_backends.errors import UnsuitableStore
from storage_backends.filesystem import FilesystemStore
from tests.upkeep.pushing import Client


def says(store: Store) -> dict[str, Any]:
    stored = store.records.get("format.json")
    assert stored is not None
    return unseal(stored.value, "format.json")[0]


def test_an_empty_store_is_given_its_format(tmp_path: Path) -> None:
    store = open_store(str(tmp_path / "new" / "store"))
    assert says(store) == {"format": 1, "features": [], "min_writer": 1}
    client = Client(store)
    body = client.image("app", [b"layer"], "1")
    store.close()
    again = open_store(str(tmp_path / "new" / "store"), create=False)
    Client(again).pull("app", body)
    again.close()


def test_memory_is_opened_empty() -> None:
    store = open_store("memory:")
    assert says(store)["format"] == 1
    store.close()


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"format": 2, "features": [], "min_writer": 1}, "is of format 2"),
        ({"format": 1, "features": ["mirror", "quota"], "min_writer": 1}, "uses mirror, quota"),
        ({"format": 1, "features": [], "min_writer": 2}, "generation 2"),
        ({"format": 0, "features": [], "min_writer": 1}, "no wherry wrote"),
        ({"format": "1", "features": [], "min_writer": 1}, "no wherry wrote"),
        ({"features": [], "min_writer": 1}, "no wherry wrote"),
        ({"format": 1, "features": None, "min_writer": 1}, "no wherry wrote"),
    ],
)
def test_what_this_program_does_not_know_is_refused(store: Store, fields: dict[str, Any], why: str) -> None:
    store.records.put("format.json", seal(fields)[0], ANY)
    with pytest.raises(UnsuitableStore, match=why):
        format.check(store)


def test_a_field_that_is_new_is_no_reason(store: Store) -> None:
    fields = {"format": 1, "features": [], "min_writer": 1, "since": "2030"}
    store.records.put("format.json", seal(fields)[0], ANY)
    format.check(store)
    assert says(store) == fields


def test_things_without_a_format_are_refused(store: Store, client: Client) -> None:
    client.push("app", b"layer")
    with pytest.raises(UnsuitableStore, match=r"no format\.json"):
        format.check(store)


def test_bytes_alone_are_things_too(store: Store) -> None:
    with store.bytes.write("data/ab/" + "ab" * 16, 0) as writer:
        writer.write(b"bytes")
    with pytest.raises(UnsuitableStore, match=r"no format\.json"):
        format.check(store)


def test_a_folder_of_other_things_is_refused(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("mine")
    with pytest.raises(UnsuitableStore, match=r"no format\.json"):
        open_store(str(tmp_path))


def test_a_folder_of_other_things_is_left_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "mine.txt").write_text("mine")
    (tmp_path / "My files").mkdir()
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(UnsuitableStore, match=r"\('My files', 'data'\), but no format\.json"):
        open_store(str(tmp_path))
    assert sorted(tmp_path.rglob("*")) == before


def test_a_first_start_that_was_cut_short_is_gone_on_with(tmp_path: Path) -> None:
    for name in ("lost+found", "data", "lock", "uploads"):
        (tmp_path / name).mkdir()
    store = open_store(str(tmp_path))
    assert says(store)["format"] == 1
    store.close()


def test_a_first_start_that_was_cut_short_behind_its_mark_is_gone_on_with(tmp_path: Path) -> None:
    open_store(str(tmp_path)).close()
    (tmp_path / "format.json").unlink()
    (tmp_path / "tmp" / "left").mkdir()
    store = open_store(str(tmp_path))
    assert says(store)["format"] == 1
    store.close()


def test_a_format_that_does_not_parse_is_refused(tmp_path: Path) -> None:
    open_store(str(tmp_path)).close()
    (tmp_path / "format.json").write_text("{}")
    with pytest.raises(UnsuitableStore, match=r"format\.json"):
        open_store(str(tmp_path))


def test_a_store_that_is_not_there_is_not_made_unless_wanted(tmp_path: Path) -> None:
    with pytest.raises(UnsuitableStore, match="no such folder"):
        open_store(str(tmp_path / "typo"), create=False)
    (tmp_path / "other").mkdir()
    with pytest.raises(UnsuitableStore, match="no store is there"):
        open_store(str(tmp_path / "other"), create=False)
    assert list((tmp_path / "other").iterdir()) == []
    with pytest.raises(UnsuitableStore, match="its server alone"):
        open_store("memory:", create=False)


def _open(path: str, go: Any) -> None:
    go.wait(30)
    store = open_store(path)
    Client(store).push("app", b"layer")
    store.close()


def test_processes_that_open_an_empty_store_at_once_agree(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    go = context.Event()
    processes = [context.Process(target=_open, args=(str(tmp_path), go)) for _ in range(4)]
    for process in processes:
        process.start()
    go.set()
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
    store = FilesystemStore(str(tmp_path))
    store.open()
    assert says(store)["format"] == 1
    store.close()
