"""A podman of the tests' own: its storage, credentials and mounts are nobody else's."""

import shutil
import tempfile
from pathlib import Path

from tests.foreign import need, run
from tests.processes import ServerProcess

# Podman runs no daemon, so a process that does nothing holds the mount namespace open. In it the storage is
# in memory, where unpacking and removing tens of thousands of files is quick; podman mounts it over itself
# and leaves that. What podman remembers of other storage, and keeps in a fixed place, is hidden from it.
_START = """
mount -t tmpfs tmpfs "$0/storage"
mkdir -p /var/lib/containers
mount -t tmpfs tmpfs /var/lib/containers
touch "$0/ready"
exec sleep infinity
"""


class PodmanStorage(ServerProcess):
    """A place for `podman` to run in; swept away at the end of `with`."""

    def __init__(self) -> None:
        self._podman = need("podman")
        self._folder = Path(tempfile.mkdtemp(prefix="podman-"))
        (self._folder / "storage").mkdir()
        # Podman refuses to start when the file that the environment names is absent.
        (self._folder / "auth.json").write_text("{}")
        super().__init__(
            ["unshare", "--mount", "--propagation", "private", "sh", "-euc", _START, str(self._folder)],
            self._folder / "log",
        )
        try:
            self.wait_until("the mount namespace", (self._folder / "ready").exists)
        except BaseException:
            self.kill()
            raise

    def podman(self, *arguments: str, stdin: str = "", fails_with: str = "") -> str:
        """Runs podman on this storage; see tests.foreign.run."""
        storage = self._folder / "storage"
        return run(
            *("nsenter", f"--target={self.pid}", "--mount", self._podman),
            *(f"--root={storage}/root", f"--runroot={storage}/run", f"--tmpdir={storage}/tmp"),
            *("--storage-driver=overlay", "--cgroup-manager=cgroupfs"),
            *arguments,
            env={
                "HOME": str(self._folder),
                "TMPDIR": str(storage),
                "REGISTRY_AUTH_FILE": str(self._folder / "auth.json"),
            },
            stdin=stdin,
            fails_with=fails_with,
        )

    def kill(self) -> None:
        """Ends the namespace, with the storage, at once and removes the folder."""
        super().kill()
        shutil.rmtree(self._folder, ignore_errors=True)
