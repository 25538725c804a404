"""Everything the coordinator refuses, with the exit code its command line ends with."""

from __future__ import annotations

from typing import ClassVar


class CoordinatorError(Exception):
    """Root of the coordinator's own exceptions."""

    exit_code: ClassVar[int] = 1


class GoalError(CoordinatorError):
    """A reduction goal or decay coefficient outside its range."""

    exit_code: ClassVar[int] = 2


class DocumentError(CoordinatorError):
    """A release document that does not follow docs/release-schema.md."""

    exit_code: ClassVar[int] = 3


class OutputError(CoordinatorError):
    """A file of the output folder cannot be written."""

    exit_code: ClassVar[int] = 8


class StoreError(CoordinatorError):
    """The coordinator's folder or database cannot be read, written or trusted."""

    exit_code: ClassVar[int] = 8


class SettingsError(CoordinatorError):
    """A command or setting that cannot be carried out as given."""

    exit_code: ClassVar[int] = 2


class UnreachableError(CoordinatorError):
    """The coordinator's process does not answer."""

    exit_code: ClassVar[int] = 5
