"""The plan of a round: everything the parties agree on before a value is encrypted.

The coordinator signs it; its hash is in every message of the round. A :class:`Plan` that exists is
valid: the constructor refuses every other. Nodes and trustees read it with :meth:`Plan.from_bytes`
and so check it themselves (SPEC.md section 4).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import pairwise

from protocols.errors import MalformedMessage, PlanError
from protocols.federated.terms import MOST_WAIT_SECONDS, Aggregation, Mode
from protocols.hashing import HASH_BYTES, domain_hash
from protocols.known_limits import PublicLimits
from protocols.noise_terms import Noise, noise_message, read_noise
from protocols.plan_lint import lint
from protocols.plan_terms import (
    MAX_TEXT,
    Direction,
    Indicator,
    Level,
    Measure,
    Policy,
    Ranking,
    check_name,
    check_text,
)
from protocols.public_limits import public_limits
from protocols.relations import (
    Part,
    Relation,
    Unrelated,
    check_size,
    read_relation,
    relation_message,
)
from protocols.splits import Plane, Splits
from protocols.table import Table
from protocols.term_messages import (
    indicator_message,
    measure_message,
    policy_message,
    read_indicator,
    read_measure,
    read_policy,
    read_table,
    table_message,
)
from protocols.wire import codec
from protocols.wire import messages_pb2 as pb

__all__ = [
    "Aggregation",
    "Direction",
    "Indicator",
    "Level",
    "Measure",
    "Mode",
    "Noise",
    "Part",
    "Plan",
    "Policy",
    "Ranking",
    "Relation",
    "Table",
    "Unrelated",
]

MAX_MEASURES = 128
MAX_INDICATORS = 128
MAX_RANKED = 16
MAX_DEFINITIONS = 64
MAX_DEFINITION_NAME = 64  # longer than a measure's: definitions of a measure carry its name
MAX_PARTICIPANTS = (1 << 20) - 1
MAX_PLAN_BYTES = 1 << 20
MAX_FINDINGS = 3
"""Findings of the linter that one refusal spells out."""
HASH_DOMAIN = "cefed/plan/v1"

_IDENTIFIER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)


@dataclass(frozen=True)
class Plan:
    """One cohort, one period, one round. See the class attributes' names in SPEC.md section 4.

    ``definitions``: pairs of name and text, sorted by name: scope boundary, factor sets, sector.
    ``roster_hash`` and ``key_id``: 32 bytes. ``participants``: size of the roster, which the
    headroom is proved for. ``opens_at`` and ``deadline``: seconds since 1970-01-01 UTC. ``table``:
    band-level measures are summed by its cells instead of by bands. ``aggregation``: the federated
    backend; in its mode ``totals`` there are no trustees, and ``key_id`` is empty.
    Raises :class:`PlanError`.
    """

    round_id: str
    cohort: str
    title: str
    period: str
    definitions: tuple[tuple[str, str], ...]
    measures: tuple[Measure, ...]
    indicators: tuple[Indicator, ...]
    policy: Policy
    roster_hash: bytes
    participants: int
    key_id: bytes
    opens_at: int
    deadline: int
    table: Table | None = None
    relations: tuple[Relation, ...] = ()
    unrelated: tuple[Unrelated, ...] = ()
    noise: Noise | None = None
    aggregation: Aggregation | None = None

    def __post_init__(self) -> None:
        self._check_frame()
        self._check_measures()
        self._check_indicators()
        self._check_table()
        self._check_relations()
        self._check_rankings()
        self._check_noise()
        self._check_aggregation()

    def measure(self, name: str) -> Measure:
        """The measure called ``name``; :class:`PlanError` if there is none."""
        for measure in self.measures:
            if measure.name == name:
                return measure
        raise PlanError(f"the plan has no measure {name!r}")

    def indicator(self, name: str) -> Indicator:
        """The indicator called ``name``; :class:`PlanError` if there is none."""
        for indicator in self.indicators:
            if indicator.name == name:
                return indicator
        raise PlanError(f"the plan has no indicator {name!r}")

    @cached_property
    def sums_indicator(self) -> Indicator | None:
        """The indicator whose bands carry sums, if any."""
        return next((i for i in self.indicators if i.ranking is Ranking.SUMS), None)

    @cached_property
    def ranked_indicators(self) -> tuple[Indicator, ...]:
        """Every indicator with bins, in plan order."""
        return tuple(i for i in self.indicators if i.ranking is not Ranking.NONE)

    @cached_property
    def public_limits(self) -> Mapping[str, PublicLimits]:
        """What every reader of the plan knows of each member's values, by measure."""
        return public_limits(self.measures, self.relations)

    @property
    def sections(self) -> int:
        """Sections of a contribution: bins of the sums ranking, or leaves of the table, or none."""
        if self.table is not None:
            return len(self.table.leaves)
        return self.sums_indicator.bins if self.sums_indicator else 0

    @property
    def mode(self) -> Mode | None:
        """Who enforces the policy of a federated round; None under Paillier."""
        return self.aggregation.mode if self.aggregation else None

    def measures_at(self, level: Level, *, published: bool | None = None) -> tuple[Measure, ...]:
        """The measures of a level in plan order; guards only or none of them, if asked for."""
        return tuple(
            m
            for m in self.measures
            if m.level is level and (published is None or m.published is published)
        )

    def to_bytes(self) -> bytes:
        """The canonical bytes that are signed and hashed."""
        return codec.encode(
            pb.Plan(
                round_id=self.round_id,
                cohort=self.cohort,
                title=self.title,
                period=self.period,
                definitions=[pb.Definition(name=n, value=v) for n, v in self.definitions],
                measures=[measure_message(m) for m in self.measures],
                indicators=[indicator_message(i) for i in self.indicators],
                policy=policy_message(self.policy),
                roster_hash=self.roster_hash,
                participants=self.participants,
                key_id=self.key_id,
                opens_at=self.opens_at,
                deadline=self.deadline,
                table=table_message(self.table),
                relations=[relation_message(r) for r in self.relations],
                unrelated=[
                    pb.Unrelated(measures=u.measures, reason=u.reason) for u in self.unrelated
                ],
                noise=noise_message(self.noise),
                aggregation=self.aggregation.to_message() if self.aggregation else None,
            )
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> Plan:
        """Read and check a plan.

        Raises :class:`MalformedMessage` for bytes that are not canonical and :class:`PlanError`
        for a plan that cannot be run.
        """
        message = codec.decode(pb.Plan, data, MAX_PLAN_BYTES)
        plan = cls(
            round_id=message.round_id,
            cohort=message.cohort,
            title=message.title,
            period=message.period,
            definitions=tuple((d.name, d.value) for d in message.definitions),
            measures=tuple(read_measure(m) for m in message.measures),
            indicators=tuple(read_indicator(i) for i in message.indicators),
            policy=read_policy(message.policy),
            roster_hash=message.roster_hash,
            participants=message.participants,
            key_id=message.key_id,
            opens_at=message.opens_at,
            deadline=message.deadline,
            table=read_table(message.table) if message.HasField("table") else None,
            relations=tuple(read_relation(r) for r in message.relations),
            unrelated=tuple(Unrelated(tuple(u.measures), u.reason) for u in message.unrelated),
            noise=read_noise(message.noise) if message.HasField("noise") else None,
            aggregation=(
                Aggregation.from_message(message.aggregation)
                if message.HasField("aggregation")
                else None
            ),
        )
        # The codec compared messages; this compares meanings, such as a policy that is absent.
        if plan.to_bytes() != data:
            raise MalformedMessage("Plan: not the canonical encoding of its content")
        return plan

    @cached_property
    def hash(self) -> bytes:
        """32 bytes that identify the plan in every message of its round."""
        return domain_hash(HASH_DOMAIN, self.to_bytes())

    def _check_frame(self) -> None:
        for what, text in (("round_id", self.round_id), ("cohort", self.cohort)):
            if not isinstance(text, str) or not _IDENTIFIER.fullmatch(text):
                raise PlanError(
                    f"{what} {text!r}: use 1 to 64 letters, digits, '.', '_' and '-',"
                    " beginning with a letter or digit"
                )
        check_text("title", self.title)
        check_text("period", self.period, 64)
        names = [name for name, _ in self.definitions]
        if names != sorted(set(names)) or len(names) > MAX_DEFINITIONS:
            raise PlanError(
                f"definitions must be sorted, named once each, at most {MAX_DEFINITIONS}"
            )
        for name, value in self.definitions:
            check_name("definition", name, MAX_DEFINITION_NAME)
            check_text(f"definition {name!r}", value, 4 * MAX_TEXT)
        for what, digest in (("roster_hash", self.roster_hash), ("key_id", self.key_id)):
            length = 0 if what == "key_id" and self.mode is Mode.TOTALS else HASH_BYTES
            if not isinstance(digest, bytes) or len(digest) != length:
                raise PlanError(f"{what} must be {length} bytes")
        if type(self.participants) is not int or not 1 <= self.participants <= MAX_PARTICIPANTS:
            raise PlanError(f"participants must be from 1 to {MAX_PARTICIPANTS}")
        if type(self.opens_at) is not int or type(self.deadline) is not int:
            raise PlanError("opens_at and deadline must be whole seconds")
        if not 0 <= self.opens_at < self.deadline < 1 << 63:
            raise PlanError("the deadline must be after opens_at: give a later deadline")

    def _check_measures(self) -> None:
        if not 1 <= len(self.measures) <= MAX_MEASURES:
            raise PlanError(f"a plan needs 1 to {MAX_MEASURES} measures")
        _refuse_repeated("measure", [m.name for m in self.measures])
        for guard in self.measures:
            for name in guard.protects:
                target = self.measure(name)
                if target.level is not Level.COHORT or not target.published:
                    raise PlanError(
                        f"{guard.name!r} protects {name!r}, which is not a published"
                        " cohort-level measure: name one that is"
                    )

    def _check_edges(self) -> None:
        ranked = self.ranked_indicators
        if len(ranked) > MAX_RANKED:
            raise PlanError(f"{len(ranked)} indicators are ranked; at most {MAX_RANKED} may be")
        for indicator in ranked:
            narrowest = 1 + Fraction(self.policy.dominance_percent, 100)
            if any(b < narrowest * a for a, b in pairwise(indicator.edges)):
                raise PlanError(
                    f"indicator {indicator.name!r}: a bin narrower than "
                    f"{self.policy.dominance_percent} % would tell a member's value more closely "
                    "than the policy allows; use fewer bins or a wider range"
                )

    def _check_rankings(self) -> None:
        """Cuts of two rankings of one ratio fall between each other and would show members.

        Two ratios of combinations of the same two figures are functions of each other: a cut of
        one is a cut of the other.
        """
        splits = Splits(self.measures, self.relations, factors_known=True)
        ranked: dict[Plane, Indicator] = {}
        for indicator in self.ranked_indicators:
            plane = splits.plane(indicator.numerator, indicator.denominator)
            other = ranked.setdefault(plane, indicator)
            if other is indicator:
                continue
            same = {other.numerator, other.denominator} == {
                indicator.numerator,
                indicator.denominator,
            }
            how = "" if same else ", as the relations say"
            raise PlanError(
                f"{other.name!r} and {indicator.name!r} rank by the same two measures{how}: their "
                "counts could be subtracted; rank one of them and give the other ranking = 'none'"
            )

    def _check_indicators(self) -> None:
        if len(self.indicators) > MAX_INDICATORS:
            raise PlanError(f"a plan has at most {MAX_INDICATORS} indicators")
        _refuse_repeated("indicator", [i.name for i in self.indicators])
        for indicator in self.indicators:
            for name in (indicator.numerator, indicator.denominator):
                measure = self.measure(name)
                if not measure.published:
                    raise PlanError(
                        f"indicator {indicator.name!r} uses the guard {name!r}, which is never"
                        " summed: use published measures"
                    )
                if indicator.ranking is Ranking.SUMS and measure.level is not Level.BAND:
                    raise PlanError(
                        f"indicator {indicator.name!r} ranks sums, so {name!r} must have"
                        " level = 'band'"
                    )
        self._check_edges()
        sums = [i.name for i in self.indicators if i.ranking is Ranking.SUMS]
        if len(sums) > 1:
            raise PlanError(
                f"only one indicator may rank with sums, not {' and '.join(sums)}: two partitions"
                " of the same members could be subtracted; give the others ranking = 'counts'"
            )
        if not sums and self.table is None and self.measures_at(Level.BAND):
            raise PlanError(
                "band-level measures need an indicator with ranking = 'sums' or a table:"
                " add one, or give the measures level = 'cohort'"
            )

    def _check_table(self) -> None:
        """Bands and cells would be two partitions of the same sums."""
        if self.table is None:
            return
        if self.sums_indicator is not None:
            raise PlanError(
                f"a plan publishes sums by {self.sums_indicator.name!r} or by the table "
                f"{self.table.name!r}, not both: a band less a cell could be one enterprise, and "
                "the classes of every band in every cell would have to be opened; give the "
                "indicator ranking = 'counts', or make two rounds of different members"
            )
        if not self.measures_at(Level.BAND, published=True):
            raise PlanError(
                f"the table {self.table.name!r} has nothing to publish: give a measure"
                " level = 'band'"
            )

    def _check_relations(self) -> None:
        """What a reader can compute has size classes, as far as the plan declares what that is."""
        check_size(self.relations, self.unrelated)
        findings = lint(self.measures, self.relations, self.unrelated, table=self.table is not None)
        if findings:
            more = len(findings) - MAX_FINDINGS
            rest = [f"and {more} more like these"] if more > 0 else []
            raise PlanError(". ".join([*map(str, findings[:MAX_FINDINGS]), *rest]))

    def _check_noise(self) -> None:
        if self.noise is None:
            return
        self.noise.honest(self.policy.minimum_cohort)
        if not any(measure.published for measure in self.measures):
            raise PlanError("noise: the plan publishes no sums to add it to; drop [noise]")

    def _check_aggregation(self) -> None:
        if self.aggregation is None:
            return
        self.aggregation.check(self.participants)
        if not 0 < self.aggregation.until - self.deadline <= MOST_WAIT_SECONDS:
            raise PlanError("aggregation: until must be after the deadline, by a year at most")
        if not any(measure.published for measure in self.measures):
            raise PlanError("aggregation: the plan publishes no sums to mask")
        if self.mode is Mode.TOTALS and self.noise is not None:
            raise PlanError(
                "aggregation: totals are exact, since nobody keeps an account of what noise has "
                "spent; drop [noise], or use the mode 'certified'"
            )


def _refuse_repeated(what: str, names: Sequence[str]) -> None:
    for name in names:
        if names.count(name) > 1:
            raise PlanError(f"{what} {name!r} is defined twice: rename one")
