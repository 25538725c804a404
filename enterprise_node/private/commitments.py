"""The one plan a period that a node compares with its own values. ``plans.json`` holds them.

Whether a node contributes depends on a plan's bounds and on its own values. A coordinator that
could offer one plan after the other would find a value by halving the bound each time; so a node
writes down which plan it takes *before* it looks at its values, and refuses every other plan of
that period without looking. Only the owner can let another plan in, and that is written down, too.
A period is not the coordinator's to choose: it stands in the ceremony that the trustees signed.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from enterprise_node.errors import NodeStoreError, PlanRefused
from protocols.files import replace_file
from protocols.plan import Plan

SCHEMA = "cefed.node-plans/1"


@dataclass(frozen=True)
class Commitment:
    """A plan that the node's values were compared with.

    ``plan_hash`` is hexadecimal, ``time`` in seconds since 1970-01-01 UTC. ``by_owner``: it took
    the place of another plan because the owner said so.
    """

    period: str
    round_id: str
    plan_hash: str
    time: int
    by_owner: bool


class Commitments:
    """Every commitment of one node, in order; the last of a period holds."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def all(self) -> tuple[Commitment, ...]:
        """All commitments. :raises NodeStoreError: damaged, in which case no plan is taken."""
        if not self.path.exists():
            return ()
        try:
            document = json.loads(self.path.read_bytes())
            if document["schema"] != SCHEMA:
                raise ValueError(document["schema"])
            return tuple(Commitment(**item) for item in document["plans"])
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            raise NodeStoreError(
                f"{self.path}: not a list of plans; restore the file from a backup"
            ) from error

    def held(self, period: str) -> Commitment | None:
        """The plan that holds for a period, if there is one."""
        return next((item for item in reversed(self.all()) if item.period == period), None)

    def reason_against(self, plan: Plan) -> str | None:
        """Why ``plan`` may not be compared with the own values; None if it may."""
        held = self.held(plan.period)
        if held is None or held.plan_hash == plan.hash.hex():
            return None
        return (
            f"this node has looked at its values for another plan of period {plan.period} already "
            f"(round {held.round_id}, plan {held.plan_hash[:16]}); answers to several plans would "
            "give a value away bit by bit. If you know why there is a new plan, accept it once "
            "with cefed node approve --replace-plan"
        )

    def rounds_since(self, time: int, but: str) -> int:
        """How many rounds, apart from ``but``, were committed to at or after ``time``."""
        return len({item.round_id for item in self.all() if item.time >= time} - {but})

    def commit(self, plan: Plan, now: int, *, replace: bool = False) -> None:
        """Write down that the own values are compared with ``plan``; the same plan again is fine.

        :param replace: the owner accepts this plan in the place of another.
        :raises PlanRefused: there is another plan for the period.
        :raises StorageError: it cannot be written, so the values are not to be looked at.
        """
        items = self.all()
        held = self.held(plan.period)
        if held is not None and held.plan_hash == plan.hash.hex():
            return
        reason = self.reason_against(plan)
        if reason is not None and not replace:
            raise PlanRefused(plan.round_id, [reason])
        added = Commitment(plan.period, plan.round_id, plan.hash.hex(), now, reason is not None)
        document = {"schema": SCHEMA, "plans": [asdict(item) for item in (*items, added)]}
        text = json.dumps(document, ensure_ascii=False, indent=1) + "\n"
        replace_file(self.path, text.encode("utf-8"))
