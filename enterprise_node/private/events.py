"""What a step of the private side did, in words for its owner. No event holds a value."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

CERTIFICATE, CONTRIBUTED, RECEIPT, RELEASE = "certificate", "contributed", "receipt", "release"
REFUSED, WAITING, NOTICE, DAMAGED = "refused", "waiting", "notice", "damaged"
MASKED, TOTALS = "masked", "totals"


@dataclass(frozen=True)
class Event:
    """One thing that happened. ``kind`` is one of the names above; ``round_id`` may be empty.

    ``bytes`` is set when a contribution or an answer to a later step went out, ``ciphertexts`` when
    a contribution did.
    """

    kind: str
    text: str
    round_id: str = ""
    bytes: int = 0
    ciphertexts: int = 0

    def line(self) -> str:
        """As text for a terminal."""
        where = f" round {self.round_id}" if self.round_id else ""
        return f"{self.kind:<12}{where}: {self.text}"


def moment(seconds: int) -> str:
    """Seconds since 1970-01-01 UTC as people write them, in UTC."""
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M")
    except (OverflowError, ValueError, OSError):
        return f"second {seconds}"
