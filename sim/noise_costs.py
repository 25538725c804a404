"""What noise would cost in accuracy on a record set, without a round.

Run by ``cefed sim noise`` for whoever considers noise. It reads plain records, decides bands as
trustees would, draws every member's share as its node would, and compares with the plain sums.
docs/noise.md explains the figures.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from math import ceil, isinf
from typing import Any

from rich.table import Table

from coordinator.deciding import Member, decide
from protocols.layout import Layout
from protocols.noise import draw, shares_of
from protocols.noise_terms import Noise
from protocols.paillier import DEFAULT_MODULUS_BITS
from protocols.plan import Level, Plan
from protocols.privacy_loss import loss_for
from sim.profiles import read_cohorts
from sim.progress import Reporter
from sim.settings import Settings

SCHEMA = "cefed.noise-costs/1"
DELTA = Fraction(1, 10**6)
USABLE_PERCENT = 10

Cohorts = Sequence[tuple[Plan, Sequence[Member]]]


@dataclass
class _Errors:
    """Relative errors in percent: the printed ones by measure, and those of the noise drawn."""

    printed: dict[str, list[float]] = field(default_factory=dict)
    drawn: list[float] = field(default_factory=list)
    ratios: list[float] = field(default_factory=list)

    def add(self, plan: Plan, members: Sequence[Member], noise: Mapping[str, int]) -> None:
        """Compare the sums of ``members`` with what they become by ``noise``."""
        shares = shares_of(plan)
        sums = {name: sum(member[name] for member in members) for name in noise}
        for name, off in noise.items():
            width = shares[name].half_width(len(members))
            self.printed.setdefault(name, []).append(_percent(width, sums[name]))
            self.drawn.append(_percent(abs(off), sums[name]))

    def add_ratio(self, plan: Plan, members: Sequence[Member], noise: Mapping[str, int]) -> None:
        """The same for the indicator that ranks with sums."""
        ranked = plan.sums_indicator
        if ranked is None:
            return
        names = ranked.numerator, ranked.denominator
        top, bottom = (sum(member[name] for member in members) for name in names)
        noisy = bottom + noise[ranked.denominator]
        if noisy <= 0 or not top:
            self.ratios.append(float("inf"))
            return
        off = Fraction(top + noise[ranked.numerator], noisy) / Fraction(top, bottom) - 1
        self.ratios.append(float(abs(off)) * 100)


def run_noise(
    settings: Settings,
    reporter: Reporter,
    epsilons: Sequence[Fraction],
    *,
    at_least: int = 1,
    colluding: int = 1,
    seed: int = 0,
) -> dict[str, Any]:
    """The errors for each epsilon, with the plan's bounds and with closer ones.

    :param at_least: leave out cohorts with fewer members who can take part.
    :param seed: of the noise that is drawn; the same seed gives the same figures.
    :raises NobodyTakesPart: no cohort is left. :raises PlanError: an epsilon that is too small.
    """
    cohorts = read_cohorts(settings, at_least)
    banded = [(plan, members, _bands(plan, members)) for plan, members in cohorts]
    chosen = list(_bounds(cohorts))
    rows: list[dict[str, Any]] = []
    for number, (name, bounds, totals_only) in enumerate(chosen):
        for place, epsilon in enumerate(epsilons):
            reporter.step("noise", number * len(epsilons) + place, len(chosen) * len(epsilons))
            loss = loss_for(epsilon, DELTA)
            noise = Noise(loss, loss, DELTA, colluding)
            source = random.Random(seed)  # noqa: S311 - nobody is protected by it
            bands, totals = _Errors(), _Errors()
            for (plan, members, cells), own in zip(banded, bounds, strict=True):
                if not cells:
                    continue  # nothing of the cohort would be published
                noisy = _with(plan, own, noise)
                if totals_only:
                    _play_total(noisy, members, source, totals)
                else:
                    _play(noisy, members, cells, source, bands, totals)
            rows.append(
                {
                    "bounds": name,
                    "epsilon": str(epsilon),
                    "loss": str(loss),
                    "bands": _document(bands),
                    "cohorts": _document(totals),
                }
            )
    reporter.step("noise", len(rows), len(rows))
    return {
        "schema": SCHEMA,
        "at_least": at_least,
        "delta": str(DELTA),
        "colluding": colluding,
        "seed": seed,
        "cohorts": len(banded),
        "bands": sum(len(cells) for _, _, cells in banded),
        "enterprises": sum(len(members) for _, members, _ in banded),
        "rows": rows,
    }


def as_table(document: dict[str, Any]) -> Table:
    """The document for people."""
    table = Table(
        title=f"Error by noise in {document['bands']} bands of {document['cohorts']} cohorts, "
        f"percent of the true sum (delta = {document['delta']})"
    )
    for name in ("bounds", "epsilon", "band sums, median", "9 in 10 within"):
        table.add_column(name, justify="left" if name == "bounds" else "right")
    for name in (
        f"bands within {USABLE_PERCENT} %",
        "median band's ratio",
        "cohort sums",
        "cohort ratio",
    ):
        table.add_column(name, justify="right")
    for row in document["rows"]:
        bands, totals = row["bands"], row["cohorts"]
        table.add_row(
            row["bounds"],
            row["epsilon"],
            bands["drawn"]["median"],
            bands["drawn"]["nine_in_ten"],
            bands["usable_percent"],
            bands["ratio"]["median"],
            totals["drawn"]["median"],
            totals["ratio"]["median"],
        )
    return table


def _play(
    plan: Plan,
    members: Sequence[Member],
    cells: Sequence[Sequence[Member]],
    source: random.Random,
    bands: _Errors,
    totals: _Errors,
) -> None:
    """Draw every member's share once; what a total has is the sum of its bands'."""
    middle = _middle(cells)
    total = dict.fromkeys(shares_of(plan), 0)
    cohort_level = {m.name for m in plan.measures_at(Level.COHORT)}
    for index, cell in enumerate(cells):
        noise = _drawn(plan, len(cell), source)
        total = {name: total[name] + noise[name] for name in total}
        banded = {name: off for name, off in noise.items() if name not in cohort_level}
        bands.add(plan, cell, banded)
        if index == middle:
            bands.add_ratio(plan, cell, banded)
    totals.add(plan, members, total)
    totals.add_ratio(plan, members, total)


def _play_total(
    plan: Plan, members: Sequence[Member], source: random.Random, totals: _Errors
) -> None:
    """A plan without bands that asks for nine tenths of its roster, whose shares are smaller."""
    least = max(plan.policy.minimum_cohort, len(members) * 9 // 10)
    plan = replace(plan, policy=replace(plan.policy, minimum_cohort=least))
    total = _drawn(plan, len(members), source)
    totals.add(plan, members, total)
    totals.add_ratio(plan, members, total)


def _drawn(plan: Plan, members: int, source: random.Random) -> dict[str, int]:
    """The noise of a sum of so many members, by measure."""
    shares = shares_of(plan)
    each = [draw(shares, source.getrandbits) for _ in range(members)]
    return {name: sum(own[name] for own in each) for name in shares}


def _bands(plan: Plan, members: Sequence[Member]) -> list[list[Member]]:
    """The members of each band that trustees would publish; none if the cohort is withheld."""
    layout = Layout(plan, DEFAULT_MODULUS_BITS)
    ranked = plan.sums_indicator
    if ranked is None:
        return []
    bands = decide(plan, layout, members).ranking(ranked.name)
    places = [layout.bins_of(member)[ranked.name] for member in members]
    return [
        [m for m, place in zip(members, places, strict=True) if band.first <= place < band.end]
        for band in bands
    ]


def _middle(cells: Sequence[Sequence[Member]]) -> int:
    """The band that holds the median member."""
    half, seen = sum(map(len, cells)) / 2, 0
    for index, cell in enumerate(cells):
        seen += len(cell)
        if seen >= half:
            return index
    return 0


def _bounds(cohorts: Cohorts) -> Iterator[tuple[str, list[dict[str, int]], bool]]:
    """By name, the bounds of each cohort's measures, and whether totals alone are published.

    The closer ones are read off the data, which no operator can do: they are the best case.
    """
    plans = [plan for plan, _ in cohorts]
    yield "as in the plan", [{m.name: m.bound for m in plan.measures} for plan in plans], False
    names = [m.name for m in plans[0].measures]
    largest = [{n: max(member[n] for member in members) for n in names} for _, members in cohorts]
    widest = {name: max(found[name] for found in largest) for name in names}
    yield "close, one for all", [{n: _round_up(v) for n, v in widest.items()}] * len(plans), False
    own = [{n: _round_up(v) for n, v in found.items()} for found in largest]
    yield "close, by cohort", own, False
    yield "totals only, close", own, True


def _round_up(value: int) -> int:
    """The least of 1, 2, 5, 10, 20 ... that is not below ``value``."""
    power = int("1" + "0" * (len(str(value)) - 1))
    return min(step * power for step in (1, 2, 5, 10) if step * power >= value)


def _with(plan: Plan, bounds: Mapping[str, int], noise: Noise) -> Plan:
    measures = tuple(replace(m, bound=max(bounds[m.name], m.minimum, 1)) for m in plan.measures)
    return replace(plan, measures=measures, noise=noise)


def _percent(part: int, whole: int) -> float:
    return float(Fraction(100 * part, whole)) if whole else float("inf")


def _document(errors: _Errors) -> dict[str, Any]:
    usable = sum(error <= USABLE_PERCENT for error in errors.drawn)
    return {
        "sums": len(errors.drawn),
        "usable_percent": f"{100 * usable / len(errors.drawn):.1f}" if errors.drawn else None,
        "drawn": _summary(errors.drawn),
        "ratio": _summary(errors.ratios),
        "printed_median": {
            name: _summary(found)["median"] for name, found in errors.printed.items()
        },
    }


def _summary(errors: Iterable[float]) -> dict[str, str | None]:
    ordered = sorted(errors)
    if not ordered:
        return {"median": None, "nine_in_ten": None}
    return {
        "median": _text(ordered[ceil(0.5 * len(ordered)) - 1]),
        "nine_in_ten": _text(ordered[ceil(0.9 * len(ordered)) - 1]),
    }


def _text(percent: float) -> str:
    """Three digits; ``none`` where noise leaves no figure, such as a ratio without a divisor."""
    if isinf(percent):
        return "none"
    return f"{percent:.3g}" if percent < 1000 else f"{percent:.0f}"
