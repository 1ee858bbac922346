"""What is searched: the configurations of the storage model, and what it leaves out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from registry.content.layout import Key, ManifestKey
from registry.content.records import Record
from tests.search.explorer import Configuration, Program
from tests.search.mutants import Code
from tests.search.programs import DIGESTS, Programs, immutable, stored, then, universe

X = ("link/a/x", "blob/x")
LIVE = (*X, "man/m")
MAN = ManifestKey("a", DIGESTS["m"]).path


def configurations(code: Code) -> Iterator[Configuration]:
    """Titles before the colon say what they have in common; those with 'power' lose unsynced writes at any point."""
    p, u = Programs(code), Programs(code, untagged=True)
    a, ab = universe("a", "x", "0123", "m", "t"), universe("ab", "x", "0123", "m")
    k, i, n = universe("a", "x", "03", "mk", "t"), universe("a", "x", "03", "mi", "t"), universe("a", "xy", "039", "n")
    r = universe("a", "x", "03", "mr", "t")
    put, tagged = p.put("m"), p.put("m", "t")
    push1, push2 = p.push_blob("a", "x", "1"), p.push_blob("a", "x", "2")
    across = p.mount("b", "a", "x")
    again = [(then(p.push_blob("a", "x", "3"), put), MAN)]

    def on(title: str, keys: list[Key], init: tuple[str, ...], *programs: Program, **options: Any) -> Configuration:
        records: dict[str, Record] = stored(*init)
        sweeper = u if options.get("untagged") else p
        paths = {key.path for key in keys}
        return Configuration(
            title,
            keys,
            {path: record for path, record in records.items() if path in paths},
            list(programs),
            sweeper.sweep(sorted(keys), dropping="drop:" in title),
            **options,
        )

    b_x = ("link/b/x", "blob/x")
    # ------------------------------------------------------------------------------- those of the storage model
    yield on(
        "mount | push | link gc | record gc",
        ab,
        b_x,
        across,
        push1,
        p.collect_link("b", "x"),
        p.collect_blob("x"),
        again=again,
    )
    yield on(
        "PUT, two layers | 2 link gc | record gc",
        n,
        ("link/a/x", "link/a/y", "blob/x", "blob/y"),
        p.put("n"),
        p.collect_link("a", "x"),
        p.collect_link("a", "y"),
        p.collect_blob("x"),
    )
    yield on(
        "PUT | mount | 2 link gc | record gc",
        ab,
        b_x,
        put,
        across,
        p.collect_link("a", "x"),
        p.collect_link("b", "x"),
        p.collect_blob("x"),
        again=again,
    )
    yield on(
        "PUT | push | 2 link gc | record gc",
        a,
        X,
        put,
        push1,
        p.collect_link("a", "x"),
        p.collect_link("a", "x"),
        p.collect_blob("x"),
    )
    yield on("PUT | PUT | manifest gc", a, X, put, put, p.collect_manifest("m"), again=again)
    yield on(
        "re-PUT | re-PUT with tag | 2 untagged gc",
        a,
        (*LIVE, "tag/t"),
        put,
        tagged,
        u.collect_manifest("m"),
        u.collect_manifest("m"),
        untagged=True,
    )
    yield on(
        "tag move | tag move back | 2 untagged gc",
        k,
        (*LIVE, "man/k", "tag/t"),
        p.put("k", "t"),
        tagged,
        u.collect_manifest("k"),
        u.collect_manifest("m"),
        untagged=True,
    )
    yield on(
        "tag move | tag tidy | untagged gc | link gc",
        k,
        (*LIVE, "man/k", "tag/t"),
        p.put("k", "t"),
        p.tidy_tag("t"),
        u.collect_manifest("m"),
        p.collect_link("a", "x"),
        untagged=True,
    )
    yield on(
        "DELETE | re-PUT | re-PUT with tag | tag tidy",
        a,
        (*LIVE, "tag/t"),
        p.delete_manifest("m"),
        put,
        tagged,
        p.tidy_tag("t"),
        again=again,
    )
    yield on(
        "index PUT, tag | child DELETE, untagged gc | link gc",
        i,
        LIVE,
        p.put("i", "t"),
        p.delete_manifest("m"),
        u.collect_manifest("m"),
        p.collect_link("a", "x"),
        untagged=True,
    )
    yield on(
        "repository DELETE | push, PUT | mount | sweep",
        ab,
        (*LIVE, "link/b/x"),
        p.delete_repository(),
        then(push1, put),
        across,
        p.collect_manifest("m"),
        again=again,
    )
    yield on(
        "repository DELETE | push, PUT | late PUT", a, X, p.delete_repository(), then(push1, put), put, again=again
    )
    yield on(
        "repository DELETE | push, PUT, tag | late PUT, tag",
        a,
        X,
        p.delete_repository(),
        then(push1, tagged),
        tagged,
        again=again,
    )
    yield on(
        "quarantine | 2 heals | trash | record gc",
        a,
        LIVE,
        p.quarantine("x"),
        push1,
        push2,
        p.collect_trash("0"),
        p.collect_blob("x"),
        again=again,
        scrubbed=True,
    )
    yield on(
        "blob DELETE | PUT | push | record gc", a, X, p.delete_blob("x"), put, push1, p.collect_blob("x"), again=again
    )
    yield on(
        "push | push | session gc | trash",
        a,
        (),
        push1,
        push2,
        p.collect_session("1"),
        p.collect_trash("1"),
        again=again,
    )
    yield on(
        "push | session, record, link gc | 2 trash",
        a,
        (),
        push1,
        p.collect_session("1"),
        p.collect_link("a", "x"),
        p.collect_blob("x"),
        p.collect_trash("1"),
        p.collect_trash("1"),
        again=again,
    )
    yield on(
        "push | session gc | orphans | 2 trash",
        a,
        (),
        push1,
        p.collect_session("1"),
        p.collect_orphan("1"),
        p.collect_trash("1"),
        p.collect_trash("1"),
        again=again,
    )
    yield on("power: push, PUT, tag | PUT", a, (), then(push1, tagged), put, again=again, power=True)
    yield on(
        "power: push, PUT | mount | link gc",
        ab,
        (),
        then(push1, put),
        p.mount("a", "b", "x"),
        p.collect_link("a", "x"),
        power=True,
    )
    yield on(
        "power: tag move | untagged gc",
        k,
        (*LIVE, "man/k", "tag/t"),
        p.put("k", "t"),
        u.collect_manifest("m"),
        power=True,
        untagged=True,
    )
    yield on(
        "power: DELETE, sweep | PUT",
        a,
        (*LIVE, "tag/t"),
        then(p.delete_manifest("m"), Program(p.sweep(sorted(a)))),
        put,
        again=again,
        power=True,
    )
    yield on(
        "power: repository DELETE | its sweep",
        a,
        (*LIVE, "tag/t"),
        p.delete_repository(),
        then(p.collect_manifest("m"), p.collect_link("a", "x")),
        power=True,
    )
    yield on(
        "power: quarantine | heal | sweep",
        a,
        LIVE,
        p.quarantine("x"),
        push1,
        Program(p.sweep(sorted(a))),
        again=again,
        power=True,
        scrubbed=True,
    )
    yield on(
        "power: untagged sweep | mount",
        ab,
        (*LIVE, "link/b/x"),
        Program(p.sweep(sorted(ab), True), "untagged"),
        across,
        power=True,
        untagged=True,
    )
    yield on(
        "power: link, record gc, trash | mount",
        ab,
        b_x,
        then(p.collect_link("b", "x"), p.collect_blob("x"), p.collect_trash("0")),
        across,
        power=True,
    )
    # ------------------------------------------------------------------------------------- what it leaves out
    yield on(
        "subject: PUT referrer | helper | subject DELETE | referrer gc",
        r,
        LIVE,
        p.put("r"),
        p.put("r"),
        p.delete_manifest("m"),
        p.collect_referrer(),
    )
    yield on(
        "subject: PUT referrer | untagged gc of both | referrer gc",
        r,
        (*LIVE, "tag/t"),
        p.put("r"),
        u.collect_manifest("r"),
        u.collect_manifest("m"),
        p.collect_referrer(),
        untagged=True,
    )
    yield on(
        "subject: DELETE referrer | re-PUT | referrer gc",
        r,
        (*LIVE, "man/r"),
        p.delete_manifest("r"),
        p.put("r"),
        p.collect_referrer(),
    )
    yield on(
        "power: subject: PUT referrer | DELETE of it, its sweep",
        r,
        (*LIVE, "man/r"),
        p.put("r"),
        then(p.delete_manifest("r"), Program(p.sweep(sorted(r)))),
        power=True,
    )
    yield on(
        "tag DELETE | tag move | tag tidy",
        k,
        (*LIVE, "man/k", "tag/t"),
        p.delete_tag("t"),
        p.put("k", "t"),
        p.tidy_tag("t"),
    )
    yield on(
        "tag DELETE | tag DELETE | re-PUT with tag | untagged gc",
        k,
        (*LIVE, "tag/t"),
        p.delete_tag("t"),
        p.delete_tag("t"),
        tagged,
        u.collect_manifest("m"),
        untagged=True,
    )
    yield on(
        "power: tag DELETE | tag move", k, (*LIVE, "man/k", "tag/t"), p.delete_tag("t"), p.put("k", "t"), power=True
    )
    yield on(
        "immutable: PUT, tag | other PUT, same tag | tag tidy",
        k,
        (*LIVE, "man/k"),
        p.put("m", "t", check=immutable),
        p.put("k", "t", check=immutable),
        p.tidy_tag("t"),
        immutable=True,
    )
    yield on(
        "drop: empty repository | push, PUT | drop", a, (), p.drop("a"), then(push1, put), p.drop("a"), again=again
    )
    yield on("drop: empty repository | mount | link gc", ab, b_x, p.drop("a"), across, p.collect_link("a", "x"))
    yield on("power: drop: empty repository | push, PUT", a, (), p.drop("a"), then(push1, put), again=again, power=True)
