"""A Debian root file system of tens of thousands of files, in several layers, as an OCI image layout.

mmdebstrap makes it from the packages that this machine's own apt is set up for, which takes the better part
of a minute, so the result is kept outside the checkout under a hash of the recipe.
"""

import fcntl
import hashlib
import platform
import shlex
import tempfile
from pathlib import Path

from tests.e2e import layer_difference, oci_layout
from tests.e2e.layer_difference import write_difference
from tests.e2e.oci_layout import OciLayout
from tests.foreign import cache_folder, missing, need, run

NAME = "debian"
"""The name of the image in the layout."""

# One layer each, in the root file system that is "$1": an interpreter, very many small files and links, and
# one that only takes away.
STAGES = (
    "true",
    'chroot "$1" apt-get install --yes --no-install-recommends python3',
    'chroot "$1" apt-get install --yes --no-install-recommends breeze-icon-theme',
    'rm -r "$1/usr/share/locale" "$1/usr/share/man"',
)
_LEFT_OUT = ("./dev/*", "./proc/*", "./sys/*", "./tmp/*", "./var/lib/apt/lists/*", "./var/cache/apt/*")
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def debian_image() -> OciLayout:
    """The image, made when the cache does not hold it."""
    mmdebstrap = need("mmdebstrap")
    release = _debian_release()
    sources = [Path(__file__), Path(layer_difference.__file__), Path(oci_layout.__file__)]
    recipe = hashlib.sha256(release.encode())
    for source in sources:
        recipe.update(source.read_bytes())
    kept = cache_folder() / f"debian-{recipe.hexdigest()[:16]}"
    with (cache_folder() / "debian.lock").open("w") as lock:
        # Two test runs at once make it once.
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not kept.is_dir():
            with tempfile.TemporaryDirectory(prefix="making-", dir=cache_folder()) as scratch:
                made = Path(scratch) / "layout"
                _make(mmdebstrap, release, Path(scratch), OciLayout(made))
                # The rename is what makes it count: a run that is cut short leaves nothing under the final name.
                made.rename(kept)
    return OciLayout(kept)


def _make(mmdebstrap: str, release: str, scratch: Path, layout: OciLayout) -> None:
    states = [scratch / f"{number}.tar" for number in range(len(STAGES))]
    hooks = []
    for command, state in zip(STAGES, states, strict=True):
        left_out = [f"--exclude={pattern}" for pattern in _LEFT_OUT]
        tar = ["tar", "--numeric-owner", "--one-file-system", "--sort=name", *left_out]
        hooks.append(f"--customize-hook={command}")
        hooks.append(f'--customize-hook={shlex.join(tar)} --directory "$1" --create --file {shlex.quote(str(state))} .')
    run(
        mmdebstrap, "--quiet", "--variant=minbase", "--format=null", *hooks, release, "/dev/null", *_apt_sources(),
        env={"DEBIAN_FRONTEND": "noninteractive"},
        seconds=900,
    )  # fmt: skip
    layers, before = [], None
    for state in states:
        layer = scratch / "layer.tar"
        write_difference(before, state, layer)
        layers.append(layout.add_layer(layer))
        before = state
    image = layout.add_image(
        layers,
        _ARCHITECTURES[platform.machine()],
        Env=["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
        Cmd=["/bin/bash"],
    )
    layout.name(image, NAME)


def _debian_release() -> str:
    release = platform.freedesktop_os_release()
    if release["ID"] != "debian":
        missing(f"a Debian root file system is made from the machine's own apt sources; this is {release['ID']}")
    return release["VERSION_CODENAME"]


def _apt_sources() -> list[str]:
    known = (Path("/etc/apt/sources.list.d/debian.sources"), Path("/etc/apt/sources.list"))
    found = [str(path) for path in known if path.is_file()]
    if not found:
        missing(f"none of {', '.join(map(str, known))} is there, so no Debian package source is known")
    return found
