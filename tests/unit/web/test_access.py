"""Tokens, and where a server may listen without one."""

from __future__ import annotations

import hmac
import os
from pathlib import Path

import pytest

from dsflow.errors import ConfigError
from dsflow.web import access
from dsflow.web.access import Tokens, check_browser, check_listening, check_token, is_loopback, tokens_from
from dsflow.web.errors import ForbiddenError, UnauthorizedError

ONE, TWO = "first-token-0123456789", "second-token-0123456789"


def test_either_of_two_tokens_opens() -> None:
    tokens = Tokens([ONE, TWO])
    assert tokens.allow(f"Bearer {ONE}")
    assert tokens.allow(f"bearer  {TWO}")
    for wrong in (
        None,
        "",
        "Bearer",
        "Bearer ",
        ONE,
        f"Basic {ONE}",
        f"Bearer {ONE}x",
        f"Bearer {ONE[:-1]}",
        "Bearer ü",
    ):
        assert not tokens.allow(wrong)


def test_all_tokens_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[bytes] = []
    real = hmac.compare_digest

    def compare(sent: bytes, token: bytes) -> bool:
        compared.append(token)
        return real(sent, token)

    monkeypatch.setattr(access.hmac, "compare_digest", compare)
    assert Tokens([ONE, TWO]).allow(f"Bearer {ONE}")
    assert compared == [ONE.encode(), TWO.encode()]


def test_a_file_is_read_again_when_it_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access, "_LOOK_SECONDS", -1.0)
    file = tmp_path / "tokens"
    file.write_text(f"{ONE}\n\n")
    tokens = Tokens(file=file)
    assert tokens.allow(f"Bearer {ONE}")
    file.write_text(f"{ONE}\n{TWO}\n")
    assert tokens.allow(f"Bearer {ONE}")
    assert tokens.allow(f"Bearer {TWO}")
    file.write_text(f"{TWO}\n")
    assert not tokens.allow(f"Bearer {ONE}")
    file.write_text("")  # somebody is about to write it
    assert tokens.allow(f"Bearer {TWO}")
    os.unlink(file)
    assert tokens.allow(f"Bearer {TWO}")


def test_tokens_that_are_none(tmp_path: Path) -> None:
    for wrong in ([], ["short"], [ONE, TWO, ONE + "3"], ["with a blank in it " * 2], ["ü" * 20]):
        with pytest.raises(ConfigError):
            Tokens(wrong)
    with pytest.raises(ConfigError, match="none"):
        Tokens(file=tmp_path / "none")


def test_from_file_or_variable(tmp_path: Path) -> None:
    assert tokens_from(None, "T", {}) is None
    (tmp_path / "t").write_text(ONE)
    from_file, from_variable = (
        tokens_from(tmp_path / "t", "T", {"T": TWO}),
        tokens_from(None, "T", {"T": f"{ONE} {TWO}"}),
    )
    assert from_file is not None
    assert from_file.allow(f"Bearer {ONE}")
    assert not from_file.allow(f"Bearer {TWO}")
    assert from_variable is not None
    assert from_variable.allow(f"Bearer {TWO}")
    with pytest.raises(ConfigError, match="T:"):
        tokens_from(None, "T", {"T": ""})


def test_a_missing_and_a_wrong_token_are_told_apart() -> None:
    tokens = Tokens([ONE])
    check_token(tokens, f"Bearer {ONE}")
    check_token(None, None)
    with pytest.raises(UnauthorizedError, match="needs a token"):
        check_token(tokens, None)
    with pytest.raises(UnauthorizedError, match="not one of"):
        check_token(tokens, f"Bearer {TWO}")


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("evil.example", None),
        ("evil.example:8881", None),
        ("127.0.0.1.evil.example", None),
        ("127.0.0.1:8881", "http://evil.example"),
        ("127.0.0.1:8881", "http://127.0.0.1:9999"),
        ("127.0.0.1:8881", "null"),
    ],
)
def test_pages_of_other_sites_are_refused(host: str, origin: str | None) -> None:
    with pytest.raises(ForbiddenError):
        check_browser(host, origin, frozenset({"127.0.0.1"}))


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("127.0.0.1:8881", None),
        ("localhost:8881", "http://localhost:8881"),
        ("[::1]:8881", "http://[::1]:8881"),
        ("predict.internal:8881", None),
        (None, None),
    ],
)
def test_its_own_page_and_programs_are_answered(host: str | None, origin: str | None) -> None:
    check_browser(host, origin, frozenset({"predict.internal"}))


def test_beyond_loopback_with_a_token_or_a_reason() -> None:
    for host in ("127.0.0.1", "127.8.8.8", "::1", "[::1]", "localhost"):
        assert is_loopback(host)
        check_listening(host, None, None)
    for host in ("0.0.0.0", "::", "", "10.0.0.1", "example.org", "127.0.0.1.example.org"):
        assert not is_loopback(host)
        check_listening(host, Tokens([ONE]), None)
        check_listening(host, None, "only the proxy reaches it")
        for reason in (None, "", "  "):
            with pytest.raises(ConfigError, match="token"):
                check_listening(host, None, reason)
