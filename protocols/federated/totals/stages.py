"""The stages of a totals round, in their order."""

from __future__ import annotations

from enum import StrEnum


class Stage(StrEnum):
    """Where a round stands; members answer in the first five."""

    KEYS = "keys"
    SHARES = "shares"
    MASKING = "masking"
    AGREEMENT = "agreement"
    UNMASKING = "unmasking"
    DONE = "done"
    ABANDONED = "abandoned"

    @property
    def number(self) -> int:
        """From 1, in the order of the round."""
        return list(Stage).index(self) + 1


ANSWERED = (Stage.KEYS, Stage.SHARES, Stage.MASKING, Stage.AGREEMENT, Stage.UNMASKING)
"""The stages in which members answer."""
