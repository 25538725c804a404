"""A plan run dry: which bands it would give, before anybody is asked to contribute.

Synthetic members (:mod:`coordinator.synthetic`) are decided upon in the clear by the very functions
that trustees run (:mod:`coordinator.deciding`), under the plan's own policy and, for a few of the
trials, under each named profile. The report says counts and reasons only; it is canonical JSON,
signed and logged when a round is created with it. SPEC.md section 4, docs/plans.md.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from statistics import median_low
from typing import Any

from coordinator.deciding import covered
from coordinator.deciding import decide as decide
from coordinator.errors import SettingsError
from coordinator.synthetic import Member, Source
from protocols.certificate import BandCertificate
from protocols.errors import PlanError
from protocols.layout import Layout
from protocols.numbers import decimal_text
from protocols.plan import Plan
from protocols.profiles import PROFILES
from protocols.release import canonical_json
from protocols.suppression import NO_SUBTRACTION
from protocols.table import Table

SCHEMA = "cefed.rehearsal/2"
TRIALS = 20
PROFILE_TRIALS = 5
"""Of the trials, how many each profile is tried on that is not the plan's own policy."""

NAMED = 3
"""Cells that a line names at most."""

BESIDE = "withheld so that "
"""How a cell's reason starts that is withheld for others; which ones differs by trial."""

MAX_DRAWN = 2_000_000
"""Members over all trials: about a minute."""

_DIGITS = 4


@dataclass(frozen=True)
class Report:
    """What a rehearsal found; ``document`` holds it as plain containers."""

    document: dict[str, Any]

    def to_bytes(self) -> bytes:
        """What the coordinator signs and logs."""
        return canonical_json(self.document)

    @property
    def publishes(self) -> bool:
        """Whether any trial published something."""
        return bool(self.document["published_trials"])

    def lines(self) -> list[str]:
        """The report for people."""
        d = self.document
        lines = [
            f"{d['trials']} trials with {d['members']} of {d['participants']} members "
            f"({d['source']}, seed {d['seed']}); published in {d['published_trials']}"
        ]
        for name, found in d["rankings"].items():
            bands = found["bands"]
            single = (
                "; one band says no more than the totals"
                if bands["least"] <= 1 <= bands["most"]
                else ""
            )
            lines.append(
                f"  {name}: {bands['median']} bands ({bands['least']} to {bands['most']}){single}"
            )
        if "cells" in d:
            found = d["cells"]
            lines.append(
                f"  cells published: {found['median']} of {found['cells']} "
                f"({found['least']} to {found['most']})"
            )
        coverage = d["coverage"]
        lines.append(
            f"  coverage: {_percent(coverage['median'])} of the roster is in a published "
            f"{'leaf cell' if 'cells' in d else 'band'} (at worst {_percent(coverage['least'])})"
        )
        for name, found in d["profiles"].items():
            if "refused" in found:
                lines.append(f"  under profile {name}: {found['refused']}")
            else:
                lines.append(
                    f"  under profile {name}, {_played(found['trials'], d['trials'])}: "
                    f"{_percent(found['coverage']['median'])} "
                    f"(at worst {_percent(found['coverage']['least'])})"
                )
        for item in d["withheld"]:
            lines.append(f"  withheld in {item['trials']} trials: {item['what']}: {item['reason']}")
        return lines + _cell_lines(d.get("withheld_cells", []))


def rehearse(
    plan: Plan,
    modulus_bits: int,
    source: Source,
    *,
    described: str,
    seed: int = 1,
    trials: int = TRIALS,
    turnout: int = 100,
) -> Report:
    """Run the plan's decisions over synthetic members, several times.

    :param described: where the members come from, in words for the report.
    :param turnout: percent of the roster that contributes.
    :raises SettingsError: more members than can be drawn in reasonable time.
    """
    members = max(1, plan.participants * turnout // 100)
    if members * trials > MAX_DRAWN:
        raise SettingsError(
            f"{trials} trials of {members} members take too long; use at most "
            f"{max(1, MAX_DRAWN // members)} trials"
        )
    # Not for secrets: a rehearsal must be repeatable.
    chance = random.Random(seed)  # noqa: S311
    layout = Layout(plan, modulus_bits)
    certified: list[BandCertificate] = []
    profiles = _Profiles(plan, modulus_bits)
    for trial in range(trials):
        drawn = [source(chance) for _ in range(members)]
        certified.append(decide(plan, layout, drawn))
        profiles.play(drawn, certified[-1], others=trial < PROFILE_TRIALS)
    cells = {} if plan.table is None else _cells(plan.table, certified)
    return Report(
        {
            "schema": SCHEMA,
            "plan_hash": plan.hash.hex(),
            "source": described,
            "seed": seed,
            "trials": trials,
            "participants": plan.participants,
            "members": members,
            "published_trials": sum(1 for c in certified if not c.withheld),
            "rankings": {i.name: _bands(certified, i.name) for i in plan.ranked_indicators},
            "coverage": _coverage(plan, certified),
            "profiles": profiles.as_document(),
            "withheld": _withheld(certified),
            **cells,
        }
    )


def _bands(certified: Sequence[BandCertificate], indicator: str) -> dict[str, Any]:
    numbers = [len(c.ranking(indicator)) for c in certified]
    first = certified[0].ranking(indicator)
    return {
        "bands": {
            "median": median_low(numbers),
            "least": min(numbers),
            "most": max(numbers),
        },
        "first_trial": [{"bins": [b.first, b.end], "members": b.members} for b in first],
    }


def _coverage(plan: Plan, certified: Sequence[BandCertificate]) -> dict[str, str]:
    """Share of the roster in a published band or leaf, or in the cohort where there is neither.

    A single band is the whole cohort: as in the report, it covers nobody.
    """
    ranked = plan.sums_indicator
    shares = [
        Fraction(0)
        if ranked is not None and len(c.ranking(ranked.name)) == 1
        else Fraction(covered(plan, c), plan.participants)
        for c in certified
    ]
    return {
        "median": decimal_text(median_low(shares), _DIGITS),
        "least": decimal_text(min(shares), _DIGITS),
    }


class _Profiles:
    """The same members under each named profile, or why the plan cannot have one.

    The profile that is the plan's own policy has what the plan has, in every trial.
    """

    def __init__(self, plan: Plan, modulus_bits: int) -> None:
        self._own = plan.policy
        self._layouts: dict[str, Layout] = {}
        self._certified: dict[str, list[BandCertificate]] = {}
        self._refused: dict[str, str] = {}
        for name, policy in PROFILES.items():
            try:
                self._layouts[name] = Layout(replace(plan, policy=policy), modulus_bits)
                self._certified[name] = []
            except PlanError as error:
                self._refused[name] = str(error)

    def play(self, members: Sequence[Member], own: BandCertificate, *, others: bool) -> None:
        """One trial: ``own`` is the plan's; ``others`` says to try the other profiles, too."""
        for name, layout in self._layouts.items():
            if layout.plan.policy == self._own:
                self._certified[name].append(own)
            elif others:
                self._certified[name].append(decide(layout.plan, layout, members))

    def as_document(self) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {
            name: {
                "trials": len(certified),
                "published_trials": sum(1 for c in certified if not c.withheld),
                "coverage": _coverage(self._layouts[name].plan, certified),
            }
            for name, certified in self._certified.items()
        }
        return found | {name: {"refused": why} for name, why in self._refused.items()}


def _withheld(certified: Sequence[BandCertificate]) -> list[dict[str, Any]]:
    """What was not published, why, and in how many trials; the most frequent first."""
    tally: Counter[tuple[str, str]] = Counter()
    for c in certified:
        if c.withheld:
            tally["cohort", c.withheld] += 1
        tally.update(c.withheld_measures.items())
    return [
        {"what": what, "reason": reason, "trials": times}
        for (what, reason), times in sorted(tally.items(), key=lambda item: (-item[1], item[0]))
    ]


def _cells(table: Table, certified: Sequence[BandCertificate]) -> dict[str, Any]:
    """How many cells were published, and of each withheld one why and in how many trials."""
    published = [sum(1 for cell in c.table if cell.members) for c in certified]
    tally: Counter[tuple[int, str]] = Counter()
    for c in certified:
        for position, decided in enumerate(c.table):
            if decided.withheld:
                beside = decided.withheld.startswith(BESIDE)
                tally[position, NO_SUBTRACTION if beside else decided.withheld] += 1
    return {
        "cells": {
            "cells": len(table.cells),
            "median": median_low(published),
            "least": min(published),
            "most": max(published),
        },
        "withheld_cells": [
            {"path": table.cells[position].path, "reason": reason, "trials": times}
            for (position, reason), times in sorted(
                tally.items(), key=lambda item: (-item[1], item[0])
            )
        ],
    }


def _cell_lines(withheld: Sequence[Mapping[str, Any]]) -> list[str]:
    """A line a reason: how many cells it withheld in how many trials, and some of them by name."""
    by_reason: dict[str, list[Mapping[str, Any]]] = {}
    for item in withheld:
        by_reason.setdefault(item["reason"], []).append(item)
    lines = []
    for reason, items in by_reason.items():
        named = [repr(item["path"]) if item["path"] else "the total" for item in items[:NAMED]]
        more = f" and {len(items) - NAMED} more" if len(items) > NAMED else ""
        lines.append(
            f"  withheld in up to {items[0]['trials']} trials: "
            f"{len(items)} {'cell' if len(items) == 1 else 'cells'} "
            f"({', '.join(named)}{more}): {reason}"
        )
    return lines


def _played(trials: int, of: int) -> str:
    """In words, since shares of fewer trials are not comparable to the last figure."""
    return "the same trials" if trials == of else f"the first {trials} of the trials"


def _percent(share: str) -> str:
    return f"{float(share) * 100:.0f} %"
