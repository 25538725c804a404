"""Everything a trustee's process refuses, with the exit code its command line ends with."""

from __future__ import annotations

from typing import ClassVar


class TrusteeError(Exception):
    """Root of the trustee's own exceptions."""

    exit_code: ClassVar[int] = 1


class SettingsError(TrusteeError):
    """A command or setting that cannot be carried out as given."""

    exit_code: ClassVar[int] = 2


class UnreachableError(TrusteeError):
    """The coordinator does not answer. Nothing is lost: the trustee tries again."""

    exit_code: ClassVar[int] = 5


class StumbledError(UnreachableError):
    """The coordinator answered, but neither did what was asked nor named a rule against it.

    A full disk or too many calls at once, for example. It may concern one round only.
    """


class RefusedError(TrusteeError):
    """The coordinator answered and said no; ``reason`` is the name of its error class."""

    exit_code: ClassVar[int] = 7

    def __init__(self, message: str, reason: str = "") -> None:
        super().__init__(message)
        self.reason = reason


class FolderError(TrusteeError):
    """The trustee's folder, identity or limits file cannot be used."""

    exit_code: ClassVar[int] = 8


class LedgerError(TrusteeError):
    """The release ledger is missing, locked, altered, or cannot be written."""

    exit_code: ClassVar[int] = 8
