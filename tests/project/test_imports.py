"""What a command loads: start-up is a feature, and one careless import costs every user of every command."""

import json
import subprocess
import sys

import pytest

LOADED = """
import json, sys
before = set(sys.modules)
sys.argv = ["wherry", *sys.argv[1:]]
from wherry.__main__ import main
code = None
try:
    code = main()
except SystemExit as ended:
    code = ended.code
sys.stdout.flush()
print(json.dumps([code, sorted(set(sys.modules) - before)]), file=sys.stderr)
"""

OURS = ("wherry", "registry", "oci_spec", "storage_backends")
# Milliseconds each, some of them hundreds; servers alone need them.
HEAVY = {
    "aiofiles", "aiohttp", "asyncio", "bcrypt", "concurrent.futures", "cryptography", "dataclasses", "http.client",
    "multiprocessing", "prometheus_client", "shtab", "socket", "ssl", "subprocess", "tempfile", "urllib.request",
    "uvloop",
}  # fmt: skip


def loaded(*arguments: str) -> set[str]:
    """The modules that the command loads, of those that the interpreter does not load by itself."""
    # Without the site packages' start-up files, which an editable installation has and a user's has not.
    command = [sys.executable, "-c", LOADED, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    code, modules = json.loads(done.stderr.splitlines()[-1])
    assert code == 0, done.stderr
    return set(modules)


def foreign(modules: set[str]) -> set[str]:
    return {name for name in modules if name.split(".")[0] not in OURS}


@pytest.mark.parametrize("flag", ["--help", "--version"])
def test_help_and_version_load_nothing_but_tables(flag):
    modules = loaded(flag)
    frozen = {"importlib._bootstrap", "importlib._bootstrap_external", "warnings"}  # what importlib itself takes
    assert foreign(modules) <= {"__future__", "importlib", *frozen}
    assert modules - foreign(modules) <= {
        "wherry",
        "wherry.__main__",
        "wherry.commands",
        "wherry.expected_errors",
        "wherry.table",
        "wherry.version",
        "registry",
        "registry.commands",
    }


@pytest.mark.parametrize(
    "arguments",
    [
        ["serve", "--help"],
        ["serve", "--print-config"],
        ["htpasswd", "--help"],
        ["gc", "--help"],
        ["fsck", "--help"],
        ["repository", "ls", "--help"],
        ["repository", "rm", "--help"],
        ["completion", "--help"],
    ],
    ids=" ".join,
)
def test_no_help_loads_a_server(arguments):
    assert foreign(loaded(*arguments)) & HEAVY == set()


def test_a_new_user_needs_no_server(tmp_path):
    command = [sys.executable, "-c", LOADED, "htpasswd", str(tmp_path / "f"), "alice", "--password-stdin", "--cost=4"]
    done = subprocess.run(command, input="secret", capture_output=True, text=True, timeout=60, check=True)
    code, modules = json.loads(done.stderr.splitlines()[-1])
    assert code == 0
    assert set(modules) & (HEAVY - {"bcrypt", "tempfile"}) == set()
