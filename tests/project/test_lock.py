"""The lock file pins everything by hash, and says of no host where to get it."""

import re
import tomllib

from tests.project.checkout import CHECKOUT

LOCK = (CHECKOUT / "requirements.lock").read_text()


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def requirements() -> dict[str, str]:
    """Each requirement's name, and its whole entry."""
    logical = re.sub(r"\s*\\\n\s*", " ", LOCK)
    lines = [line for line in logical.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    return {normal(re.split(r"[=\[ ;@<>!~]", line, maxsplit=1)[0]): line for line in lines}


def test_every_requirement_is_pinned_by_version_and_hash():
    found = requirements()
    assert len(found) > 20
    for name, entry in found.items():
        assert re.match(r"^[A-Za-z0-9._-]+(\[[a-z,]+\])?==[0-9][^ ]* ", entry), name
        hashes = re.findall(r"--hash=(\S+)", entry)
        assert hashes, name
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", value) for value in hashes), name


def test_no_host_is_named():
    assert "://" not in LOCK
    for option in ("--index-url", "--extra-index-url", "--find-links", "--trusted-host", "-i "):
        assert option not in LOCK
    assert not re.search(r"\b[a-z0-9-]+\.(?:org|com|net|io|dev)\b", LOCK)


def test_what_the_project_needs_is_locked():
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())
    needed = [*project["project"]["dependencies"], *project["project"]["optional-dependencies"]["dev"]]
    needed += project["build-system"]["requires"]
    locked = requirements()
    for requirement in needed:
        assert normal(re.split(r"[\[ ;<>=!~]", requirement, maxsplit=1)[0]) in locked, requirement
