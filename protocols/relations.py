"""How the measures of a plan relate: what a reader of some of them can compute of others.

A plan declares identities that hold for every member, and pairs for which there is none. The
linter (:mod:`protocols.plan_lint`) derives from them which figures must have size classes; nodes
check that their own integers fulfil them (:func:`broken`). SPEC.md section 4.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from protocols.errors import PlanError
from protocols.plan_terms import check_text
from protocols.wire import codec
from protocols.wire import messages_pb2 as pb

MAX_RELATIONS = 64
MAX_PARTS = 256
"""Parts of all relations together; with :data:`MAX_FACTOR_BITS` it bounds what linting costs."""
MAX_FACTOR_BITS = 64
MAX_UNRELATED = 32


@dataclass(frozen=True)
class Part:
    """``factor * measure``, one term of a total.

    ``factor``: units of the total in one of the part (3.6 MJ a kWh), exact and positive; None where
    it is not one public number because members use their own (grid factors of their regions). A
    reader can then only estimate the rest, and nodes check an inequality only.
    """

    measure: str
    factor: Fraction | None = Fraction(1)

    def __post_init__(self) -> None:
        factor = self.factor
        if factor is None:
            return
        if not isinstance(factor, Fraction) or factor <= 0:
            raise PlanError(f"the factor of part {self.measure!r} must be exact and positive")
        if max(factor.numerator, factor.denominator).bit_length() > MAX_FACTOR_BITS:
            raise PlanError(
                f"the factor of part {self.measure!r} is limited to {MAX_FACTOR_BITS} bits"
            )


@dataclass(frozen=True)
class Relation:
    """``total = sum of the parts + remainder``, for every member.

    ``remainder`` names a measure in the total's unit, mostly a guard; empty when there is none.
    ``complete``: there is nothing beside the parts. Neither: there is a rest that nothing classes,
    which the linter refuses as soon as a reader could compute it. Raises :class:`PlanError`.
    """

    total: str
    parts: tuple[Part, ...]
    remainder: str = ""
    complete: bool = False

    def __post_init__(self) -> None:
        what = f"the relation of {self.total!r}"
        if not self.parts:
            raise PlanError(f"{what} has no parts: name at least one")
        names = [self.total, *self.terms]
        if len(set(names)) != len(names):
            raise PlanError(f"{what} names a measure twice: name each once, with its whole factor")
        if self.complete and self.remainder:
            raise PlanError(f"{what} is complete and has a remainder: choose one")
        if self.complete and any(part.factor is None for part in self.parts):
            raise PlanError(
                f"{what} has nothing beside its parts, so every part needs its factor; or give the "
                "lowest factor that anybody uses, and a remainder"
            )

    @property
    def terms(self) -> tuple[str, ...]:
        """The measures that the total is split into, the remainder last."""
        return (*(part.measure for part in self.parts), *([self.remainder] * bool(self.remainder)))

    @property
    def factors(self) -> dict[str, Fraction]:
        """The terms whose factor is public, with it; the remainder has 1."""
        found = {part.measure: part.factor for part in self.parts if part.factor is not None}
        return found | ({self.remainder: Fraction(1)} if self.remainder else {})

    @property
    def exact(self) -> bool:
        """Whether the total is the sum of terms with public factors, with nothing beside them."""
        known = len(self.factors) == len(self.terms)
        return known and (self.complete or bool(self.remainder))

    @property
    def tolerance(self) -> Fraction:
        """By how much integers may miss the relation that were rounded once each."""
        return (1 + sum(self.factors.values(), Fraction(0))) / 2


@dataclass(frozen=True)
class Unrelated:
    """Measures of which no two are tied by anything public, and the author's ``reason`` for it.

    A declaration: no program can check it. It stands in the signed plan for trustees and nodes to
    read. Raises :class:`PlanError`.
    """

    measures: tuple[str, ...]
    reason: str

    def __post_init__(self) -> None:
        if len(self.measures) < 2 or len(set(self.measures)) != len(self.measures):
            raise PlanError("unrelated: name two measures or more, each once")
        check_text(f"the reason why {' and '.join(self.measures[:3])} are unrelated", self.reason)


def check_size(relations: tuple[Relation, ...], unrelated: tuple[Unrelated, ...]) -> None:
    """Refuse more declarations than a linter should read. Raises :class:`PlanError`."""
    if len(relations) > MAX_RELATIONS or len(unrelated) > MAX_UNRELATED:
        raise PlanError(
            f"a plan has at most {MAX_RELATIONS} relations and {MAX_UNRELATED} entries of unrelated"
        )
    if sum(len(relation.parts) for relation in relations) > MAX_PARTS:
        raise PlanError(f"the relations of a plan have at most {MAX_PARTS} parts together")


def broken(relations: tuple[Relation, ...], integers: Mapping[str, int]) -> list[Relation]:
    """The relations that one member's own integers do not fulfil; for nodes, on the private side.

    Every integer was rounded once, so it is off by 1/2 at most; a relation is off by at most half
    the sum of its coefficients. Where a rest or a factor is not known the terms may fall short of
    the total, but never exceed it. Relations about measures that the member lacks are left out.
    """
    return [r for r in relations if _is_known(r, integers) and not _holds(r, integers)]


def _is_known(relation: Relation, integers: Mapping[str, int]) -> bool:
    return all(name in integers for name in (relation.total, *relation.terms))


def _holds(relation: Relation, integers: Mapping[str, int]) -> bool:
    terms = sum(factor * integers[name] for name, factor in relation.factors.items())
    rest = integers[relation.total] - terms
    return -relation.tolerance <= rest and (not relation.exact or rest <= relation.tolerance)


def relation_message(relation: Relation) -> pb.Relation:
    """The wire form. :meth:`Plan.to_bytes` calls it."""
    return pb.Relation(
        total=relation.total,
        parts=[
            pb.Part(
                measure=part.measure,
                factor=None if part.factor is None else codec.encode_rational(part.factor),
            )
            for part in relation.parts
        ],
        remainder=relation.remainder,
        complete=relation.complete,
    )


def read_relation(message: pb.Relation) -> Relation:
    """Read the wire form. Raises :class:`PlanError` and :class:`MalformedMessage`."""
    return Relation(
        message.total,
        tuple(
            Part(p.measure, codec.decode_rational(p.factor) if p.HasField("factor") else None)
            for p in message.parts
        ),
        message.remainder,
        message.complete,
    )
