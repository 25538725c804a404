"""A plan run dry: which bands it would give, before anybody is asked to contribute.

Synthetic members (:mod:`coordinator.synthetic`) are counted and classed in the clear, and the very
functions that trustees run decide: tentative bands, classes, band certificate. No key and no
ciphertext is involved. The report says counts and reasons only; it is canonical JSON, signed and
logged when a round is created with it. SPEC.md section 4, docs/plans.md.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from statistics import median_low
from typing import Any

from coordinator.errors import SettingsError
from coordinator.synthetic import Member, Source
from protocols import certificate
from protocols.bands import tentative_bands
from protocols.certificate import BandCertificate, Classes, Counts
from protocols.encoding import size_class
from protocols.hashing import HASH_BYTES
from protocols.layout import Layout
from protocols.numbers import decimal_text
from protocols.plan import Level, Plan
from protocols.release import canonical_json

SCHEMA = "cefed.rehearsal/1"
TRIALS = 20
MAX_DRAWN = 2_000_000
"""Members over all trials: about a minute."""

_NO_STATEMENT = bytes(HASH_BYTES)
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
            lines.append(
                f"  {name}: {found['bands']['median']} bands "
                f"({found['bands']['least']} to {found['bands']['most']})"
            )
        coverage = d["coverage"]
        lines.append(
            f"  coverage: {_percent(coverage['median'])} of the roster is in a published band "
            f"(at worst {_percent(coverage['least'])})"
        )
        for item in d["withheld"]:
            lines.append(f"  withheld in {item['trials']} trials: {item['what']}: {item['reason']}")
        return lines


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
    certified = [
        decide(plan, layout, [source(chance) for _ in range(members)]) for _ in range(trials)
    ]
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
            "withheld": _withheld(certified),
        }
    )


def decide(plan: Plan, layout: Layout, members: Sequence[Member]) -> BandCertificate:
    """The band certificate that trustees would sign for these members."""
    counts = _counts(plan, layout, members)
    return certificate.certify(
        plan, layout, _NO_STATEMENT, counts, _classes(plan, layout, counts, members)
    )


def _counts(plan: Plan, layout: Layout, members: Sequence[Member]) -> Counts:
    bins = [layout.bins_of(member) for member in members]
    by_indicator = {}
    for indicator in plan.ranked_indicators:
        tally = Counter(own[indicator.name] for own in bins)
        by_indicator[indicator.name] = tuple(tally[b] for b in range(indicator.bins))
    ranked = plan.sums_indicator
    tentative = tentative_bands(by_indicator[ranked.name], plan.policy) if ranked else ()
    return Counts(len(members), by_indicator, tentative)


def _classes(plan: Plan, layout: Layout, counts: Counts, members: Sequence[Member]) -> Classes:
    ranked = plan.sums_indicator
    cells: list[list[Member]] = [[] for _ in counts.tentative]
    if ranked is not None and cells:
        place = {
            index: number
            for number, band in enumerate(counts.tentative)
            for index in range(band.first, band.end)
        }
        for member in members:
            cells[place[layout.bins_of(member)[ranked.name]]].append(member)
    return Classes(
        tuple(_histograms(plan, Level.BAND, cell) for cell in cells),
        _histograms(plan, Level.COHORT, members),
    )


def _histograms(plan: Plan, level: Level, members: Sequence[Member]) -> dict[str, tuple[int, ...]]:
    found = {}
    for measure in plan.measures_at(level):
        tally = Counter(size_class(member[measure.name]) for member in members)
        found[measure.name] = tuple(tally[size] for size in range(measure.classes))
    return found


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
    """Share of the roster in a published band, or in a published cohort where nothing is ranked."""
    ranked = plan.sums_indicator
    shares = [
        Fraction(
            0
            if c.withheld
            else sum(band.members for band in c.ranking(ranked.name))
            if ranked
            else c.members,
            plan.participants,
        )
        for c in certified
    ]
    return {
        "median": decimal_text(median_low(shares), _DIGITS),
        "least": decimal_text(min(shares), _DIGITS),
    }


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


def _percent(share: str) -> str:
    return f"{float(share) * 100:.0f} %"
