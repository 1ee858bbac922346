"""Tokens: what is granted, what is taken, what time and tampering do."""

from hypothesis import given
from hypothesis import strategies as st

from registry.auth.tokens import LENGTH_LIMIT, Claims, Issuer, Scope, parse_scopes

CLAIMS = Claims("ann", "proof", (Scope("repository", "a/b", frozenset({"pull", "push"})),), 1000, 1300)
KEY = b"k" * 32


def test_a_token_is_read_until_it_expires() -> None:
    issuer = Issuer(KEY)
    token = issuer.issue(CLAIMS)
    assert issuer.read(token, 1299.9) == CLAIMS
    assert issuer.read(token, 1300) is None
    assert Issuer(b"x" * 32).read(token, 1000) is None


def test_nobodys_token_has_no_user_and_no_proof() -> None:
    claims = CLAIMS._replace(user="", proof=None, scopes=())
    assert Issuer(KEY).read(Issuer(KEY).issue(claims), 1000) == claims


def test_every_changed_character_spoils_it() -> None:
    issuer = Issuer(KEY)
    token = issuer.issue(CLAIMS)
    for at in range(len(token)):
        for other in ("A", "B", ".", "="):
            changed = token[:at] + other + token[at + 1 :]
            found = issuer.read(changed, 1000)
            # The last digit of base64 has bits that mean nothing.
            assert found is None or changed == token or found == CLAIMS
    assert issuer.read(token + ".x", 1000) is None


@given(st.text(max_size=100))
def test_any_text_is_a_token_or_none(text: str) -> None:
    assert Issuer(KEY).read(text, 0) is None


def test_endless_tokens_are_not_read() -> None:
    assert Issuer(KEY).read("a" * (LENGTH_LIMIT + 1), 0) is None


def test_scopes_are_split_at_the_first_and_last_colon() -> None:
    assert parse_scopes(["repository:a/b:pull,push"]) == [Scope("repository", "a/b", frozenset({"pull", "push"}))]
    assert parse_scopes(["repository:host:5000/a:pull"])[0].name == "host:5000/a"
    assert parse_scopes(["repository(plugin):a:pull"])[0].kind == "repository"
    assert parse_scopes(["registry:catalog:*"]) == [Scope("registry", "catalog", frozenset({"*"}))]
    assert parse_scopes(["repository:a:"]) == [Scope("repository", "a", frozenset())]
    assert parse_scopes(["", "x", "a:b", "::", ":a:b"]) == []
    two = [Scope("repository", "a", frozenset({"pull"})), Scope("repository", "b", frozenset({"pull"}))]
    assert parse_scopes(["repository:a:pull repository:b:pull"]) == two
    assert parse_scopes(["repository:a:pull", "repository:b:pull"]) == two


@given(st.lists(st.text(max_size=30), max_size=5))
def test_any_scopes_are_read_without_harm(values: list[str]) -> None:
    for scope in parse_scopes(values):
        assert scope.kind is not None and scope.name
