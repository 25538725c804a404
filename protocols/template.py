"""Plan templates: the TOML file an operator writes, and the signed plan that is made from it.

A template names measures, indicators, bins and policy; period, roster, key and deadlines are filled
in for each round, so a template does not expire. Every number is exact: TOML floats are refused,
decimals are written as strings. docs/plans.md describes the file.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from protocols.bins import log_edges
from protocols.errors import PlanError
from protocols.federated.terms import Aggregation, Mode
from protocols.noise_terms import LEAST_DELTA, MOST_DELTA, Noise
from protocols.plan import (
    Direction,
    Indicator,
    Level,
    Measure,
    Part,
    Plan,
    Policy,
    Ranking,
    Relation,
    Table,
    Unrelated,
)
from protocols.plan_terms import MAX_BINS
from protocols.privacy_loss import loss_for
from protocols.profiles import STATISTICAL, finest_classes
from protocols.profiles import profile as named_profile

SMALL_COHORT = 100
SMALL_BINS, LARGE_BINS = 32, 64
"""Bins up to 100 members, and above, unless the template says otherwise."""

NO_REMAINDER = "none"

AGGREGATION_HOURS = 7 * 24
"""How long after the collection masked vectors are waited for, unless the template says."""

# A billion-digit number in ten characters would be computed before it could be refused.
_LONG_EXPONENT = re.compile(r"[eE][+-]?[0-9_]{4,}")


def _exact(value: object) -> Fraction:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError('write decimals as text, such as "0.5": a TOML float is not exact')
    if isinstance(value, str) and _LONG_EXPONENT.search(value):
        raise ValueError(f"{value!r} is not a number of usable size")
    try:
        return Fraction(value)
    except (ValueError, ZeroDivisionError):
        raise ValueError(f"{value!r} is not a number") from None


def _whole(value: object) -> int:
    exact = _exact(value)
    if exact.denominator != 1:
        raise ValueError(f"{value!r} is not a whole number")
    return exact.numerator


Exact = Annotated[Fraction, BeforeValidator(_exact)]
Whole = Annotated[int, BeforeValidator(_whole)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)


class _Head(_Table):
    title: str
    period: str | None = None


class _PolicyTable(_Table):
    """Numbers left out are those of the profile; without a profile, those of ``statistical``."""

    profile: str | None = None
    minimum_cohort: Whole | None = None
    dominance_percent: Whole | None = None
    largest_share_percent: Whole | None = None
    top_count: Whole | None = None
    top_share_percent: Whole | None = None
    classes_per_octave: Whole | None = None

    def policy(self) -> Policy:
        """:raises PlanError: numbers that make no policy, or are looser than the named profile."""
        base = named_profile(self.profile or STATISTICAL)
        numbers = self.model_dump(exclude={"profile", "classes_per_octave"}, exclude_none=True)
        made = replace(base, **numbers, classes_per_octave=1)
        made = replace(made, classes_per_octave=self.classes_per_octave or _classes(made))
        if self.profile is not None and not made.keeps(base):
            raise PlanError(
                f"policy: {_looser(made, base, numbers)} looser than its profile "
                f"{self.profile!r} ({base.describe()}); leave it out, make it stricter, or name "
                "no profile"
            )
        return made


def _looser(made: Policy, base: Policy, numbers: Iterable[str]) -> str:
    """The keys of a table's own ``numbers`` that make it looser than the profile, each by itself.

    All of them, should it take several together; and each half of an (n,k) rule that is no policy
    without the other.
    """
    own = tuple(numbers)
    found = [name for name in own if not _keeps_with(base, made, name)] or own
    listed = ", ".join(
        f"{name} = {getattr(made, name)} ({getattr(base, name)} there)" for name in found
    )
    return f"{listed} {'is' if len(found) == 1 else 'are'}"


def _keeps_with(base: Policy, made: Policy, name: str) -> bool:
    """Whether ``base`` with one number of ``made`` is as strict as before."""
    try:
        changed = replace(base, **{name: getattr(made, name)}, classes_per_octave=1)
    except PlanError:
        return False
    return changed.keeps(base)


def _classes(policy: Policy) -> int:
    """Those of the strictest profile that the numbers keep, as far as p allows."""
    wanted = named_profile(policy.profile).classes_per_octave if policy.profile else 1
    return min(wanted, finest_classes(policy.dominance_percent))


class _MeasureTable(_Table):
    name: str
    unit: str
    bound: Whole
    minimum: Whole = 0
    level: Level = Level.BAND
    published: bool = True
    protects: tuple[str, ...] = ()


class _PartTable(_Table):
    measure: str
    factor: Exact | None = None


class _RelationTable(_Table):
    total: str
    parts: tuple[_PartTable, ...]
    remainder: str = ""

    def relation(self) -> Relation:
        """``remainder = "none"`` says that nothing is beside the parts."""
        complete = self.remainder == NO_REMAINDER
        return Relation(
            self.total,
            tuple(Part(part.measure, part.factor) for part in self.parts),
            "" if complete else self.remainder,
            complete,
        )


class _UnrelatedTable(_Table):
    measures: tuple[str, ...]
    reason: str


class _Bins(_Table):
    lower: Exact
    upper: Exact
    count: Whole | None = None


class _IndicatorTable(_Table):
    name: str
    unit: str
    numerator: str
    denominator: str
    scale: Exact = Fraction(1)
    direction: Direction
    ranking: Ranking = Ranking.NONE
    bins: _Bins | None = None
    edges: tuple[Exact, ...] | None = None


class _TableTable(_Table):
    name: str
    leaves: tuple[str, ...]


class _NoiseTable(_Table):
    epsilon: Exact
    delta: Exact = Fraction(1, 10**6)
    colluding: Whole = 1
    budget: Exact | None = None

    def noise(self) -> Noise:
        """:raises PlanError: terms that no plan can have.

        The plan carries losses, which add up; people know epsilon.
        """
        if not LEAST_DELTA <= self.delta <= MOST_DELTA:
            raise PlanError(f"noise: delta is an exact number from {LEAST_DELTA} to {MOST_DELTA}")
        most = self.epsilon if self.budget is None else self.budget
        loss = loss_for(self.epsilon, self.delta)
        if not loss:
            raise PlanError(
                f"noise: an epsilon of {self.epsilon} is less than any plan can keep; give a larger"
                " one, such as 1"
            )
        return Noise(
            loss=loss,
            budget=loss_for(most, self.delta),
            delta=self.delta,
            colluding=self.colluding,
        )


class _AggregationTable(_Table):
    mode: Mode
    wait_hours: Whole = AGGREGATION_HOURS

    def aggregation(self, participants: int, deadline: int) -> Aggregation:
        """The terms for a roster of this size; the wait counts from the collection's end."""
        make = Aggregation.totals if self.mode is Mode.TOTALS else Aggregation.certified
        return make(participants, deadline + self.wait_hours * 3600)


class _File(_Table):
    # "schema" would shadow a method of pydantic's base class.
    version: Literal["cefed.plan/1"] = Field(alias="schema")
    plan: _Head
    definitions: dict[str, str] = Field(default_factory=dict)
    policy: _PolicyTable = _PolicyTable()
    measures: tuple[_MeasureTable, ...]
    indicators: tuple[_IndicatorTable, ...] = ()
    relations: tuple[_RelationTable, ...] = ()
    unrelated: tuple[_UnrelatedTable, ...] = ()
    table: _TableTable | None = None
    noise: _NoiseTable | None = None
    aggregation: _AggregationTable | None = None


@dataclass(frozen=True)
class PlanTemplate:
    """A template that was read; ``source`` is its file name, for messages."""

    source: str
    _file: _File

    @classmethod
    def load(cls, path: Path) -> PlanTemplate:
        """Read a template. :raises PlanError: naming file, place and what to do."""
        try:
            text = path.read_text(encoding="utf-8")
        except OSError as error:
            raise PlanError(f"cannot read plan template {path}: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise PlanError(f"{path} is not UTF-8: save it as UTF-8") from error
        return cls.parse(text, str(path))

    @classmethod
    def parse(cls, text: str, source: str = "plan template") -> PlanTemplate:
        """Read a template from text."""
        try:
            made = cls(source, _File.model_validate(tomllib.loads(text)))
            _ = made.policy
            return made
        except PlanError as error:
            raise PlanError(f"{source}: {error}") from error
        except ValidationError as error:
            raise PlanError(f"{source}: {_explain(error)}") from error
        # Besides its own error, tomllib lets out those of over-long integers and deep nesting.
        except (ValueError, RecursionError) as error:
            raise PlanError(f"{source} is not valid TOML: {error}") from error

    @property
    def title(self) -> str:
        """The title of every round made from this template; ``{cohort}`` stands for the cohort."""
        return self._file.plan.title

    @property
    def period(self) -> str | None:
        """The period the template names, if any; rounds may override it."""
        return self._file.plan.period

    @property
    def units(self) -> dict[str, str]:
        """The unit of each measure, by name."""
        return {m.name: m.unit for m in self._file.measures}

    @property
    def minimum_cohort(self) -> int:
        """Fewest members of a published cell."""
        return self.policy.minimum_cohort

    @property
    def policy(self) -> Policy:
        """The policy of every round made from this template. :raises PlanError: it is none."""
        return self._file.policy.policy()

    def instantiate(
        self,
        *,
        round_id: str,
        cohort: str,
        participants: int,
        roster_hash: bytes,
        key_id: bytes,
        opens_at: int,
        deadline: int,
        period: str | None = None,
        definitions: Mapping[str, str] | None = None,
        mode: Mode | None = None,
    ) -> Plan:
        """The plan of one round.

        :param definitions: what the members' mappings define; merged with the template's own.
        :param mode: of a federated round, in the place of the template's; in ``totals`` nobody
            holds a key, and ``key_id`` is empty.
        :raises PlanError: the same name defined differently, or a plan that cannot be run.
        """
        chosen = period or self.period
        if chosen is None:
            raise PlanError(f"{self.source}: name a period in [plan], or give one for the round")
        aggregation = self._file.aggregation
        if mode is not None and (aggregation is None or aggregation.mode is not mode):
            aggregation = _AggregationTable(mode=mode)
        try:
            return Plan(
                round_id=round_id,
                cohort=cohort,
                title=self.title.replace("{cohort}", cohort),
                period=chosen,
                definitions=self._definitions(definitions or {}),
                measures=tuple(
                    Measure(m.name, m.unit, m.bound, m.minimum, m.level, m.published, m.protects)
                    for m in self._file.measures
                ),
                indicators=tuple(_indicator(i, participants) for i in self._file.indicators),
                policy=self.policy,
                roster_hash=roster_hash,
                participants=participants,
                key_id=key_id,
                opens_at=opens_at,
                deadline=deadline,
                relations=tuple(r.relation() for r in self._file.relations),
                unrelated=tuple(Unrelated(u.measures, u.reason) for u in self._file.unrelated),
                table=_table(self._file.table),
                noise=None if self._file.noise is None else self._file.noise.noise(),
                aggregation=(
                    aggregation.aggregation(participants, deadline) if aggregation else None
                ),
            )
        except PlanError as error:
            raise PlanError(f"{self.source}: {error}") from error

    def _definitions(self, others: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
        merged = dict(others)
        for name, value in self._file.definitions.items():
            if merged.setdefault(name, value) != value:
                raise PlanError(
                    f"definition {name!r} is {value!r} in the template and {merged[name]!r} in the "
                    "mapping: mixed definitions are not summed; make them agree"
                )
        return tuple(sorted(merged.items()))


def _table(table: _TableTable | None) -> Table | None:
    return None if table is None else Table(table.name, table.leaves)


def _indicator(table: _IndicatorTable, participants: int) -> Indicator:
    return Indicator(
        name=table.name,
        unit=table.unit,
        numerator=table.numerator,
        denominator=table.denominator,
        scale=table.scale,
        direction=table.direction,
        ranking=table.ranking,
        edges=_edges(table, participants),
    )


def _edges(table: _IndicatorTable, participants: int) -> tuple[Fraction, ...]:
    """Edges of the raw integer ratio; the template gives them in the indicator's unit."""
    what = f"indicator {table.name!r}"
    if table.ranking is Ranking.NONE:
        if table.bins or table.edges:
            raise PlanError(f"{what} is not ranked and has no use for bins: drop them")
        return ()
    if table.scale <= 0:
        raise PlanError(f"{what}: the scale must be positive")
    if table.edges is not None and table.bins is None:
        return tuple(edge / table.scale for edge in table.edges)
    if table.bins is None or table.edges is not None:
        raise PlanError(f"{what} is ranked: give either bins = {{lower, upper}} or edges = [...]")
    default = SMALL_BINS if participants <= SMALL_COHORT else LARGE_BINS
    count = default if table.bins.count is None else table.bins.count
    if count > MAX_BINS:
        raise PlanError(f"{what}: {count} bins are too many, use at most {MAX_BINS} bins")
    edges = log_edges(table.bins.lower, table.bins.upper, count)
    return tuple(edge / table.scale for edge in edges)


def _explain(error: ValidationError) -> str:
    """The first few problems, each with its place in the file."""
    lines = [_problem(item) for item in error.errors()[:5]]
    return "; ".join(lines)


def _problem(item: Any) -> str:
    place = ".".join(str(part) for part in item["loc"])
    message = str(item["msg"]).removeprefix("Value error, ")
    if item["type"] == "extra_forbidden":
        message = "unknown key; see docs/plans.md for the known ones"
    return f"{place}: {message}"
