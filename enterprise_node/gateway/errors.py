"""What can go wrong between a gateway and the coordinator. Nothing of gRPC escapes this package."""

from __future__ import annotations

from typing import ClassVar


class GatewayError(Exception):
    """Root of the package."""

    exit_code: ClassVar[int] = 1


class CoordinatorUnreachable(GatewayError):
    """No answer after every retry. Nothing is lost: the command can be repeated."""

    exit_code: ClassVar[int] = 5


class CoordinatorRefused(GatewayError):
    """The coordinator answered and said no; ``reason_name`` is the name of its error class."""

    exit_code: ClassVar[int] = 7

    def __init__(self, message: str, reason_name: str = "") -> None:
        super().__init__(message)
        self.reason_name = reason_name


class PlanNotOpen(CoordinatorRefused):
    """The round is unknown, expired or closed."""

    exit_code: ClassVar[int] = 4
