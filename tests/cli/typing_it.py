"""The command as a user's shell runs it."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests.servers import WHERRY


def wherry(
    *arguments: str | os.PathLike[str],
    env: Mapping[str, str] | None = None,
    stdin: str = "",
    cwd: Path | None = None,
) -> subprocess.CompletedProcess[str]:
    """Runs to the end, with no settings of the user who runs the tests."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("WHERRY_")}
    return subprocess.run(
        [WHERRY, *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=cwd,
        env={**clean, "HOME": "/nonexistent", "COLUMNS": "100", **(env or {})},
    )
