"""`wherry gc`, `wherry fsck`, `wherry repository ls` and `rm`: on the store itself, beside a running server or without.

Only argparse is loaded before it is known that the arguments can be run; settings are those of the server, from the
same file and variables.
"""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterable, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from registry.settings_sources import add_arguments

if TYPE_CHECKING:
    from collections.abc import Iterator

    from registry.config import Settings
    from registry.upkeep.collector import Report
    from registry.upkeep.findings import FsckReport
    from storage_backends.base import Store

FAILED: Final = 1
BROKEN: Final = 1
UNFINISHED: Final = 3

Run = Callable[[Namespace], int]


def gc(parser: ArgumentParser) -> Run:
    """Exit code 0, or 1 where something stopped it."""
    parser.description = (
        "Delete what nothing refers to any more: blobs that no manifest names, what pushes that died left, tags that "
        "show nothing, uploads that nobody goes on with, repositories that hold nothing. Runs beside a server and "
        "while pushes go on. Manifests without a tag stay unless --delete-untagged."
    )
    add_arguments(parser, "store", "grace", "trash_time", "session_time", "delete_untagged", "older_than")
    parser.add_argument(
        "--dry-run", action="store_true", help="Tell what would be deleted; an estimate while pushes go on."
    )
    parser.add_argument("--json", action="store_true", help="Print the counts as JSON.")
    parser.add_argument("--force", action="store_true", help="Run though another collector is at work, which is safe.")
    return _gc


def _gc(arguments: Namespace) -> int:
    from registry.upkeep.ages import Ages
    from registry.upkeep.collector import AlreadyCollecting, collect

    settings = _settings(arguments)
    with _opened(settings) as store:
        try:
            report = collect(store, Ages.of(settings), dry_run=arguments.dry_run, force=arguments.force)
        except AlreadyCollecting as busy:
            return _fail(f"{busy}; wait for it, or run beside it with --force")
    if arguments.json:
        _print_json(report.as_dict())
    else:
        sys.stdout.write(_collected(report))
    return 0 if report.error is None else _fail(f"the collection was not finished: {report.error}")


def _collected(report: Report) -> str:
    rows = [
        ("tags", report.tags),
        ("manifests", report.manifests),
        ("referrers", report.referrers),
        ("links", report.links),
        ("blobs", report.blobs),
        ("uploads", report.uploads),
        ("repositories", report.repositories),
    ]
    lines = _table(("WOULD GO" if report.dry_run else "DELETED", "COUNT"), [(name, str(n)) for name, n in rows])
    freed, trashed = size_text(report.freed), size_text(report.trashed)
    if report.dry_run:
        lines.append(f"Would put {trashed} into the trash and free {freed} of it.")
    else:
        lines.append(f"Put {trashed} into the trash and freed {freed} of it in {report.seconds:.1f} s.")
    return "\n".join(lines) + "\n"


def fsck(parser: ArgumentParser) -> Run:
    """Exit code 0: nothing is broken. 1: something is. 3: the check could not be finished."""
    parser.description = (
        "Hash all bytes again and check everything that a store promises. Runs beside a server. Exit code 0: nothing "
        "is broken; 1: something is; 2: wrong usage; 3: the check could not be finished. What is only unreferenced "
        "(for `wherry gc` to collect) is counted, and is no fault."
    )
    add_arguments(parser, "store")
    parser.add_argument(
        "--quarantine",
        action="store_true",
        help="Take blobs whose bytes are bad out of use: they read as unknown, and the next push of them heals.",
    )
    parser.add_argument("--json", action="store_true", help="Print the findings as JSON.")
    return _fsck


def _fsck(arguments: Namespace) -> int:
    from registry.upkeep.fsck import fsck as check
    from storage_backends.errors import StoreError

    settings = _settings(arguments)
    progress = _Progress()
    try:
        with _opened(settings) as store:
            threads = len(os.sched_getaffinity(0))
            report = check(store, quarantine=arguments.quarantine, threads=threads, progress=progress)
    except StoreError as error:
        progress.end()
        return _fail(f"the check was not finished: {error}", UNFINISHED)
    progress.end()
    if arguments.json:
        _print_json(report.as_dict())
    else:
        sys.stdout.write(_checked(report))
    return BROKEN if report.broken else 0


def _checked(report: FsckReport) -> str:
    lines = [f"{finding.kind}: {finding.key}: {finding.text}" for finding in report.broken]
    kinds = sorted({*report.checked, *report.unreferenced})
    cells = [(kind, str(report.checked.get(kind, 0)), str(report.unreferenced.get(kind, 0))) for kind in kinds]
    lines += _table(("KIND", "CHECKED", "UNREFERENCED"), cells)
    lines.append(
        f"{len(report.broken)} broken, {sum(report.unreferenced.values())} unreferenced"
        + (f", {report.quarantined} quarantined" if report.quarantined else "")
        + f"; {size_text(report.hashed)} hashed in {report.seconds:.1f} s."
    )
    return "\n".join(lines) + "\n"


class _Progress:
    """One line on a terminal that is written over; nothing elsewhere."""

    def __init__(self) -> None:
        self._on = sys.stderr.isatty()
        self._width = 0

    def __call__(self, text: str) -> None:
        if self._on:
            sys.stderr.write(f"\r{text:<{self._width}}")
            sys.stderr.flush()
            self._width = len(text)

    def end(self) -> None:
        """Takes the line away."""
        self("")
        self("")


def repository_ls(parser: ArgumentParser) -> Run:
    """Exit code 0."""
    parser.description = "List the repositories of a store, in the order of their names' components."
    add_arguments(parser, "store")
    parser.add_argument("-q", "--quiet", action="store_true", help="Print names alone.")
    parser.add_argument("--json", action="store_true", help="Print the list as JSON.")
    return _repository_ls


def _repository_ls(arguments: Namespace) -> int:
    from registry.content.errors import NameUnknown
    from registry.content.reads import Reads

    with _opened(_settings(arguments)) as store:
        reads = Reads(store)
        names, _ = reads.repositories(lambda name: True)
        if arguments.quiet:
            sys.stdout.write("".join(f"{name}\n" for name in names))
            return 0
        rows: list[dict[str, object]] = []
        for name in names:
            try:
                tags, _ = reads.tags(name)
            except NameUnknown:
                continue  # deleted since it was listed
            rows.append({"name": name, "tags": len(tags), "manifests": _manifests(store, name)})
    if arguments.json:
        _print_json(rows)
    else:
        cells = [(str(row["name"]), str(row["tags"]), str(row["manifests"])) for row in rows]
        sys.stdout.write("\n".join(_table(("REPOSITORY", "TAGS", "MANIFESTS"), cells)) + "\n")
    return 0


def _manifests(store: Store, repository: str) -> int:
    """How many manifests are stored, those of pushes under way included."""
    from registry.content.layout import manifests_of

    prefix, after, count = manifests_of(repository), "", 0
    while page := store.records.list(prefix, after):
        count, after = count + len(page), page[-1].key
    return count


def repository_rm(parser: ArgumentParser) -> Run:
    """Exit code 0, or 1 where a repository is not there or was not to be deleted."""
    parser.description = (
        "Delete repositories with all tags and manifests. They are unknown at once, also to a running server; "
        "what they held goes with the next collections."
    )
    add_arguments(parser, "store")
    parser.add_argument("-y", "--yes", action="store_true", help="Do not ask.")
    parser.add_argument("names", metavar="NAME", nargs="+", help="A repository.")
    return _repository_rm


def _repository_rm(arguments: Namespace) -> int:
    from oci_spec.reference import parse_name
    from registry.content import catalog
    from registry.content.errors import NameUnknown
    from registry.content.reads import Reads
    from registry.content.steps import drive

    for name in arguments.names:
        parse_name(name)
    code = 0
    with _opened(_settings(arguments)) as store:
        for name in arguments.names:
            try:
                tags, _ = Reads(store).tags(name)
            except NameUnknown:
                code = _fail(f"there is no repository {name!r}")
                continue
            if not arguments.yes and not _agreed(f"Delete repository {name} with its {len(tags)} tags? [y/N] "):
                code = _fail(f"repository {name} was not deleted")
            elif drive(catalog.delete(name), store):
                sys.stdout.write(f"Deleted {name}\n")
            else:
                code = _fail(f"there is no repository {name!r}")
    return code


def _agreed(question: str) -> bool:
    sys.stderr.write(question)
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _settings(arguments: Namespace) -> Settings:
    from registry.settings_sources import read

    return read(arguments)


@contextmanager
def _opened(settings: Settings) -> Iterator[Store]:
    """The store of the settings, which must be there. Raises StoreError."""
    from registry.stores import open_store

    store = open_store(settings.store, create=False)
    try:
        yield store
    finally:
        store.close()


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Lines in columns: the first flush left, numbers flush right."""
    cells = [head, *rows]
    widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
    lines = []
    for first, *numbers in cells:
        flush_right = [number.rjust(width) for number, width in zip(numbers, widths[1:], strict=True)]
        lines.append("  ".join([first.ljust(widths[0]), *flush_right]))
    return lines


def size_text(count: int) -> str:
    """`13.3kB`: four digits, decimal units, as docker prints sizes."""
    size, units = float(count), ["B", "kB", "MB", "GB", "TB", "PB"]
    while size >= 1000 and len(units) > 1:
        size /= 1000
        del units[0]
    return f"{size:.4g}{units[0]}"


def _print_json(value: object) -> None:
    import json

    sys.stdout.write(json.dumps(value, indent=2) + "\n")


def _fail(text: str, code: int = FAILED) -> int:
    sys.stderr.write(f"Error: {text}\n")
    return code
