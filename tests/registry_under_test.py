"""Which registry the tests with foreign programs run against: wherry, or the reference that proves the tests.

WHERRY_TEST_AGAINST=distribution in the environment chooses distribution v3 in wherry's place. It lacks the
list of referrers, anonymous pulls beside htpasswd, and part of what the conformance suite asks for; all else
has to pass.
"""

import os
from pathlib import Path

from tests.distribution_v3 import DistributionRegistry
from tests.servers import RunningRegistry


def registry_under_test(
    store: Path | str,
    *,
    host: str = "127.0.0.1",
    workers: int = 2,
    htpasswd: Path | None = None,
    anonymous_pull: bool = False,
    tls_cert: Path | None = None,
    tls_key: Path | None = None,
    sparse: str = "",
) -> RunningRegistry | DistributionRegistry:
    """Starts it on a free port of `host`; the other parameters are what the flags of `wherry serve` are."""
    against = os.environ.get("WHERRY_TEST_AGAINST", "wherry")
    if against == "distribution":
        assert not anonymous_pull, "distribution v3 has no anonymous pull beside htpasswd"
        return DistributionRegistry(store, host=host, htpasswd=htpasswd, tls_cert=tls_cert, tls_key=tls_key)
    assert against == "wherry", f"WHERRY_TEST_AGAINST={against}: say wherry or distribution"
    flags: list[str | Path] = ["--listen", f"[{host}]:0" if ":" in host else f"{host}:0", "--workers", str(workers)]
    for flag, value in (("--htpasswd", htpasswd), ("--tls-cert", tls_cert), ("--tls-key", tls_key)):
        if value is not None:
            flags += [flag, value]
    if anonymous_pull:
        flags += ["--anonymous-pull"]
    if sparse:
        flags += ["--sparse", sparse]
    return RunningRegistry(store, *flags)
