"""`--print-config` prints a file from which the same settings come again, but for secrets."""

import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from registry.config import Settings
from registry.settings_print import as_toml
from registry.settings_sources import Sourced
from registry.settings_table import BY_NAME, TABLE
from tests.config.reading import read_from

TEXTS = st.text(min_size=1, max_size=30).filter(lambda text: "\0" not in text and _is_utf8(text))
PATTERNS = st.lists(st.from_regex(r"[a-z0-9*?][a-z0-9*?._-]{0,10}[a-z0-9*?]", fullmatch=True), max_size=3)
SECONDS = st.floats(1, 1e9) | st.integers(1, 10**8)
SIZES = st.integers(1 << 20, 1 << 50) | st.integers(1, 1 << 20).map(lambda n: n << 20)
COUNTS = st.integers(1, 1000)
SWITCHES = st.booleans()


def _is_utf8(text: str) -> bool:
    return all(not 0xD800 <= ord(character) <= 0xDFFF for character in text)


VALUES: dict[str, st.SearchStrategy[object]] = {
    "listen": st.lists(
        st.builds(lambda port: f"127.0.0.1:{port}", st.integers(0, 65535)) | st.just("unix:/run/ä b\t.sock"),
        min_size=1,
        max_size=3,
    ),
    "store": TEXTS.map(lambda text: "./" + text),
    "workers": st.integers(1, 64),
    "external_url": st.just("https://registry.example.org:8443"),
    "trusted_proxies": st.lists(st.sampled_from(["10.0.0.0/8", "::1", "192.168.1.7"]), max_size=2),
    "htpasswd": TEXTS,
    "immutable": PATTERNS,
    "sparse": PATTERNS,
    "access_log": st.sampled_from(["off", "plain", "json"]),
    "log_level": st.sampled_from(["debug", "info", "warning", "error"]),
    **dict.fromkeys(("grace", "trash_time", "session_time", "gc_every", "older_than", "drain_seconds"), SECONDS),
    **dict.fromkeys(("header_timeout", "body_timeout", "keepalive"), SECONDS),
    **dict.fromkeys(("free_floor", "manifest_limit", "upload_memory", "header_limit"), SIZES),
    **dict.fromkeys(("page_limit", "max_uploads", "threads"), COUNTS),
    **dict.fromkeys(("anonymous_pull", "read_only", "no_delete", "delete_untagged", "metrics"), SWITCHES),
}


def test_the_round_trip_covers_every_setting_but_secrets_and_pairs():
    assert {name for name in BY_NAME if not BY_NAME[name].secret} - set(VALUES) == {"tls_cert", "tls_key"}


@given(st.fixed_dictionaries({}, optional=VALUES))
def test_what_is_printed_reads_back_as_the_same(values):
    settings = Settings(**values)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "serve.toml"
        assert read_from(file=file, toml=as_toml(Sourced(settings, {}))).settings == settings


def test_each_line_says_where_its_value_came_from(tmp_path):
    file = tmp_path / "serve.toml"
    sourced = read_from("--workers", "3", environ={"WHERRY_STORE": "/s"}, file=file, toml="grace = 90")
    lines = as_toml(sourced).splitlines()
    assert "workers = 3  # --workers" in lines
    assert 'store = "/s"  # WHERRY_STORE' in lines
    assert f'grace = "90s"  # {file}' in lines
    assert 'trash_time = "24h"  # default' in lines
    assert "# htpasswd is not set  (default)" in lines
    assert len(lines) == len(TABLE)


def test_a_secret_is_not_printed(tmp_path):
    printed = as_toml(read_from("--token-secret", "0123456789abcdef"))
    assert "0123456789" not in printed
    assert "# token_secret is set but not shown  (--token-secret)" in printed.splitlines()


def test_an_origin_cannot_add_a_line(tmp_path):
    file = tmp_path / "a\nstore = 1"
    printed = as_toml(read_from(file=file, toml="grace = 90"))
    assert len(printed.splitlines()) == len(TABLE)
