"""Completion scripts: the shells take them, and they know commands and flags."""

import subprocess

import pytest

from registry.settings_table import TABLE
from tests.cli.typing_it import wherry
from wherry import table


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_a_script_knows_every_command_and_setting(shell):
    done = wherry("completion", shell)
    assert (done.returncode, done.stderr) == (0, "")
    for name in table.commands():
        for word in name.split():
            assert word in done.stdout
    for setting in TABLE:
        assert setting.flag in done.stdout


def completed(line: str) -> list[str]:
    """What bash offers at the end of a line."""
    words = line.split(" ")
    script = f"""
        source /dev/stdin
        COMP_WORDS=({" ".join(f"'{word}'" for word in words)}); COMP_CWORD={len(words) - 1}
        COMP_LINE='{line}'; COMP_POINT={len(line)}
        $(complete -p wherry | sed 's/.* -F \\([^ ]*\\) .*/\\1/') wherry '{words[-1]}' '{words[-2]}'
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    done = subprocess.run(
        ["bash", "--norc", "-c", script],
        input=wherry("completion", "bash").stdout,
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    return done.stdout.split()


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("wherry se", {"serve"}),
        ("wherry repository ", {"ls", "rm"}),
        ("wherry serve --drain", {"--drain-seconds"}),
        ("wherry htpasswd --pass", {"--password-stdin"}),
        ("wherry completion ", {"bash", "zsh"}),
    ],
)
def test_bash_completes(line, offered):
    assert set(completed(line)) >= offered
    last = line.split(" ")[-1]
    assert all(word.startswith(last) for word in completed(line))


def test_another_shell_is_refused():
    done = wherry("completion", "fish")
    assert done.returncode == 2
    assert "'fish'" in done.stderr
