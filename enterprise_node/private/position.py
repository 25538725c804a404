"""Where the enterprise stands: computed here from a published release and its own integers.

Nothing of this leaves the node. Percentile ranges come from the bands' counts, distances from the
published ratios, the K grade from the cohort's two sums, the target from the band's row of
``targets.csv``. All values are exact until they are written as text.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from accounting.errors import ModelError
from accounting.grade import ValueBasis, carbon_intensity, grade
from enterprise_node.errors import ReleaseRefused
from enterprise_node.private import release_values as values
from enterprise_node.private.backends import NO_DOMINANCE, NOT_VERIFIABLE, Backend
from enterprise_node.private.intake import OwnMeasures

_HALF = Fraction(1, 2)


@dataclass(frozen=True, repr=False)
class Standing:
    """The place in one ranking. ``band`` counts from 1 in ascending order of the indicator.

    ``better_than`` is the range of the cohort's share, in percent, that is certainly and at most
    less efficient or in the same band. ``to_median`` and ``to_best`` are own value over the
    published one, minus 1, in percent, positive when the own value is larger; so is ``to_cohort``,
    where the published one is the ratio of the cohort's totals. ``best_share``: which share of the
    members the best decile's mean is really of; ``best_withheld``: why there is none.
    """

    indicator: str
    unit: str
    own: str
    cohort: str | None
    band: int | None = None
    bands: int | None = None
    interval: tuple[str | None, str | None] | None = None
    members_in_band: int | None = None
    better_than: tuple[str, str] | None = None
    to_median: str | None = None
    to_best: str | None = None
    best_share: str | None = None
    best_withheld: str | None = None
    withheld: str | None = None
    to_cohort: str | None = None


@dataclass(frozen=True)
class Peers:
    """The smallest published cell of the release's table that the enterprise is in.

    ``path`` is empty for the total; ``figures`` are its indicators with their units.
    """

    path: str
    members: int
    figures: Mapping[str, str]


@dataclass(frozen=True, repr=False)
class Position:
    """Everything a node tells its owner after a release.

    ``notes``: what the release is not, in words: bands, control of dominance, verification.
    """

    enterprise: str
    cohort: str
    members: int | None
    withheld: str | None
    standings: tuple[Standing, ...] = ()
    grade: int | None = None
    k: str | None = None
    targets: Mapping[str, str] = field(default_factory=dict)
    peers: Peers | None = None
    notes: tuple[str, ...] = ()

    def document(self) -> dict[str, object]:
        """As JSON."""
        return asdict(self)

    def lines(self) -> list[str]:
        """As text for a terminal."""
        lines = [f"{self.enterprise} in cohort {self.cohort} ({self.members or 'few'} members)"]
        if self.withheld is not None:
            return [*lines, f"  withheld: {self.withheld}"]
        for standing in self.standings:
            lines += _standing_lines(standing)
        if self.peers is not None:
            figures = "; ".join(f"{name} {text}" for name, text in self.peers.figures.items())
            cell = self.peers.path or "all"
            lines.append(f"  own cell {cell} ({self.peers.members} members): {figures}")
        if self.grade is not None:
            lines.append(f"  carbon-efficiency grade {self.grade} of 5 (K = {self.k}; 1 is best)")
        lines += [f"  {note}" for note in self.notes]
        for strategy, rate in self.targets.items():
            lines.append(f"  target under {strategy}: reduce by {rate} of own emissions")
        return [*lines, "  This is computed on this machine and shown to nobody else."]


def position(
    document: Mapping[str, Any], own: OwnMeasures, targets: Mapping[int, Mapping[str, str]] | None
) -> Position:
    """The position of an enterprise in a release.

    :param document: the release document of its cohort.
    :param targets: r by strategy for each band number, from :func:`read_targets`.
    :raises ReleaseRefused: the document is of another cohort, or has measures this node lacks.
    """
    if document.get("cohort") != own.cohort:
        raise ReleaseRefused(
            f"the release is of cohort {document.get('cohort')!r}, this node's is {own.cohort!r}"
        )
    try:
        members = values.members(document.get("n"))
        withheld = values.reason(document.get("withheld"))
        if withheld is not None:
            return Position(own.enterprise, own.cohort, members, withheld)
        standings = tuple(
            _standing(name, item, document, own) for name, item in document["indicators"].items()
        )
        number, k = _grade(document, own)
        peers = _peers(document, own)
    except (KeyError, TypeError, ValueError, ArithmeticError, AttributeError) as error:
        raise ReleaseRefused(f"the release does not fit this node's measures: {error}") from error
    band = next((s.band for s in standings if s.indicator == document.get("ranking")), None)
    return Position(
        enterprise=own.enterprise,
        cohort=own.cohort,
        members=members,
        withheld=None,
        standings=standings,
        grade=number,
        k=k,
        targets=dict((targets or {}).get(band or 0, {})),
        peers=peers,
        notes=_notes(document),
    )


def _notes(document: Mapping[str, Any]) -> tuple[str, ...]:
    """What a release of totals is not; nothing for others."""
    if document.get("backend") != Backend.TOTALS.value:
        return ()
    return (
        "this release has totals of the cohort only, and no bands to find a place in",
        f"note: {NO_DOMINANCE}",
        f"note: {NOT_VERIFIABLE}",
    )


def read_targets(path: Path, cohort: str) -> dict[int, dict[str, str]]:
    """r by strategy for each band of a cohort in a ``targets.csv``."""
    found: dict[int, dict[str, str]] = {}
    try:
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                if row["cohort"].lstrip("'") == cohort:
                    found.setdefault(int(row["band"]), {})[row["strategy"]] = row["r"]
    except (OSError, KeyError, TypeError, ValueError, AttributeError, csv.Error) as error:
        raise ReleaseRefused(f"cannot read {path} as targets: {error}") from error
    return found


def _standing(
    name: str, item: Mapping[str, Any], document: Mapping[str, Any], own: OwnMeasures
) -> Standing:
    numerator, denominator = (own.integers[item[side]] for side in ("numerator", "denominator"))
    unit, published = values.word(item["unit"]), values.published(item.get("value"))
    if denominator == 0:
        why = f"the own {item['denominator']} is zero"
        return Standing(name, unit, "not defined", published, withheld=why)
    own_value = values.number(item["scale"]) * numerator / denominator
    mean = None if published is None else values.number(published)
    away = values.distance(own_value, mean)
    base = Standing(name, unit, values.text(own_value), published, to_cohort=away)
    ranking = document["rankings"].get(name)
    if ranking is None:
        return base
    if ranking.get("withheld"):
        return replace(base, withheld=values.reason(ranking["withheld"]))
    bands = ranking["bands"]
    index = _band_index(own_value, bands)
    counts = [values.count(band["n"]) for band in bands]
    members, below, above = sum(counts), sum(counts[:index]), sum(counts[index + 1 :])
    worse, better = (below, above) if item["direction"] == "higher" else (above, below)
    median = next(
        (
            values.number(c["value"])
            for c in ranking["cut_points"]
            if c.get("value") is not None and values.number(c["target"]) == _HALF
        ),
        None,
    )
    return replace(
        _beside_the_best(base, document, own_value, members),
        band=index + 1,
        bands=len(bands),
        interval=(values.published(bands[index]["lower"]), values.published(bands[index]["upper"])),
        members_in_band=counts[index],
        better_than=(
            values.percent(Fraction(worse, members)),
            values.percent(1 - Fraction(better, members)),
        ),
        to_median=values.distance(own_value, median),
    )


def _beside_the_best(
    base: Standing, document: Mapping[str, Any], own: Fraction, members: int
) -> Standing:
    """With the distance to the best decile's mean, and what that really is the mean of."""
    best = document.get("best_decile") or {}
    if best.get("indicator") != base.indicator:
        return base
    if best.get("value") is None:  # withheld for its share, or noise left no ratio
        return replace(base, best_withheld=values.reason(best.get("withheld")))
    return replace(
        base,
        to_best=values.distance(own, values.number(best["value"])),
        best_share=values.percent(Fraction(values.count(best["n"]), members)),
    )


def _peers(document: Mapping[str, Any], own: OwnMeasures) -> Peers | None:
    """None where the release has no table, or publishes no cell that holds the own category."""
    inside = [
        cell
        for cell in document.get("table", ())
        if cell["withheld"] is None
        and cell["n"]
        and own.category is not None
        and f"{own.category}/".startswith(f"{cell['path']}/" if cell["path"] else "")
    ]
    if not inside:
        return None
    cell = max(inside, key=lambda one: len(one["path"]))
    figures = {
        values.word(name): f"{values.published(item['value'])} {values.word(item['unit'])}"
        for name, item in cell["indicators"].items()
        if item["value"] is not None  # as noise may leave it
    }
    return Peers(values.word(cell["path"]), values.count(cell["n"]), figures)


def _band_index(value: Fraction, bands: Sequence[Mapping[str, Any]]) -> int:
    for index, band in enumerate(bands):
        if band["upper"] is None or value < values.number(band["upper"]):
            return index
    return len(bands) - 1


def _grade(document: Mapping[str, Any], own: OwnMeasures) -> tuple[int | None, str | None]:
    """Grade and K by the indicator whose bands carry sums, if it relates value to emissions."""
    item = document["indicators"].get(document.get("ranking"))
    if item is None:
        return None, None
    value, emissions = item["numerator"], item["denominator"]
    if item["direction"] == "lower":
        value, emissions = emissions, value
    sums = document["measures"]
    if "CO2" not in own.units[emissions] or "CO2" in own.units[value]:
        return None, None
    basis = ValueBasis.OUTPUT_VALUE
    try:
        result = grade(
            carbon_intensity(own.integers[emissions], own.integers[value], basis),
            carbon_intensity(int(sums[emissions]["value"]), int(sums[value]["value"]), basis),
        )
    except ModelError:
        return None, None
    return result.grade, values.text(result.k)


def _standing_lines(standing: Standing) -> list[str]:
    head = f"  {standing.indicator}: {standing.own} {standing.unit}"
    if standing.cohort is not None:
        head += f" (cohort {values.text(Fraction(standing.cohort))})"
    if standing.withheld is not None:
        return [head, f"    ranking withheld: {standing.withheld}"]
    if standing.band is None or standing.better_than is None or standing.interval is None:
        away = standing.to_cohort
        return [head, *([f"    {away} from the cohort's mean"] if away is not None else [])]
    low, high = (None if e is None else values.text(Fraction(e)) for e in standing.interval)
    place = f"below {high}" if low is None else f"{low} to {high}" if high else f"{low} and above"
    lines = [
        head,
        f"    band {standing.band} of {standing.bands} ({place}), with "
        f"{standing.members_in_band} members; more efficient than {standing.better_than[0]} to "
        f"{standing.better_than[1]} of the cohort",
    ]
    if standing.to_median is not None:
        lines.append(f"    {standing.to_median} from the median")
    if standing.to_best is not None:
        share = f"the best {standing.best_share} of the cohort"
        lines.append(f"    {standing.to_best} from the best decile's mean, here of {share}")
    if standing.best_withheld is not None:
        lines.append(f"    no best decile's mean: {standing.best_withheld}")
    return lines
