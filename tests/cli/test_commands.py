"""Help, versions, names that are no command, readers that have had enough."""

import subprocess
import tomllib
from pathlib import Path

import pytest

from tests.cli.typing_it import wherry
from tests.servers import WHERRY
from wherry import table
from wherry.version import VERSION

COMMANDS = table.commands()


def test_help_lists_every_command():
    done = wherry("--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Usage: wherry COMMAND")
    for name, (summary, _) in COMMANDS.items():
        assert any(line.split("  ")[1:2] == [name] and line.endswith(summary) for line in done.stdout.splitlines())
    assert wherry("-h").stdout == done.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(name):
    done = wherry(*name.split(), "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"usage: wherry {name} ")
    assert "--help" in done.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_refuses_a_flag_that_it_does_not_know(name):
    done = wherry(*name.split(), "--no-such-flag")
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("Error: ")
    assert f"Try 'wherry {name} --help'." in done.stderr


def test_every_summary_is_a_sentence():
    for name, (summary, _) in COMMANDS.items():
        assert summary[0].isupper(), name
        assert summary.endswith("."), name


def test_the_version_is_that_of_the_project():
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    assert project["project"]["version"] == VERSION
    done = wherry("--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"wherry {VERSION}\n", "")


def test_nothing_typed_is_bad_usage_and_shows_help():
    done = wherry()
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == wherry("--help").stdout


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (["serv"], "Error: 'serv' is no command of wherry; did you mean 'wherry serve'?\n"),
        (["repositry", "ls"], "Error: 'repositry' is no command of wherry; did you mean 'wherry repository'?\n"),
        (
            ["repository", "lst"],
            "Error: 'repository lst' is no command of wherry; did you mean 'wherry repository ls'?\n",
        ),
        (["zzzzzz"], "Error: 'zzzzzz' is no command of wherry; 'wherry --help' lists the commands\n"),
        (["--store", "x"], "Error: --store is no flag of wherry; flags follow the command\n"),
    ],
)
def test_an_unknown_command_names_the_nearest(typed, said):
    done = wherry(*typed)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", said)


def test_a_group_alone_shows_its_commands():
    asked, bare = wherry("repository", "--help"), wherry("repository")
    assert (asked.returncode, asked.stderr) == (0, "")
    assert "repository ls" in asked.stdout
    assert "gc" not in asked.stdout
    assert (bare.returncode, bare.stdout, bare.stderr) == (2, "", asked.stdout)


@pytest.mark.parametrize("arguments", [["--help"], ["serve", "--help"], ["serve", "--print-config"]])
def test_a_reader_that_has_had_enough_is_no_error(arguments):
    with subprocess.Popen([WHERRY, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        # Closed before anything can have been written.
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(30) in (0, 1)


def test_bad_settings_are_bad_usage():
    done = wherry("serve", env={"WHERRY_STROE": "/x"})
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "Error: WHERRY_STROE is no setting; did you mean 'WHERRY_STORE'?\n"


def test_print_config_prints_a_file_that_prints_the_same(tmp_path):
    first = wherry("serve", "--print-config", "--grace", "90m", "--listen", "unix:/run/x.sock", "--read-only")
    assert (first.returncode, first.stderr) == (0, "")
    assert 'grace = "90m"  # --grace' in first.stdout
    file = tmp_path / "serve.toml"
    file.write_text(first.stdout)
    again = wherry("serve", "--print-config", "--config", file)
    assert tomllib.loads(again.stdout) == tomllib.loads(first.stdout)
    assert f"read_only = true  # {file}" in again.stdout


def test_the_users_file_is_read_without_being_named(tmp_path):
    file = tmp_path / "wherry/serve.toml"
    file.parent.mkdir()
    file.write_text("workers = 7")
    done = wherry("serve", "--print-config", env={"XDG_CONFIG_HOME": str(tmp_path)})
    assert f"workers = 7  # {file}" in done.stdout


def test_print_config_serves_nothing_and_makes_nothing(tmp_path):
    assert wherry("serve", "--print-config", cwd=tmp_path).returncode == 0
    assert list(tmp_path.iterdir()) == []
