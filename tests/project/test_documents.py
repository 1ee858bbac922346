"""The documents name every setting and flag, with its default, and none that there is not."""

import re
import tomllib
from argparse import ArgumentParser, _SubParsersAction
from collections.abc import Iterator

import pytest

from registry.api.table import TABLE as ROUTES
from registry.settings_table import BY_NAME, TABLE
from tests.project.checkout import CHECKOUT
from wherry.completion import whole_parser

DOCS = {path.relative_to(CHECKOUT): path.read_text() for path in [*CHECKOUT.glob("*.md"), *CHECKOUT.glob("docs/*.md")]}
SERVE = (CHECKOUT / "docs/serve.md").read_text()
COMMANDS = (CHECKOUT / "docs/commands.md").read_text()


def parsers(parser: ArgumentParser) -> Iterator[ArgumentParser]:
    yield parser
    for action in parser._actions:
        if isinstance(action, _SubParsersAction):
            for below in action.choices.values():
                yield from parsers(below)


def flags(parser: ArgumentParser) -> set[str]:
    return {option for action in parser._actions for option in action.option_strings if option.startswith("--")}


PARSERS = {parser.prog: parser for parser in parsers(whole_parser())}
ALL_FLAGS = {flag for parser in PARSERS.values() for flag in flags(parser)}


def section(text: str, heading: str) -> str:
    """What stands below a heading, up to the next one of its level or above."""
    level, _, _ = heading.partition(" ")
    lines = text.splitlines()
    start = lines.index(heading) + 1
    ends = (n for n in range(start, len(lines)) if re.match(rf"#{{1,{len(level)}}} ", lines[n]))
    return "\n".join(lines[start : next(ends, len(lines))])


@pytest.mark.parametrize("setting", TABLE, ids=lambda setting: setting.name)
def test_a_setting_has_a_section_with_all_of_its_names_and_its_default(setting):
    metavar = "" if setting.metavar == "BOOL" else f" {setting.metavar}"
    text = section(SERVE, f"### `{setting.flag}{metavar}`")
    first = text.strip().split("\n\n")[0].replace("\n", " ")
    assert first.startswith(f"`{setting.name}`, `{setting.variable}`"), first
    default = setting.default
    if default is None or default == ():
        assert "Default: " in first
    else:
        shown = default[0] if isinstance(default, tuple) else setting.kind.toml(default).strip('"')
        assert f"Default: `{shown}`" in first
    if setting.secret:
        assert f"`{setting.variable}_FILE`" in first
    assert ("A list." in first) == isinstance(setting.default, tuple)


@pytest.mark.parametrize("prog", sorted(PARSERS))
def test_a_commands_flags_are_all_named_where_it_is_told_about(prog):
    if prog == "wherry":
        text = COMMANDS
    elif prog == "wherry repository":
        return
    else:
        text = SERVE if prog == "wherry serve" else section(COMMANDS, f"## {prog}") + COMMANDS.split("\n## ")[0]
    plain = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    spans = " ".join(re.findall(r"`[^`\n]+`|^    .*$", plain, re.MULTILINE))
    missing = {flag for flag in flags(PARSERS[prog]) if not re.search(rf"{flag}(?![\w-])", spans)}
    assert missing - {"--help"} == set()


@pytest.mark.parametrize("path", DOCS, ids=str)
def test_no_flag_or_variable_is_named_that_there_is_not(path):
    text = DOCS[path]
    lines = re.findall(r"`[^`\n]*`|^ {4}.*$|^(?:\S*/)?wherry .*$", text, re.MULTILINE)
    # The benchmarks have flags of their own.
    alone = "docs/benchmarks.md" not in str(path)
    for line in lines:
        if not re.match(r"[` ]*(?:\S*/)?wherry ", line) and not (alone and line.startswith("`--")):
            continue
        for flag in re.findall(r"(?<![\w-])--[a-z][a-z-]*", line):
            assert flag in ALL_FLAGS, f"{flag} in {line}"
    known = {setting.variable for setting in TABLE} | {f"{s.variable}_FILE" for s in TABLE if s.secret}
    for variable in re.findall(r"\bWHERRY_[A-Z_]*[A-Z]\b(?!\.\.\.)", text):
        assert variable in known | {"WHERRY_CONFIG", "WHERRY_CI_CACHE"}, variable


def test_every_key_of_an_example_is_a_setting():
    examples = [block for text in DOCS.values() for block in re.findall(r"```toml\n(.*?)```", text, re.DOTALL)]
    assert examples
    for example in examples:
        for key, value in tomllib.loads(example).items():
            BY_NAME[key].kind.read(value)


@pytest.mark.parametrize("path", DOCS, ids=str)
def test_every_link_inside_leads_somewhere(path):
    for target in re.findall(r"\]\(([^)]+)\)", DOCS[path]):
        if "://" in target:
            continue
        name, _, fragment = target.partition("#")
        file = (CHECKOUT / path).parent / name if name else CHECKOUT / path
        assert file.exists(), target
        if fragment:
            headings = re.findall(r"^#+ (.*)$", file.read_text(), re.MULTILINE)
            anchors = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
            assert fragment in anchors, target


def test_every_metric_is_told_of():
    source = (CHECKOUT / "registry/observe/metrics.py").read_text()
    names = set(re.findall(r'"(wherry_[a-z_]+)"', source))
    text = (CHECKOUT / "docs/operations.md").read_text()
    assert names
    assert {name for name in names if f"`{name}" not in text} == set()


def test_every_route_of_the_metrics_is_told_of():
    text = section((CHECKOUT / "docs/operations.md").read_text(), "## Metrics")
    assert {route for route in ROUTES if f"`{route}`" not in text} == set()


def test_the_readme_begins_with_what_it_is_and_how_to_run_it():
    text = DOCS[next(path for path in DOCS if path.name == "README.md")]
    code = re.findall(r"```(?:sh|console)?\n(.*?)```", text, re.DOTALL)
    assert text.startswith("# wherry\n")
    assert code[0].split() == ["make", "run"]
    assert code[1].split() == ["make", "test"]
    for client in ("docker push", "podman push", "skopeo copy"):
        assert client in text


def test_no_document_speaks_of_the_place_it_was_written_at():
    for path, text in DOCS.items():
        assert not re.search(r"/(root|work)/|\.py[e]nv", text), path


def test_every_server_of_the_readme_but_the_first_listens_elsewhere():
    """Each can be started while `make run` serves."""
    text = DOCS[next(path for path in DOCS if path.name == "README.md")]
    (written,) = [tomllib.loads(block) for block in re.findall(r"```toml\n(.*?)```", text, re.DOTALL)]
    lines = [line for line in text.splitlines() if "bin/wherry serve" in line]
    assert len(lines) == 5
    for line in lines:
        named = re.search(r"(?:--listen |WHERRY_LISTEN=)(\S+)", line)
        assert named or "--config serve.toml" in line, line
        assert (named[1] if named else written["listen"]).rpartition(":")[2] != "5000", line


def test_what_the_examples_of_the_readme_make_is_no_part_of_the_project():
    ignored = (CHECKOUT / ".gitignore").read_text().splitlines()
    assert {"/hello.tar", "/hello/", "/users", "/serve.toml", "wherry-data/"} <= set(ignored)
