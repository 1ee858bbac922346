"""Ranges of a blob: RFC 9110, section 14; server.md, Blobs."""

import os
import re
from concurrent.futures import ThreadPoolExecutor
from email import message_from_bytes, policy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.api import ranges
from registry.api.ranges import Span, Unsatisfiable
from tests.api.client import Client, sha256

# The parser.


@pytest.mark.parametrize(
    ("header", "spans"),
    [
        ("bytes=0-0", [Span(0, 1)]),
        ("bytes=0-9", [Span(0, 10)]),
        ("bytes=3-", [Span(3, 7)]),
        ("bytes=-3", [Span(7, 3)]),
        ("bytes=-100", [Span(0, 10)]),
        ("bytes=5-100", [Span(5, 5)]),
        ("Bytes = 1-2", [Span(1, 2)]),
        ("bytes=0-1, 5-6,-1", [Span(0, 2), Span(5, 2), Span(9, 1)]),
        ("bytes=0-1,,100-200", [Span(0, 2)]),
        ("items=0-1", None),
        ("bytes", None),
        ("bytes=", None),
        ("bytes=-", None),
        ("bytes=a-b", None),
        ("bytes=1--2", None),
        ("bytes=1-2-3", None),
        ("bytes=+1-2", None),
        ("bytes=\u0661-2", None),
        ("bytes=0-9,0-9", None),  # more bytes than there are
        ("bytes=" + ",".join(["1-1"] * 17), None),
        ("bytes=0-" + "9" * 20, [Span(0, 10)]),
        ("bytes=-" + "9" * 5000, [Span(0, 10)]),
        ("bytes=" + "0" * 5000 + "3-" + "9" * 5000, [Span(3, 7)]),
    ],
)
def test_forms(header: str, spans: list[Span] | None) -> None:
    assert ranges.parse(header, 10) == spans


@pytest.mark.parametrize(
    "header",
    [
        "bytes=10-",
        "bytes=10-20",
        "bytes=5-4",
        "bytes=-0",
        "bytes=0-1,5-3",
        "bytes=50-,60-",
        "bytes=99999999999999999999-",
        "bytes=" + "9" * 5000 + "-",
    ],
)
def test_what_no_part_of_the_content_satisfies(header: str) -> None:
    with pytest.raises(Unsatisfiable):
        ranges.parse(header, 10)


def test_nothing_of_an_empty_content_is_satisfiable() -> None:
    for header in ("bytes=0-", "bytes=-5", "bytes=0-0"):
        with pytest.raises(Unsatisfiable):
            ranges.parse(header, 0)


@given(st.text(alphabet="bytes=0123456789-, ", max_size=40), st.integers(0, 300))
def test_spans_are_never_outside_nor_empty_nor_longer_than_the_content(header: str, size: int) -> None:
    try:
        spans = ranges.parse(header, size)
    except Unsatisfiable:
        return
    if spans is None:
        return
    assert 1 <= len(spans) <= ranges.LIMIT
    assert all(0 <= span.start <= span.last < size for span in spans)
    assert sum(span.length for span in spans) <= size or len(spans) == 1


@given(st.data(), st.integers(1, 1000))
def test_each_form_means_what_python_slices_mean(data: st.DataObject, size: int) -> None:
    first = data.draw(st.integers(0, size - 1))
    last = data.draw(st.integers(first, size + 50))
    content = bytes(number % 251 for number in range(size))

    def cut(header: str) -> bytes:
        spans = ranges.parse(header, size)
        assert spans is not None and len(spans) == 1
        return content[spans[0].start : spans[0].start + spans[0].length]

    assert cut(f"bytes={first}-{last}") == content[first : last + 1]
    assert cut(f"bytes={first}-") == content[first:]
    assert cut(f"bytes=-{last + 1}") == content[-(last + 1) :]


# Over HTTP.


@pytest.fixture(params=[1000, 3 << 20])
def data(request: pytest.FixtureRequest) -> bytes:
    return os.urandom(request.param)


@pytest.mark.parametrize("form", ["100-199", "100-", "-100", "900-99999999"])
def test_a_range_is_206(client: Client, data: bytes, form: str) -> None:
    digest = client.blob("a", data)
    first, _, last = form.partition("-")
    expected = data[-int(last) :] if not first else data[int(first) : int(last) + 1 if last else None]
    start = len(data) - len(expected) if not last or not first else int(first)
    for method in ("GET", "HEAD"):
        answer = client.ask(method, f"/v2/a/blobs/{digest}", headers={"Range": f"bytes={form}"})
        if method == "HEAD":  # a HEAD of a range is a HEAD (RFC 9110, section 14.2)
            assert (answer.status, answer.header("Content-Length")) == (200, str(len(data)))
            continue
        assert answer.status == 206
        assert answer.body == expected
        assert answer.header("Content-Range") == f"bytes {start}-{start + len(expected) - 1}/{len(data)}"
        assert answer.header("Content-Length") == str(len(expected))
        assert answer.header("ETag") == f'"{digest}"'
        assert answer.header("Docker-Content-Digest") == digest


@pytest.mark.parametrize("form", ["9999999999-", "500-0"])
def test_a_range_past_the_end_or_reversed_is_416(client: Client, data: bytes, form: str) -> None:
    digest = client.blob("a", data)
    answer = client.get(f"/v2/a/blobs/{digest}", {"Range": f"bytes={form}"})
    assert (answer.status, answer.code) == (416, "RANGE_INVALID")
    assert answer.header("Content-Range") == f"bytes */{len(data)}"


def test_several_ranges_are_multipart(client: Client, data: bytes) -> None:
    digest = client.blob("a", data)
    answer = client.get(f"/v2/a/blobs/{digest}", {"Range": "bytes=0-99,300-399,-50"})
    assert answer.status == 206
    assert answer.header("Content-Length") == str(len(answer.body))
    content_type = answer.header("Content-Type")
    boundary = re.fullmatch(r"multipart/byteranges; boundary=([0-9a-f]+)", content_type)
    assert boundary is not None
    parts = answer.body.split(b"--" + boundary[1].encode())
    assert parts[0] == b"" and parts[-1] == b"--\r\n"
    expected = [(0, data[:100]), (300, data[300:400]), (len(data) - 50, data[-50:])]
    for part, (start, content) in zip(parts[1:-1], expected, strict=True):
        head, _, body = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        fields = message_from_bytes(head, policy=policy.HTTP)
        assert fields["Content-Range"] == f"bytes {start}-{start + len(content) - 1}/{len(data)}"
        assert fields["Content-Type"] == "application/octet-stream"
        assert body == content + b"\r\n"


def test_too_many_ranges_get_everything(client: Client, data: bytes) -> None:
    digest = client.blob("a", data)
    many = ",".join(f"{number}-{number}" for number in range(17))
    answer = client.get(f"/v2/a/blobs/{digest}", {"Range": f"bytes={many}"})
    assert (answer.status, answer.body) == (200, data)


def test_if_range_decides_between_the_part_and_the_whole(client: Client, data: bytes) -> None:
    digest = client.blob("a", data)
    for condition, status in (
        (f'"{digest}"', 206),
        (f'W/"{digest}"', 200),
        (f'"{sha256(b"x")}"', 200),
        ("Tue, 24 Nov 2026 07:00:00 GMT", 200),
    ):
        answer = client.get(f"/v2/a/blobs/{digest}", {"Range": "bytes=0-9", "If-Range": condition})
        assert answer.status == status
        assert answer.body == (data[:10] if status == 206 else data)


def test_not_modified_comes_before_a_range(client: Client, data: bytes) -> None:
    digest = client.blob("a", data)
    answer = client.get(f"/v2/a/blobs/{digest}", {"Range": "bytes=0-9", "If-None-Match": f'"{digest}"'})
    assert answer.status == 304


def test_ranges_fetched_in_parallel_make_the_blob(client: Client) -> None:
    """As containerd does."""
    data = os.urandom(5 << 20)
    digest = client.blob("a", data)

    def fetch(start: int) -> bytes:
        other = Client(client.port)
        try:
            return other.get(f"/v2/a/blobs/{digest}", {"Range": f"bytes={start}-{start + (1 << 20) - 1}"}).body
        finally:
            other.close()

    with ThreadPoolExecutor(5) as pool:
        assert b"".join(pool.map(fetch, range(0, 5 << 20, 1 << 20))) == data
