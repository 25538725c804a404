"""From the plan template to the plan of each cohort's round: period, roster, key and deadlines."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from datetime import UTC, datetime

from protocols.ceremony import Ceremony
from protocols.federated.terms import Mode
from protocols.hashing import HASH_BYTES
from protocols.plan import Plan
from protocols.roster import Roster
from protocols.template import PlanTemplate
from sim.errors import OptionError
from sim.output import generated_by
from sim.settings import Settings

OPEN_SECONDS = 7 * 24 * 3600
EARLY_SECONDS = 60
LEAST_MASKED = 3
_NOT_IN_ROUND_ID = re.compile(r"[^A-Za-z0-9._-]+")


class Planner:
    """Makes the plans of one simulation."""

    def __init__(
        self, template: PlanTemplate, settings: Settings, definitions: Mapping[str, str]
    ) -> None:
        """:param definitions: what the mapping says its figures mean; they enter every plan."""
        self._template = template
        self._settings = settings
        self._definitions = definitions
        self._now = int(time.time())
        self.period = settings.period or template.period or str(datetime.now(UTC).year)

    def round_id(self, cohort: str) -> str:
        """The cohort and the period, in the letters that a round's name may have."""
        return _NOT_IN_ROUND_ID.sub("-", f"{cohort}-{self.period}").strip("-.")[:64]

    def title(self, cohort: str) -> str:
        """What people call the cohort."""
        return self.draft(cohort, 1).title

    def draft(self, cohort: str, members: int) -> Plan:
        """The cohort's plan before there are keys: what its measures are checked against."""
        key_id = b"" if self._settings.mode is Mode.TOTALS else bytes(HASH_BYTES)
        # No federated plan is for fewer than three; the names and bounds are those of any number.
        least = 1 if self._settings.mode is None else LEAST_MASKED
        return self._instantiate(cohort, max(least, members), bytes(HASH_BYTES), key_id)

    def final(self, cohort: str, roster: Roster, ceremony: Ceremony | None) -> Plan:
        """The plan that the coordinator signs.

        :param ceremony: None in the mode ``totals``, where nobody holds a key.
        """
        key_id = b"" if ceremony is None else ceremony.key_id
        return self._instantiate(cohort, len(roster.members), roster.hash, key_id)

    def report_facts(self, ceremony: Ceremony | None, excluded: int) -> dict[str, str]:
        """What the report's head says about the run."""
        facts = {
            "title": self._settings.title,
            "title_zh": self._settings.title_zh,
            "backend": self._settings.backend,
            "excluded": str(excluded),
            "generated_by": generated_by(),
            "generated_at": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
            "single_machine": "yes",
        }
        if ceremony is not None:
            facts |= {
                "key_id": ceremony.key_id.hex(),
                "key_bits": str(ceremony.key.public.bits),
                "trustees": str(len(ceremony.trustees)),
                "threshold": str(ceremony.key.threshold),
                "quorum": str(ceremony.closing_quorum),
                "bundle": "bundle",
            }
        return {name: text for name, text in facts.items() if text}

    def _instantiate(self, cohort: str, members: int, roster_hash: bytes, key_id: bytes) -> Plan:
        plan = self._template.instantiate(
            round_id=self.round_id(cohort),
            cohort=cohort,
            participants=members,
            roster_hash=roster_hash,
            key_id=key_id,
            period=self.period,
            definitions=self._definitions,
            opens_at=self._now - EARLY_SECONDS,
            deadline=self._now + OPEN_SECONDS,
            mode=self._settings.mode,
        )
        if plan.mode is not self._settings.mode:
            raise OptionError(
                f"{self._settings.plan} asks for {plan.mode} rounds: say --backend federated "
                f"--mode {plan.mode}"
            )
        return plan
