"""Passphrases: from a private file, a systemd credential or a person, and from nothing else."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from protocols.service.credentials import (
    DIRECTORY,
    new_passphrase,
    passphrase,
    read_optional,
    read_secret,
)
from protocols.service.errors import CredentialError

SECRET = b"a long enough passphrase"


def private(path: Path, content: bytes, mode: int = 0o600) -> Path:
    path.write_bytes(content)
    path.chmod(mode)
    return path


def typing(*lines: str) -> Callable[[str], str]:
    typed = iter(lines)
    return lambda prompt: next(typed)


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n"])
def test_a_file_holds_one_line(tmp_path: Path, end: bytes) -> None:
    assert read_secret(private(tmp_path / "p", SECRET + end)) == SECRET


def test_spaces_belong_to_a_passphrase(tmp_path: Path) -> None:
    assert read_secret(private(tmp_path / "p", b" a b \n")) == b" a b "


@pytest.mark.parametrize("content", [b"", b"\n", b"a\nb\n", b"a\n\n", b"a\0b", b"x" * 4097])
def test_other_files_are_refused_without_their_content(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(CredentialError) as caught:
        read_secret(private(tmp_path / "p", content))
    assert "xx" not in str(caught.value)


@pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX's")
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_file_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    with pytest.raises(CredentialError, match="chmod 600"):
        read_secret(private(tmp_path / "p", SECRET, mode))


def test_a_missing_file_is_an_error_and_no_prompt(tmp_path: Path) -> None:
    with pytest.raises(CredentialError, match="cannot read"):
        passphrase("signing", tmp_path / "absent", environ={}, ask=typing("x" * 20))


def test_the_file_precedes_the_credential_and_that_the_prompt(tmp_path: Path) -> None:
    private(tmp_path / "signing", b"from systemd, at length\n", 0o440)
    environ = {DIRECTORY: str(tmp_path)}
    file = private(tmp_path / "file", SECRET)
    assert passphrase("signing", file, environ=environ, ask=typing()) == SECRET
    assert passphrase("signing", environ=environ, ask=typing()) == b"from systemd, at length"
    assert passphrase("sealing", environ=environ, ask=typing("typed")) == b"typed"
    assert read_optional("sealing", None, environ) is None


def test_an_empty_credential_is_refused(tmp_path: Path) -> None:
    private(tmp_path / "signing", b"\n")
    with pytest.raises(CredentialError, match="empty"):
        read_optional("signing", None, {DIRECTORY: str(tmp_path)})


def test_a_variable_is_no_passphrase() -> None:
    environ = {"SIGNING": "value", "CEFED_SIGNING": "value", "PASSPHRASE": "value"}
    assert read_optional("signing", None, environ) is None


def test_without_a_terminal_nobody_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", open(os.devnull))  # noqa: SIM115  # closed with the test
    with pytest.raises(CredentialError, match="name a file"):
        passphrase("signing", environ={})


def test_a_new_passphrase_is_typed_twice() -> None:
    assert new_passphrase("k", environ={}, ask=typing("x" * 12, "x" * 12)) == b"x" * 12
    with pytest.raises(CredentialError, match="differ"):
        new_passphrase("k", environ={}, ask=typing("x" * 12, "y" * 12))


@pytest.mark.parametrize("typed", ["", "elevenchars"])
def test_a_short_new_passphrase_is_refused(typed: str, tmp_path: Path) -> None:
    with pytest.raises(CredentialError):
        new_passphrase("k", environ={}, ask=typing(typed, typed))
    with pytest.raises(CredentialError):
        new_passphrase("k", private(tmp_path / "p", typed.encode()), environ={})
