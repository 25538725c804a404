"""Passphrases and passwords: from a file, a systemd credential, or a person. Never from a variable.

A value in the environment or on the command line is shown to other processes and copied into
reports; a file has a mode. systemd's ``LoadCredential=`` puts files where only the service reads
them, and names their folder in ``CREDENTIALS_DIRECTORY``.
"""

from __future__ import annotations

import getpass
import os
import stat
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from protocols.errors import StorageError
from protocols.files import read_limited
from protocols.service.errors import CredentialError

DIRECTORY = "CREDENTIALS_DIRECTORY"
MAX_BYTES = 4096
LEAST_LENGTH = 12
"""Characters of a new passphrase."""


def read_secret(path: Path) -> bytes:
    """The first line of a file that only its owner can read; without the line's end.

    :raises CredentialError: readable by others, missing, empty, or of several lines.
    """
    try:
        if os.name == "posix" and stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise CredentialError(f"{path} is readable by others; run: chmod 600 {path}")
        content = read_limited(path, MAX_BYTES)
    except OSError as error:
        raise CredentialError(f"cannot read {path}: {error.strerror}") from error
    except StorageError as error:
        raise CredentialError(str(error)) from error
    secret = content.removesuffix(b"\n").removesuffix(b"\r")
    if not secret or b"\n" in secret or b"\0" in secret:
        raise CredentialError(f"{path} must hold exactly one line, which is not empty")
    return secret


def read_optional(
    name: str, file: Path | None, environ: Mapping[str, str] = os.environ
) -> bytes | None:
    """A secret from ``file``, else from the systemd credential ``name``; None if neither is there.

    :raises CredentialError: it is there and cannot be used.
    """
    if file is not None:
        return read_secret(file)
    folder = environ.get(DIRECTORY)
    if folder and (Path(folder) / name).exists():
        return _read_credential(Path(folder) / name)
    return None


def passphrase(
    name: str,
    file: Path | None = None,
    *,
    environ: Mapping[str, str] = os.environ,
    ask: Callable[[str], str] | None = None,
) -> bytes:
    """The passphrase ``name`` of an existing key: file, systemd credential, or a prompt.

    :param ask: shows a prompt and reads without echo; by default the terminal's, if there is one.
    :raises CredentialError: there is none, or it cannot be used.
    """
    found = read_optional(name, file, environ)
    if found is not None:
        return found
    return _prompt(ask, name, f"passphrase of {name}: ").encode()


def new_passphrase(
    name: str,
    file: Path | None = None,
    *,
    environ: Mapping[str, str] = os.environ,
    ask: Callable[[str], str] | None = None,
) -> bytes:
    """A passphrase for a key that is being made; a person types it twice.

    :raises CredentialError: none, under twelve characters, or two different ones.
    """
    found = read_optional(name, file, environ)
    if found is None:
        typed = _prompt(ask, name, f"new passphrase of {name}: ")
        if _prompt(ask, name, "the same again: ") != typed:
            raise CredentialError("the two passphrases differ; nothing was made")
        found = typed.encode()
    if len(found.decode(errors="replace")) < LEAST_LENGTH:
        raise CredentialError(f"a passphrase has at least {LEAST_LENGTH} characters")
    return found


def _read_credential(path: Path) -> bytes:
    """systemd sets owner and mode (0440 with an ACL), so that they are not judged here."""
    try:
        content = read_limited(path, MAX_BYTES)
    except StorageError as error:
        raise CredentialError(str(error)) from error
    secret = content.removesuffix(b"\n").removesuffix(b"\r")
    if not secret:
        raise CredentialError(f"the credential {path.name} is empty")
    return secret


def _prompt(ask: Callable[[str], str] | None, name: str, text: str) -> str:
    if ask is None:
        if not sys.stdin.isatty():
            raise CredentialError(
                f"no passphrase for {name}: name a file, or the systemd credential {name!r}"
            )
        ask = getpass.getpass
    typed = ask(text)
    if not typed:
        raise CredentialError("an empty passphrase protects nothing")
    return typed
