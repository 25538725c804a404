"""What a node refuses, with the exit code that its command line ends with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar


class NodeError(Exception):
    """Root of the package. Messages say where and what to do, and never hold a measure's value."""

    exit_code: ClassVar[int] = 1


class NodeUsageError(NodeError):
    """The command cannot be meant like this: something is missing or contradicts the folder."""

    exit_code: ClassVar[int] = 2


class IntakeRefused(NodeError):
    """The enterprise's own records or measures cannot take part."""

    exit_code: ClassVar[int] = 3


class PlanRefused(NodeError):
    """The node does not accept a plan; ``reasons`` holds every one of them."""

    exit_code: ClassVar[int] = 4

    def __init__(self, round_id: str, reasons: Sequence[str]) -> None:
        self.reasons = tuple(reasons)
        super().__init__(f"round {round_id} is refused, nothing was sent: " + "; ".join(reasons))


class MaskingRefused(NodeError):
    """A certificate that this node does not mask its figures for."""

    exit_code: ClassVar[int] = 4

    def __init__(self, round_id: str, reason: str) -> None:
        super().__init__(f"round {round_id}: nothing is masked for this certificate: {reason}")


class ReleaseRefused(NodeError):
    """A published release that is not signed as it must be, or does not fit this node's data."""

    exit_code: ClassVar[int] = 6


class LedgerBroken(NodeError):
    """An egress ledger, or an export of one, that was changed, cut or belongs to another key."""

    exit_code: ClassVar[int] = 6


class NodeStoreError(NodeError):
    """A file of the node's folder is missing, damaged or cannot be written."""

    exit_code: ClassVar[int] = 8


class ExchangeError(NodeError):
    """The exchange folder between private side and gateway cannot be used."""

    exit_code: ClassVar[int] = 8


class EnvelopeDamaged(ExchangeError):
    """An envelope file that is cut short or altered; it is set aside and never half-used."""
