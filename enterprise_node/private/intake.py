"""From records and a mapping to the integers of one enterprise, and their fit to a plan's terms.

The accounting package computes; this module picks the enterprise, keeps what has to be stored and
refuses measures that a plan cannot take: another unit, another definition, outside its bounds, a
zero denominator. A value is refused, never clipped and never converted silently.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from accounting.measures import EnterpriseMeasures, Intake, compute_file
from accounting.plants import sum_plants
from enterprise_node.errors import IntakeRefused, NodeUsageError
from protocols.errors import ContributionRefused
from protocols.plan_terms import Indicator, Measure
from protocols.relations import Relation, broken
from protocols.table import Table

MAX_REASONS = 5


@dataclass(frozen=True, repr=False)
class OwnMeasures:
    """One enterprise's integers and everything that says what they mean.

    ``definitions`` are pairs of name and text; ``excluded`` is the reason why the row cannot take
    part, or None. ``plants`` is the number of rows that were summed. ``category`` is
    the enterprise's leaf in tables, as private as a value. ``period`` is what the mapping says that
    the records are of; None if it does not say. The object's text form shows no value.
    """

    enterprise: str
    cohort: str
    group: str
    integers: Mapping[str, int]
    units: Mapping[str, str]
    definitions: tuple[tuple[str, str], ...]
    findings: tuple[str, ...]
    notes: tuple[str, ...]
    excluded: str | None
    records_sha256: str
    mapping_sha256: str
    plants: int = 1
    category: str | None = None
    period: str | None = None

    def __repr__(self) -> str:
        return f"<OwnMeasures of {self.enterprise!r}: {len(self.integers)} measures>"


def read_own(
    records: Path,
    mapping: Path,
    enterprise: str | None = None,
    plants: int = 1,
    enrolled: str | None = None,
) -> OwnMeasures:
    """The measures of one enterprise of a records file.

    :param enterprise: its id; may be left out when the file has one row.
    :param plants: how many rows it has, one for each plant; they are summed.
    :param enrolled: the id that is taken when none is named and the file has several.
    :raises AccountingError: the file or the mapping cannot be used, or has other rows.
    :raises NodeUsageError: the file has several enterprises and none was named.
    """
    if plants > 1:
        if enterprise is None:
            raise NodeUsageError("name the enterprise whose plants are summed with --enterprise ID")
        intake = compute_file(records, mapping, plants_of=enterprise)
        summed = of_row(intake, sum_plants(intake, enterprise, plants))
        return replace(summed, plants=plants)
    intake = compute_file(records, mapping)
    if enterprise is None:
        if len(intake.enterprises) == 1:
            return of_row(intake, intake.enterprises[0])
        if enrolled is None or not any(row.enterprise == enrolled for row in intake.enterprises):
            raise NodeUsageError(
                f"{records} holds {len(intake.enterprises)} enterprises; name yours with "
                "--enterprise ID"
            )
        enterprise = enrolled
    return of_row(intake, intake.of(enterprise))


def of_row(intake: Intake, row: EnterpriseMeasures) -> OwnMeasures:
    """The measures of one row of an intake that was computed already."""
    return OwnMeasures(
        enterprise=row.enterprise,
        cohort=row.cohort,
        group=row.group or row.enterprise,
        integers=row.integers,
        units={name: value.unit for name, value in row.values.items()},
        definitions=intake.definitions,
        findings=tuple(str(finding) for finding in row.findings),
        notes=row.notes,
        excluded=row.excluded,
        records_sha256=intake.file_hash,
        mapping_sha256=intake.mapping_hash,
        category=row.category,
        period=intake.period,
    )


def require_usable(own: OwnMeasures) -> None:
    """Raise :class:`IntakeRefused` naming the findings when the row cannot take part."""
    if own.excluded is not None:
        found = "; ".join(own.findings[:MAX_REASONS]) or own.excluded
        if own.plants > 1:
            found = own.excluded  # which names the rows, and what sets the plants apart
        more = len(own.findings) - MAX_REASONS
        rest = f"; and {more} more (cefed node check shows them)" if more > 0 else ""
        raise IntakeRefused(f"{own.enterprise} cannot take part: {found}{rest}")


def category_reasons(own: OwnMeasures, table: Table | None) -> list[str]:
    """Why this enterprise has no place in a plan's table; its category is not told."""
    if table is None:
        return []
    try:
        table.leaf_of(own.category)
    except ContributionRefused as error:
        return [str(error)]
    return []


def value_reasons(
    integers: Mapping[str, int], measures: Iterable[Measure], indicators: Iterable[Indicator]
) -> list[str]:
    """Why these integers cannot enter a plan: outside a bound, or a ratio without a denominator."""
    reasons = []
    for measure in measures:
        value = integers.get(measure.name)
        if value is None:
            continue  # the mapping lacks the measure: a matter of meaning
        if value > measure.bound:
            reasons.append(
                f"measure {measure.name!r} is over the plan's bound of {measure.bound} "
                f"{measure.unit}: check the reading and its unit; values are never clipped"
            )
        elif value < measure.minimum:
            reasons.append(
                f"measure {measure.name!r} is under the plan's minimum of {measure.minimum} "
                f"{measure.unit}: check the reading and its unit"
            )
    for indicator in indicators:
        if indicator.bins and integers.get(indicator.denominator) == 0:
            reasons.append(
                f"indicator {indicator.name!r} has a zero denominator ({indicator.denominator!r} "
                "is 0): the ratio does not exist, so this enterprise cannot be ranked"
            )
    return reasons


def relation_reasons(own: OwnMeasures, relations: tuple[Relation, ...]) -> list[str]:
    """Where the own integers contradict what the plan says of all members, beyond rounding.

    What a relation calls the remainder has to be it: its size classes stand for a figure that a
    reader can compute. A remainder that would be negative is such a contradiction.
    """
    return [
        f"measure {relation.total!r} is not the sum of {' and '.join(map(repr, relation.terms))} "
        "with the plan's factors, as its relation says: check the readings and how the mapping "
        "computes them"
        for relation in broken(relations, own.integers)
    ]


def period_reasons(own: OwnMeasures, period: str) -> list[str]:
    """Why figures that the mapping says are of one period cannot enter a plan of another."""
    if own.period in (None, period):
        return []
    return [
        f"the figures are those of {own.period!r} by the mapping, and the plan is for {period!r}: "
        "import the records of that period, with period in the mapping"
    ]


def meaning_reasons(
    own: OwnMeasures, measures: Iterable[Measure], definitions: Iterable[tuple[str, str]]
) -> list[str]:
    """Where the plan and the own mapping mean different things: units and definitions.

    Every definition of the plan must stand in the mapping with the same text and the reverse:
    sums over different scopes, factor sets or conventions would mean nothing.
    """
    reasons = []
    for measure in measures:
        unit = own.units.get(measure.name)
        if unit is None:
            reasons.append(f"the mapping yields no measure {measure.name!r}, which the plan needs")
        elif unit != measure.unit:
            reasons.append(
                f"measure {measure.name!r} is in {unit} by the mapping and in {measure.unit} by "
                f"the plan: set unit = {measure.unit!r} in the mapping and import again"
            )
    plan_side = dict(definitions)
    own_side = {name.replace("/", "_"): text for name, text in own.definitions}
    for name in sorted(plan_side.keys() | own_side.keys()):
        ours, theirs = own_side.get(name), plan_side.get(name)
        if ours != theirs:
            reasons.append(
                f"definition {name!r} is {_quoted(ours)} by the mapping and {_quoted(theirs)} by "
                "the plan: mixed definitions are not summed"
            )
    return reasons


def _quoted(text: str | None) -> str:
    return "absent" if text is None else repr(text)
