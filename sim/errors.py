"""What can go wrong in a simulation itself; errors of the packages below pass through."""

from __future__ import annotations

from typing import ClassVar


class SimulationError(Exception):
    """Root of the package."""

    exit_code: ClassVar[int] = 1


class OptionError(SimulationError):
    """Options that do not go together or name something that is not there."""

    exit_code: ClassVar[int] = 2


class NobodyTakesPart(SimulationError):
    """Every enterprise is excluded, so there is nothing to run."""

    exit_code: ClassVar[int] = 3


class OutputError(SimulationError):
    """The output folder cannot be used."""

    exit_code: ClassVar[int] = 8


class ProcessFailed(SimulationError):
    """One of the started processes ended or stopped answering; the message names its log."""

    exit_code: ClassVar[int] = 1


class VerificationFailed(SimulationError):
    """``cefed verify`` did not accept the bundle that was just written."""

    exit_code: ClassVar[int] = 6
