"""Values know no I/O, and cost little to import."""

import ast
import pathlib
import subprocess
import sys

import pytest

import oci_spec

SOURCES = sorted(pathlib.Path(oci_spec.__path__[0]).glob("*.py"))
ALLOWED = {"__future__", "binascii", "collections", "hashlib", "itertools", "json", "oci_spec", "re", "typing"}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_a_module_imports_only_what_is_pure(path: pathlib.Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            names = [node.module or ""]
        for name in names:
            assert name.partition(".")[0] in ALLOWED, f"{path.name} imports {name}"
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in {"open", "exec", "eval", "__import__", "print", "input"}


def test_every_module_is_seen_here() -> None:
    assert len(SOURCES) == 12


def test_importing_everything_loads_nothing_slow() -> None:
    modules = ", ".join(f"oci_spec.{path.stem}" for path in SOURCES if path.stem != "__init__")
    root = str(pathlib.Path(oci_spec.__path__[0]).parent)
    script = f"import sys; sys.path.insert(0, {root!r}); import {modules}; print(*sorted(sys.modules))"
    loaded = subprocess.run(
        [sys.executable, "-I", "-S", "-c", script], check=True, capture_output=True, text=True
    ).stdout.split()
    assert "oci_spec.manifest" in loaded
    slow = {"typing", "dataclasses", "asyncio", "socket", "ssl", "pathlib", "subprocess", "inspect", "email", "logging"}
    assert not slow & set(loaded)
