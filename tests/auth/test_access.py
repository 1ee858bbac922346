"""Who may what: the few lines that decide, and what is remembered of who asked."""

import asyncio
import base64
from collections.abc import Callable
from pathlib import Path

import pytest

from registry.auth.access import Access, Action, BadCredentials, Caller
from registry.auth.htpasswd import Htpasswd
from registry.auth.tokens import LIFETIME, parse_scopes
from tests.credentials import Credentials, write_htpasswd


class Threads:
    """Runs checks in threads and counts them."""

    def __init__(self) -> None:
        self.checks = 0
        self.at_once = 0
        self.most = 0

    async def blocking(self, function: Callable[[str, str], bool], user: str, password: str) -> bool:
        self.checks += 1
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        try:
            return await asyncio.to_thread(function, user, password)
        finally:
            self.at_once -= 1


@pytest.fixture
def threads() -> Threads:
    return Threads()


@pytest.fixture
def make(tmp_path: Path, threads: Threads) -> Callable[..., Access]:
    file = write_htpasswd(tmp_path / "users", *(Credentials(f"u{number}", "x") for number in range(9)))

    def access(users: bool = True, anonymous_pull: bool = False, now: Callable[[], float] = lambda: 1000.0) -> Access:
        return Access(
            htpasswd=Htpasswd(str(file)) if users else None,
            anonymous_pull=anonymous_pull,
            secret=b"s" * 32,
            blocking=threads.blocking,
            now=now,
        )

    return access


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


ACTIONS = list(Action)


def _may(access: Access, caller: Caller) -> set[str]:
    return {action.value for action in ACTIONS if access.allows(caller, action, "" if action in _GENERAL else "a")}


_GENERAL = (Action.PING, Action.CATALOG, Action.NONE)
EVERYTHING = {action.value for action in ACTIONS}


async def test_what_each_kind_of_caller_may(make: Callable[..., Access]) -> None:
    assert _may(make(users=False), await make(users=False).authenticate(None)) == EVERYTHING
    closed, lenient = make(), make(anonymous_pull=True)
    for access in (closed, lenient):
        assert _may(access, await access.authenticate(basic("u1", "x"))) == EVERYTHING
    assert _may(closed, await closed.authenticate(None)) == {"none"}
    assert _may(lenient, await lenient.authenticate(None)) == {"none", "pull"}


async def test_a_token_may_what_it_says_and_its_user_may(make: Callable[..., Access]) -> None:
    access = make(anonymous_pull=True)
    wanted = parse_scopes(["repository:a:pull,push,delete registry:catalog:*"])
    nobody = access.token(access.everybody, wanted)[0]
    caller = await access.authenticate(f"Bearer {nobody}")
    assert _may(access, caller) == {"none", "ping", "pull"}
    assert not access.allows(caller, Action.PULL, "b")
    user = Caller("u1", anonymous=False)
    caller = await access.authenticate(f"bearer {access.token(user, wanted)[0]}")
    assert (caller.name, _may(access, caller)) == ("u1", EVERYTHING)
    assert not any(access.allows(caller, action, "b") for action in (Action.PULL, Action.PUSH, Action.DELETE))
    caller = await access.authenticate(f"Bearer {access.token(user, parse_scopes(['repository:a:push']))[0]}")
    assert _may(access, caller) == {"none", "ping", "push"}


async def test_a_remembered_token_expires_all_the_same(make: Callable[..., Access]) -> None:
    now = [1000.0]
    access = make(anonymous_pull=True, now=lambda: now[0])
    token = access.token(access.everybody, parse_scopes(["repository:a:pull"]))[0]
    for _ in range(2):
        assert await access.authenticate(f"Bearer {token}")
    now[0] += LIFETIME
    for _ in range(2):
        with pytest.raises(BadCredentials):
            await access.authenticate(f"Bearer {token}")


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Basic",
        "Basic ",
        "Basic ???",
        "Basic " + base64.b64encode(b"no colon").decode(),
        "Basic " + base64.b64encode(b":x").decode(),
        "Basic " + base64.b64encode(b"\xff:x").decode(),
        basic("u1", "y"),
        basic("none", "x"),
        "Bearer",
        "Bearer x.y",
        "Digest username=u1",
        "é",
    ],
)
async def test_what_is_no_good_is_refused(make: Callable[..., Access], authorization: str) -> None:
    access = make(anonymous_pull=True)
    with pytest.raises(BadCredentials):
        await access.authenticate(authorization)


async def test_one_password_asked_for_by_many_at_once_is_checked_once(
    make: Callable[..., Access], threads: Threads
) -> None:
    """As docker does when it pushes many layers."""
    access = make()
    callers = await asyncio.gather(*(access.authenticate(basic("u1", "x")) for _ in range(20)))
    assert {caller.name for caller in callers} == {"u1"}
    assert threads.checks == 1
    assert (await access.authenticate(basic("u1", "x"))).name == "u1"
    assert threads.checks == 1


async def test_guessing_takes_few_threads(make: Callable[..., Access], threads: Threads) -> None:
    access = make()
    answers = await asyncio.gather(
        *(access.authenticate(basic("u1", f"guess {number}")) for number in range(20)), return_exceptions=True
    )
    assert all(isinstance(answer, BadCredentials) for answer in answers)
    assert threads.checks == 20
    assert threads.most <= 4


async def test_one_who_gives_up_does_not_spoil_the_check_of_others(
    make: Callable[..., Access], threads: Threads
) -> None:
    access = make()
    impatient = asyncio.ensure_future(access.authenticate(basic("u1", "x")))
    patient = asyncio.ensure_future(access.authenticate(basic("u1", "x")))
    await asyncio.sleep(0)
    impatient.cancel()
    assert (await patient).name == "u1"
    assert threads.checks == 1
