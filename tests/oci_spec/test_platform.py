import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oci_spec.errors import InvalidPlatform
from oci_spec.platform import Platform


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("linux/amd64", "linux/amd64"),
        ("Linux/AMD64", "linux/amd64"),
        ("linux/x86_64", "linux/amd64"),
        ("linux/x86-64", "linux/amd64"),
        ("linux/amd64/v1", "linux/amd64"),
        ("linux/amd64/v3", "linux/amd64/v3"),
        ("linux/i386", "linux/386"),
        ("linux/386", "linux/386"),
        ("linux/aarch64", "linux/arm64"),
        ("linux/arm64/v8", "linux/arm64"),
        ("linux/arm64/8", "linux/arm64"),
        ("linux/aarch64/V8", "linux/arm64"),
        ("linux/arm64/v8.0", "linux/arm64"),
        ("linux/arm64/v8.2", "linux/arm64/v8.2"),
        ("linux/arm64/v9", "linux/arm64/v9"),
        ("linux/arm64/v9.0", "linux/arm64/v9"),
        ("linux/arm", "linux/arm/v7"),
        ("linux/arm/7", "linux/arm/v7"),
        ("linux/arm/6", "linux/arm/v6"),
        ("linux/arm/v8", "linux/arm/v8"),
        ("linux/armhf", "linux/arm/v7"),
        ("linux/armel", "linux/arm/v6"),
        ("linux/riscv64", "linux/riscv64"),
        ("linux/ppc64le", "linux/ppc64le"),
        ("linux/s390x", "linux/s390x"),
        ("macOS/arm64", "darwin/arm64"),
        ("windows(10.0.17763)/amd64", "windows(10.0.17763)/amd64"),
        ("unknown/unknown", "unknown/unknown"),
    ],
)
def test_platforms_are_spelled_as_images_do(text: str, normal: str) -> None:
    platform = Platform.parse(text)
    assert str(platform) == normal
    assert platform.normalised() == platform == Platform.parse(normal)
    assert platform.matches(Platform.parse(normal))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "/",
        "linux",
        "linux/",
        "/amd64",
        "linux/arm/v7/x",
        "linux/arm/",
        "lin ux/arm",
        "linux/a\n",
        "linux/é",
        "a//b",
        "windows()/amd64",
        "windows(1/amd64",
        "linux/amd64,linux/arm64",
        "a" * 500,
    ],
)
def test_other_texts_are_refused_and_shown(text: str) -> None:
    with pytest.raises(InvalidPlatform) as caught:
        Platform.parse(text)
    assert repr(text[:100]) in caught.value.message
    assert "linux/arm/v7" in caught.value.message


@pytest.mark.parametrize(
    ("here", "image", "same"),
    [
        ("linux/amd64", "linux/amd64", True),
        ("linux/amd64", "linux/x86_64/v1", True),
        ("linux/amd64", "linux/arm64", False),
        ("linux/amd64", "windows/amd64", False),
        ("linux/amd64", "linux/amd64/v2", False),
        ("linux/arm/v7", "linux/arm", True),
        ("linux/arm/v7", "linux/arm/v6", False),
        ("linux/arm64", "linux/arm64/v8", True),
        ("windows(10.0.17763.1)/amd64", "windows(10.0.17763.99)/amd64", True),
        ("windows(10.0.17763.1)/amd64", "windows(10.0.20348.1)/amd64", False),
        ("windows(10.0.17763.1)/amd64", "windows/amd64", True),
        ("windows/amd64", "windows(10.0.17763.1)/amd64", True),
    ],
)
def test_a_platform_matches_an_image_made_for_it(here: str, image: str, same: bool) -> None:
    assert Platform.parse(here).matches(Platform.parse(image)) is same


def test_an_image_may_not_ask_for_features_that_are_not_there() -> None:
    plain = Platform("windows", "amd64")
    win32k = Platform("windows", "amd64", os_features=("win32k",))
    assert win32k.matches(plain)
    assert win32k.matches(win32k)
    assert not plain.matches(win32k)


@pytest.mark.parametrize(
    ("text", "runs"),
    [
        ("linux/amd64", ["linux/amd64", "linux/386"]),
        ("linux/amd64/v3", ["linux/amd64/v3", "linux/amd64/v2", "linux/amd64", "linux/386"]),
        ("linux/arm", ["linux/arm/v7", "linux/arm/v6", "linux/arm/v5"]),
        ("linux/arm/v5", ["linux/arm/v5"]),
        ("linux/arm64", ["linux/arm64", "linux/arm/v8", "linux/arm/v7", "linux/arm/v6", "linux/arm/v5"]),
        (
            "linux/arm64/v9",
            ["linux/arm64/v9", "linux/arm64", "linux/arm/v8", "linux/arm/v7", "linux/arm/v6", "linux/arm/v5"],
        ),
        ("linux/riscv64", ["linux/riscv64"]),
        ("linux/arm/v999999999999", ["linux/arm/v999999999999"] + [f"linux/arm/v{level}" for level in (8, 7, 6, 5)]),
        ("linux/arm/weird", ["linux/arm/weird"]),
    ],
)
def test_candidates_are_what_runs_here_the_best_first(text: str, runs: list[str]) -> None:
    assert [str(platform) for platform in Platform.parse(text).candidates()] == runs


def test_a_platform_object_is_read_and_written() -> None:
    value = {
        "architecture": "amd64",
        "os": "windows",
        "os.version": "10.0.17763.1",
        "os.features": ["win32k"],
        "variant": "v1",
    }
    platform = Platform.from_json(value)
    assert platform.to_json() == value
    assert (platform.os_version, platform.os_features) == ("10.0.17763.1", ("win32k",))
    assert Platform.from_json({}) == Platform("", "")
    assert Platform.from_json({"os": None}).to_json() == {"architecture": "", "os": ""}
    with pytest.raises(InvalidPlatform, match=r"here\.variant is 1: expected a string"):
        Platform.from_json({"variant": 1}, "here")
    with pytest.raises(InvalidPlatform, match="expected an object"):
        Platform.from_json([])


def test_a_platform_does_not_change_and_may_be_a_key() -> None:
    platform = Platform("linux", "amd64")
    with pytest.raises(AttributeError):
        platform.os = "windows"
    assert {platform: 1}[copy.copy(platform)] == 1
    assert platform != Platform("linux", "amd64", "v2")
    assert platform != "linux/amd64"
    assert repr(platform) == "Platform(linux/amd64)"


parts = st.sampled_from(["linux", "arm", "arm64", "amd64", "386", "v7", "v8", "8", "armhf", "x86_64", "V6", "v8.0"])


@given(st.text(max_size=30) | st.lists(parts, min_size=1, max_size=4).map("/".join))
def test_any_text_is_a_platform_that_normalises_once_or_refused(text: str) -> None:
    try:
        platform = Platform.parse(text)
    except InvalidPlatform:
        return
    assert platform.normalised() == platform
    assert Platform.parse(str(platform)) == platform
    candidates = platform.candidates()
    assert candidates[0] == platform
    assert len(set(candidates)) == len(candidates)
    assert all(candidate.normalised() == candidate for candidate in candidates)
