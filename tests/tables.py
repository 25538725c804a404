"""Tables, members and linear algebra for tests of suppression."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from itertools import combinations
from typing import Any

from hypothesis import strategies as st

from protocols.encoding import size_class
from protocols.plan import Measure, Plan, Policy, Ranking
from protocols.policy import Histogram
from protocols.suppression import Unit
from protocols.table import MAX_DEPTH, Cell, Table
from tests.strategies import PLAIN_INDICATORS, plain_plan

BITS = 20
"""Bits of the largest value that is drawn."""

Shape = list[Any] | None
"""A cell's parts; None for a leaf."""


def _paths(shape: Shape, above: str = "") -> list[str]:
    if shape is None:
        return [above]
    names = [f"{above}/{'abcdefgh'[i]}" if above else "abcdefgh"[i] for i in range(len(shape))]
    return [path for name, part in zip(names, shape, strict=True) for path in _paths(part, name)]


_shapes = st.recursive(
    st.none(), lambda parts: st.lists(parts, min_size=2, max_size=4), max_leaves=7
)

tables = (
    _shapes.filter(lambda shape: shape is not None)
    .map(_paths)
    .filter(lambda paths: len(paths) <= 8 and all(path.count("/") < MAX_DEPTH for path in paths))
    .map(lambda paths: Table("sector", tuple(paths)))
)
"""Trees of up to eight leaves and four levels, small enough to try every choice of cells."""

values = st.one_of(
    st.integers(0, 40), st.integers(900, 1100), st.integers(0, 2**BITS - 1), st.just(2**BITS - 1)
)

Leaf = list[tuple[int, int]]
"""The members of a leaf: two measures each."""


@st.composite
def filled_tables(draw: st.DrawFn) -> tuple[Table, list[Leaf]]:
    """A table, and for each leaf its members' values of two measures."""
    table = draw(tables)
    members = st.lists(st.tuples(values, values), max_size=8)
    return table, [draw(members) for _ in table.leaves]


def histogram(own: Iterable[int]) -> tuple[int, ...]:
    """Members in each size class."""
    sizes = [size_class(value) for value in own]
    return tuple(sizes.count(size) for size in range(BITS + 1))


def classes(leaves: Sequence[Leaf], chosen: Iterable[int]) -> dict[str, tuple[int, ...]]:
    """The class counts of both measures over some leaves."""
    members = [pair for leaf in chosen for pair in leaves[leaf]]
    return {
        "output": histogram(pair[0] for pair in members),
        "emissions": histogram(pair[1] for pair in members),
    }


def opened(leaves: Sequence[Leaf], units: Iterable[Unit]) -> dict[Unit, Mapping[str, Histogram]]:
    """What trustees open: classes of each unit."""
    return {unit: classes(leaves, unit) for unit in units}


def exact_rule(own: Sequence[int], policy: Policy) -> bool:
    """k and the p% rule on the values themselves, as the handbook states them."""
    contributions = sorted((v for v in own if v), reverse=True)
    if len(contributions) < policy.minimum_cohort:
        return False
    return 100 * sum(contributions[2:]) >= policy.dominance_percent * contributions[0]


def spans(vectors: Sequence[Sequence[int]], target: Sequence[int]) -> bool:
    """Whether ``target`` is a linear combination of ``vectors``, by exact elimination."""
    rows = [[Fraction(v[i]) for v in vectors] + [Fraction(t)] for i, t in enumerate(target)]
    width, done = len(vectors), 0
    for column in range(width):
        pivot = next((r for r in range(done, len(rows)) if rows[r][column]), None)
        if pivot is None:
            continue
        rows[done], rows[pivot] = rows[pivot], rows[done]
        for r in range(len(rows)):
            if r != done and rows[r][column]:
                factor = rows[r][column] / rows[done][column]
                rows[r] = [a - factor * b for a, b in zip(rows[r], rows[done], strict=True)]
        done += 1
    return all(not row[-1] for row in rows[done:])


def isolated(published: Sequence[Cell], leaves: Sequence[int]) -> list[tuple[int, ...]]:
    """Every set of ``leaves`` whose sum some combination of published sums gives."""
    vectors = [[int(leaf in cell.leaves) for leaf in leaves] for cell in published]
    found = []
    for number in range(1, len(leaves) + 1):
        for chosen in combinations(leaves, number):
            if spans(vectors, [int(leaf in chosen) for leaf in leaves]):
                found.append(chosen)
    return found


TABLE = Table("sector", ("metals/steel", "metals/other", "food", "textiles"))

TABLE_MEASURES = (
    Measure("output", "yuan", bound=10**9),
    Measure("emissions", "kgCO2", bound=10**7),
    Measure("imports", "yuan", bound=10**9, published=False),
)

CEF = dataclasses.replace(PLAIN_INDICATORS[0], ranking=Ranking.COUNTS)


def table_plan(**changes: Any) -> Plan:
    """A small plan with a table of two levels, a band-level guard and a ranking by counts."""
    fields: dict[str, Any] = {
        "measures": TABLE_MEASURES,
        "indicators": (CEF,),
        "table": TABLE,
        "relations": (),
        "unrelated": (),
    }
    return plain_plan(**{**fields, **changes})


def member(size: int) -> dict[str, int]:
    """A member's integers."""
    return {"output": 40 * size, "emissions": size, "imports": 3 * size}


def table_members() -> tuple[list[dict[str, int]], list[str]]:
    """Twenty-two members and their leaves, in one of which there is a single enterprise."""
    sizes = {
        "metals/steel": [1000, 1100, 1200, 1300, 1400, 1500, 1600],
        "metals/other": [2000, 2100, 2200, 2300, 2400, 2500, 2600, 2700],
        "food": [500],
        "textiles": [900, 1000, 1100, 1200, 1300, 1400],
    }
    pairs = [(member(size), leaf) for leaf, own in sizes.items() for size in own]
    return [values for values, _ in pairs], [leaf for _, leaf in pairs]
