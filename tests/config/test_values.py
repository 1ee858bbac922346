"""Units and forms of single values; nothing but ValueError comes out of a parser, whatever goes in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.config import Settings
from registry.listen_address import InheritedSockets, TcpAddress, UnixAddress, parse
from registry.settings_table import TABLE
from registry.settings_values import Duration, Size

ANYTHING = st.one_of(
    st.text(),
    st.integers(),
    st.floats(),
    st.booleans(),
    st.none(),
    st.lists(st.text(max_size=5), max_size=3),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30", 30), ("30s", 30), ("10m", 600), ("24h", 86400), ("7d", 604800), ("0", 0), ("0.5s", 0.5), ("1.5 h", 5400)],
)
def test_a_time_is_seconds_or_has_a_unit(text, seconds):
    assert Settings(grace=text).grace == seconds


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("10", 10),
        ("10B", 10),
        ("10k", 10 << 10),
        ("10M", 10 << 20),
        ("10MB", 10 << 20),
        ("1GiB", 1 << 30),
        ("1 gib", 1 << 30),
        ("2T", 2 << 40),
    ],
)
def test_a_size_is_bytes_or_has_a_unit_of_1024s(text, size):
    assert Settings(free_floor=text).free_floor == size


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:5000", TcpAddress("127.0.0.1", 5000)),
        ("localhost:0", TcpAddress("localhost", 0)),
        ("[::1]:5000", TcpAddress("::1", 5000)),
        ("[fe80::1%eth0]:5000", TcpAddress("fe80::1%eth0", 5000)),
        ("registry-1.example.org.:443", TcpAddress("registry-1.example.org.", 443)),
        ("unix:/run/wherry.sock", UnixAddress("/run/wherry.sock", 0o660)),
        ("unix:/run/a b.sock?mode=600", UnixAddress("/run/a b.sock", 0o600)),
        ("unix:/run/x?mode=0666", UnixAddress("/run/x", 0o666)),
        ("systemd", InheritedSockets()),
    ],
)
def test_an_address_is_read(text, address):
    assert parse(text) == address


@given(st.text())
def test_an_address_is_read_or_refused(text):
    try:
        address = parse(text)
    except ValueError as error:
        assert str(error)
    else:
        assert isinstance(address, TcpAddress | UnixAddress | InheritedSockets)


@pytest.mark.parametrize("setting", TABLE, ids=lambda setting: setting.name)
@given(raw=ANYTHING)
def test_a_kind_reads_or_refuses_anything_and_reads_back_what_it_writes(setting, raw):
    import tomllib

    try:
        value = setting.kind.read(raw)
    except ValueError as error:
        assert str(error)
        return
    if value is not None:
        again = tomllib.loads(f"x = {setting.kind.toml(value)}")["x"]
        assert setting.kind.read(again) == value


@given(st.floats(0, 3.2e11) | st.integers(0, 10**11))
def test_a_time_survives_its_text(seconds):
    kind = Duration()
    value = kind.read(seconds)
    assert value is not None
    text = kind.toml(value)
    assert kind.read(text.strip('"') if text.startswith('"') else float(text)) == value


@given(st.integers(0, (1 << 63) - 1) | st.integers(0, (1 << 23) - 1).map(lambda n: n << 40))
def test_a_size_survives_its_text(size):
    kind = Size()
    assert kind.read(kind.toml(size).strip('"')) == size
