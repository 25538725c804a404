"""What can go wrong between a gateway and the coordinator. Nothing of gRPC escapes this package."""

from __future__ import annotations

from typing import ClassVar

from enterprise_node.errors import NodeError


class GatewayError(NodeError):
    """Root of the package."""


class CoordinatorUnreachable(GatewayError):
    """No answer, or none that says no. Nothing is lost: everything is worth asking again."""

    exit_code: ClassVar[int] = 5


class NotAdmitted(GatewayError):
    """The coordinator does not accept the pass: not enrolled (yet), revoked, or out of date."""

    exit_code: ClassVar[int] = 7


class CoordinatorRefused(GatewayError):
    """The coordinator answered and said no; ``reason_name`` is the name of its error class."""

    exit_code: ClassVar[int] = 7

    def __init__(self, message: str, reason_name: str = "") -> None:
        super().__init__(message)
        self.reason_name = reason_name
