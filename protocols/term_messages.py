"""The terms of a plan as messages, and back. Only :mod:`protocols.plan` calls it.

Reading makes the terms, which check themselves; the plan then compares its bytes with those that
came.
"""

from __future__ import annotations

from protocols.errors import PlanError
from protocols.plan_terms import Direction, Indicator, Level, Measure, Policy, Ranking
from protocols.table import Table
from protocols.wire import codec
from protocols.wire import messages_pb2 as pb


def policy_message(policy: Policy) -> pb.Policy:
    """The wire form of a policy."""
    return pb.Policy(
        minimum_cohort=policy.minimum_cohort,
        dominance_percent=policy.dominance_percent,
        largest_share_percent=policy.largest_share_percent,
        top_count=policy.top_count,
        top_share_percent=policy.top_share_percent,
        classes_per_octave=policy.classes_per_octave,
    )


def read_policy(message: pb.Policy) -> Policy:
    """Read a policy. Raises :class:`PlanError`."""
    return Policy(
        minimum_cohort=message.minimum_cohort,
        dominance_percent=message.dominance_percent,
        largest_share_percent=message.largest_share_percent,
        top_count=message.top_count,
        top_share_percent=message.top_share_percent,
        classes_per_octave=message.classes_per_octave,
    )


def measure_message(measure: Measure) -> pb.Measure:
    """The wire form of a measure."""
    return pb.Measure(
        name=measure.name,
        unit=measure.unit,
        minimum=codec.encode_uint(measure.minimum),
        bound=codec.encode_uint(measure.bound),
        level=measure.level.value,
        published=measure.published,
        protects=measure.protects,
    )


def read_measure(message: pb.Measure) -> Measure:
    """Read a measure. Raises :class:`PlanError` and :class:`MalformedMessage`."""
    try:
        level = Level(message.level)
    except ValueError as error:
        raise PlanError(f"measure {message.name!r}: unknown level {message.level!r}") from error
    return Measure(
        name=message.name,
        unit=message.unit,
        bound=codec.decode_uint(message.bound),
        minimum=codec.decode_uint(message.minimum),
        level=level,
        published=message.published,
        protects=tuple(message.protects),
    )


def table_message(table: Table | None) -> pb.Table | None:
    """The wire form of a table; None stands for no table."""
    return None if table is None else pb.Table(name=table.name, leaves=table.leaves)


def read_table(message: pb.Table) -> Table:
    """Read a table. Raises :class:`PlanError`."""
    return Table(message.name, tuple(message.leaves))


def indicator_message(indicator: Indicator) -> pb.Indicator:
    """The wire form of an indicator."""
    return pb.Indicator(
        name=indicator.name,
        unit=indicator.unit,
        numerator=indicator.numerator,
        denominator=indicator.denominator,
        scale=codec.encode_rational(indicator.scale),
        direction=indicator.direction.value,
        ranking=indicator.ranking.value,
        edges=[codec.encode_rational(edge) for edge in indicator.edges],
    )


def read_indicator(message: pb.Indicator) -> Indicator:
    """Read an indicator. Raises :class:`PlanError` and :class:`MalformedMessage`."""
    try:
        direction, ranking = Direction(message.direction), Ranking(message.ranking)
    except ValueError as error:
        raise PlanError(f"indicator {message.name!r}: unknown direction or ranking") from error
    return Indicator(
        name=message.name,
        unit=message.unit,
        numerator=message.numerator,
        denominator=message.denominator,
        scale=codec.decode_rational(message.scale),
        direction=direction,
        ranking=ranking,
        edges=tuple(codec.decode_rational(edge) for edge in message.edges),
    )
