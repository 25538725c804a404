"""``decisions.jsonl``: what this node decided about every plan it was offered, and why.

A refused plan is not looked at again until the policy or the imported records change. Shown by
``cefed node status``. Holds no values.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from enterprise_node.errors import NodeStoreError
from enterprise_node.private.lines import append_line, read_lines

REFUSED, ACCEPTED = "refused", "accepted"


@dataclass(frozen=True)
class Decision:
    """One decision. ``time`` in seconds since 1970-01-01 UTC; digests hexadecimal.

    ``offer`` says which plan, roster and key it was about, ``policy`` and ``measures`` with which
    policy and which import it was made. ``backend`` is the plan's; empty where nobody could tell,
    as in decisions of earlier versions of this software.
    """

    time: int
    round_id: str
    offer: str
    policy: str
    measures: str
    outcome: str
    reasons: tuple[str, ...] = ()
    backend: str = ""

    def same_question(self, other: Decision) -> bool:
        """Whether both were about the same plan with the same policy and records."""
        mine = (self.round_id, self.offer, self.policy, self.measures)
        return mine == (other.round_id, other.offer, other.policy, other.measures)


class Decisions:
    """Every decision of one node, in order."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def all(self) -> list[Decision]:
        """All decisions; a line that a crash cut short does not count.

        :raises NodeStoreError: damaged.
        """
        try:
            items = [json.loads(line) for line in read_lines(self.path)]
            return [Decision(**(item | {"reasons": tuple(item["reasons"])})) for item in items]
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise NodeStoreError(
                f"{self.path}: not a list of decisions; restore the file from a backup"
            ) from error

    def last(self, round_id: str) -> Decision | None:
        """The last decision about a round."""
        return next((d for d in reversed(self.all()) if d.round_id == round_id), None)

    def last_accepted(self, round_id: str) -> Decision | None:
        """The last decision to contribute to a round."""
        found = (d for d in reversed(self.all()) if d.round_id == round_id)
        return next((d for d in found if d.outcome == ACCEPTED), None)

    def add(self, decision: Decision) -> None:
        """Write a decision down. :raises NodeStoreError: it cannot be written."""
        line = json.dumps(asdict(decision), ensure_ascii=False, separators=(",", ":"))
        append_line(self.path, line.encode("utf-8"))
