"""A containerd of the tests' own, for its client ctr."""

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

from tests.foreign import need, run
from tests.processes import ServerProcess

# In memory, unpacking and removing tens of thousands of files is quick. The mount namespace takes this mount
# and those of the unpacking with it when it ends.
_START = """
mount -t tmpfs tmpfs "$0/root"
exec "$@"
"""


class ContainerdEngine(ServerProcess):
    """containerd without its Kubernetes side, ready to answer; stopped and swept away at the end of `with`."""

    def __init__(self) -> None:
        containerd, self._client = need("containerd"), need("ctr")
        # The socket's path has to fit in 107 bytes, so the folder is not one of pytest's.
        self._folder = Path(tempfile.mkdtemp(prefix="containerd-"))
        self._socket = self._folder / "containerd.sock"
        # JSON writes strings and lists as TOML reads them.
        settings: dict[str, Any] = {
            "root": str(self._folder / "root"),
            "state": str(self._folder / "state"),
            "disabled_plugins": ["io.containerd.grpc.v1.cri"],
        }
        lines = ["version = 2", *(f"{key} = {json.dumps(value)}" for key, value in settings.items())]
        lines += ["[grpc]", f"address = {json.dumps(str(self._socket))}"]
        lines += ["[ttrpc]", f"address = {json.dumps(str(self._socket) + '.ttrpc')}"]
        (self._folder / "config.toml").write_text("\n".join(lines) + "\n")
        for name in ("root", "state"):
            (self._folder / name).mkdir()
        super().__init__(
            [
                *("unshare", "--mount", "--propagation", "private"),
                *("sh", "-euc", _START, str(self._folder)),
                containerd,
                f"--config={self._folder}/config.toml",
                "--log-level=warn",
            ],
            self._folder / "log",
        )
        try:
            self.wait_until("containerd's socket", self._socket.is_socket, 60)
            self.ctr("version")
        except BaseException:
            self.kill()
            raise

    def ctr(self, *arguments: str, fails_with: str = "") -> str:
        """Runs ctr against this containerd; see tests.foreign.run."""
        return run(self._client, f"--address={self._socket}", *arguments, fails_with=fails_with)

    def image_digest(self, name: str) -> str:
        """The digest of an image that containerd keeps under `name`."""
        for line in self.ctr("images", "list", f"name=={name}").splitlines():
            fields = line.split()
            if fields[0] == name:
                return fields[2]
        raise AssertionError(f"containerd has no image {name}: {self.ctr('images', 'list')}")

    def blobs(self) -> set[str]:
        """The digests of everything in containerd's content store."""
        return set(self.ctr("content", "list", "--quiet").split())

    def kill(self) -> None:
        """Ends containerd at once and removes its folder."""
        super().kill()
        shutil.rmtree(self._folder, ignore_errors=True)
