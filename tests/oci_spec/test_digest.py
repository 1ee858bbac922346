import copy
import hashlib
import pickle
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oci_spec.digest import ALGORITHMS, Digest, new_hasher
from oci_spec.errors import InvalidDigest, SpecError

SHA256 = "sha256:" + "0123456789abcdef" * 4
SHA512 = "sha512:" + "0123456789abcdef" * 8


@pytest.mark.parametrize("text", [SHA256, SHA512])
def test_a_digest_is_read_and_written_unchanged(text: str) -> None:
    digest = Digest.parse(text)
    assert str(digest) == text
    assert f"{digest.algorithm}:{digest.hex}" == text
    assert digest.hex == text.split(":")[1]
    assert repr(digest) == f"Digest({text})"


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":",
        "sha256",
        "sha256:",
        SHA256[:-1],
        SHA256 + "0",
        SHA512[:-1],
        SHA512 + "0",
        SHA256 + "\n",
        "\n" + SHA256,
        SHA256 + "\0",
        " " + SHA256,
        SHA256.upper(),
        "SHA256:" + SHA256[7:],
        "sha256:" + "A" * 64,
        "sha256:" + "g" * 64,
        "sha256:" + "\u0661" * 64,  # digits, but not of ASCII
        "sha256:" + "0x" + "0" * 62,
        "sha256:../" + "0" * 61,
        "sha512:" + SHA256[7:],
        "sha256:" + SHA512[7:],
        "sha384:" + "0" * 96,
        "md5:" + "0" * 32,
        "sha256-" + SHA256[7:],
        "sha256::" + SHA256[8:],
        SHA256 + "," + SHA256,
        "\ud800",
    ],
)
def test_anything_but_an_exact_digest_is_refused(text: str) -> None:
    with pytest.raises(InvalidDigest) as caught:
        Digest.parse(text)
    assert "expected sha256: and 64, or sha512: and 128" in caught.value.message
    assert caught.value.message.isprintable()


@given(st.text(max_size=200))
def test_parsing_any_text_gives_a_digest_or_the_error(text: str) -> None:
    try:
        assert str(Digest.parse(text)) == text
    except InvalidDigest as error:
        assert len(error.message) < 1500


@given(st.binary(max_size=300), st.sampled_from(ALGORITHMS))
def test_of_agrees_with_hashlib_and_with_hasher(data: bytes, algorithm: str) -> None:
    digest = Digest.of(data, algorithm)
    assert str(digest) == f"{algorithm}:{hashlib.new(algorithm, data).hexdigest()}"
    hasher = digest.hasher()
    hasher.update(data)
    assert hasher.hexdigest() == digest.hex
    assert Digest(algorithm, hasher.hexdigest()) == digest == Digest.of(memoryview(data), algorithm)


def test_hashers_are_fresh_each_time() -> None:
    digest = Digest.of(b"")
    digest.hasher().update(b"left over")
    assert digest.hasher().hexdigest() == digest.hex
    new_hasher("sha512").update(b"left over")
    assert new_hasher("sha512").hexdigest() == Digest.of(b"", "sha512").hex


@pytest.mark.parametrize("algorithm", ["md5", "sha1", "SHA256", "", "blake2b"])
def test_unknown_algorithms_are_refused_by_name(algorithm: str) -> None:
    for refused in (lambda: new_hasher(algorithm), lambda: Digest.of(b"", algorithm), lambda: Digest(algorithm, "0")):
        with pytest.raises(InvalidDigest, match=r"sha256.*sha512"):
            refused()


def test_digests_are_equal_by_value_and_usable_as_keys() -> None:
    assert Digest.parse(SHA256) == Digest.parse(SHA256)
    assert hash(Digest.parse(SHA256)) == hash(Digest.parse(SHA256))
    assert Digest.parse(SHA256) != Digest.parse(SHA512)
    assert Digest.parse(SHA256) != SHA256
    assert {Digest.parse(SHA256): 1}[Digest.parse(SHA256)] == 1


digests = st.builds(Digest.of, st.binary(max_size=4), st.sampled_from(ALGORITHMS))


@given(digests, digests)
def test_digests_are_ordered_as_their_texts(one: Digest, other: Digest) -> None:
    assert (one < other) == (str(one) < str(other))
    assert (one <= other) == (str(one) <= str(other))
    assert (one > other) == (str(one) > str(other))
    assert (one >= other) == (str(one) >= str(other))
    assert (one == other) == (str(one) == str(other))


def test_a_digest_does_not_change() -> None:
    digest = Digest.parse(SHA256)
    with pytest.raises(AttributeError):
        digest.hex = "0"
    with pytest.raises(AttributeError):
        digest.other = "0"
    with pytest.raises(AttributeError):
        del digest.algorithm
    assert str(digest) == SHA256


def test_a_digest_survives_copying_and_pickling() -> None:
    digest = Digest.parse(SHA512)
    assert copy.deepcopy(digest) == digest
    assert pickle.loads(pickle.dumps(digest)) == digest


def test_a_huge_text_is_refused_at_once_with_a_short_message() -> None:
    huge = "sha256:" + "a" * 5_000_000
    started = time.process_time()
    with pytest.raises(SpecError) as caught:
        Digest.parse(huge)
    assert time.process_time() - started < 1
    assert len(caught.value.message) < 400
    assert "5000007 characters" in caught.value.message
