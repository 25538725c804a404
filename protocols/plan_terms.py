"""The terms a plan is written in: measure and indicator. Each checks itself when it is made.

Nothing here knows what is measured: a measure is a named bounded integer with a unit, an indicator
a ratio of two measures with a direction (SPEC.md section 4).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

from protocols.errors import PlanError
from protocols.profiles import Policy as Policy

MAX_BOUND_BITS = 200
MAX_RATIONAL_BITS = 256
MAX_BINS = 64
MAX_TEXT = 400

_NAME = re.compile(r"[a-z][a-z0-9_]*", re.ASCII)


class Level(StrEnum):
    """The finest aggregate a measure is opened for: each band, or the whole cohort only."""

    BAND = "band"
    COHORT = "cohort"


class Ranking(StrEnum):
    """What an indicator's order of members is used for.

    ``sums``: bands with sums of the band-level measures; at most one per plan, because two
    partitions of the same members could be subtracted from each other. ``counts``: counts and
    cut-points only. ``none``: a ratio of cohort totals.
    """

    SUMS = "sums"
    COUNTS = "counts"
    NONE = "none"


class Direction(StrEnum):
    """Which end of an indicator is the efficient one."""

    HIGHER = "higher"
    LOWER = "lower"


def check_name(what: str, name: str, most: int = 40) -> None:
    """Refuse a name that is not 1 to ``most`` lower-case letters, digits and underscores."""
    if not isinstance(name, str) or len(name) > most or not _NAME.fullmatch(name):
        raise PlanError(
            f"{what} {name!r}: use 1 to {most} of a-z, 0-9 and _, beginning with a letter"
        )


def check_text(what: str, text: str, most: int = MAX_TEXT) -> None:
    """Refuse text that is empty, too long, not printable or padded with blanks."""
    if not isinstance(text, str) or not text or text != text.strip():
        raise PlanError(f"{what}: text is needed, without blanks around it")
    if len(text) > most or not text.isprintable():
        raise PlanError(f"{what}: at most {most} printable characters on one line")


def _is_int(value: object) -> bool:
    return type(value) is int


@dataclass(frozen=True)
class Measure:
    """A bounded integer that every member contributes.

    ``unit``: of one count. ``minimum`` and ``bound``: smallest and largest accepted integer, both
    plausibility limits; a member outside takes no part. ``level``: see :class:`Level`.
    ``published=False`` makes it a guard: its size classes are opened and must pass the policy, its
    sum is never opened. A guard stands for a figure that a reader could derive, such as a total
    minus a published part. A cohort-level guard names in ``protects`` the cohort-level measures
    that are withheld with it, and so may a published one that others would show when it is
    withheld; a band-level measure guards every band as a whole and names none.
    """

    name: str
    unit: str
    bound: int
    minimum: int = 0
    level: Level = Level.BAND
    published: bool = True
    protects: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_name("measure", self.name)
        what = f"measure {self.name!r}"
        check_text(f"{what}: unit", self.unit, 40)
        if not (_is_int(self.bound) and _is_int(self.minimum) and isinstance(self.published, bool)):
            raise PlanError(f"{what}: bound and minimum must be integers, published a boolean")
        if not 1 <= self.bound < 1 << MAX_BOUND_BITS:
            raise PlanError(f"{what}: give a bound from 1 to 2^{MAX_BOUND_BITS} - 1")
        if not 0 <= self.minimum <= self.bound:
            raise PlanError(f"{what}: give a minimum from 0 to the bound")
        if not isinstance(self.level, Level):
            raise PlanError(f"{what}: level must be 'band' or 'cohort'")
        if self.level is Level.BAND and self.protects:
            raise PlanError(f"{what}: a band-level measure guards whole bands; drop protects")
        if not self.published and self.level is Level.COHORT and not self.protects:
            raise PlanError(f"{what}: a cohort-level guard must name what it protects")
        if len({self.name, *self.protects}) != len(self.protects) + 1:
            raise PlanError(f"{what}: protects names other measures, each once")


@dataclass(frozen=True)
class Indicator:
    """A ratio of two measures: ``scale * numerator / denominator`` in ``unit``.

    Published values are ratios of sums. A ranked indicator has ``edges``, the interior bin edges of
    the raw integer ratio ``numerator / denominator`` (unscaled), strictly increasing.
    """

    name: str
    unit: str
    numerator: str
    denominator: str
    scale: Fraction
    direction: Direction
    ranking: Ranking
    edges: tuple[Fraction, ...] = ()

    def __post_init__(self) -> None:
        check_name("indicator", self.name)
        what = f"indicator {self.name!r}"
        check_text(f"{what}: unit", self.unit, 40)
        if not isinstance(self.direction, Direction) or not isinstance(self.ranking, Ranking):
            raise PlanError(f"{what}: direction is higher or lower; ranking sums, counts or none")
        if self.numerator == self.denominator:
            raise PlanError(f"{what}: numerator and denominator must be two measures")
        for number in (self.scale, *self.edges):
            if not isinstance(number, Fraction) or number <= 0:
                raise PlanError(f"{what}: scale and edges must be positive exact numbers")
            if max(number.numerator, number.denominator).bit_length() > MAX_RATIONAL_BITS:
                raise PlanError(f"{what}: scale and edges are limited to {MAX_RATIONAL_BITS} bits")
        if self.ranking is Ranking.NONE:
            if self.edges:
                raise PlanError(f"{what}: an indicator that is not ranked has no bins; drop them")
            return
        if not 1 <= len(self.edges) < MAX_BINS:
            raise PlanError(f"{what}: a ranked indicator needs 2 to {MAX_BINS} bins")
        if any(left >= right for left, right in zip(self.edges, self.edges[1:], strict=False)):
            raise PlanError(f"{what}: bin edges must be strictly increasing")

    @property
    def bins(self) -> int:
        """Number of bins, the two open ones included; 0 when not ranked."""
        return len(self.edges) + 1 if self.ranking is not Ranking.NONE else 0

    def edge_value(self, edge: int) -> Fraction | None:
        """Edge between bins ``edge - 1`` and ``edge`` in the indicator's unit; None if open."""
        return self.scale * self.edges[edge - 1] if 1 <= edge < self.bins else None
