"""A small crash run: some kills over a round with a correction. The long one is ``make crash``."""

from __future__ import annotations

import os
from itertools import combinations

import pytest

from protocols.periods import Relation, relation
from tests.crash import inputs
from tests.crash.rounds import Kind
from tests.crash.run import POSTGRES, SQLITE, VARIABLE, crash
from tests.crash.world import year

KILLS = 6
MEMBERS = 3
PAUSE_SECONDS = 2.0


@pytest.mark.parametrize("database", [SQLITE, POSTGRES])
def test_nothing_acknowledged_is_lost_or_counted_twice(database: str) -> None:
    server = os.environ.get(VARIABLE, "")
    if database == POSTGRES and not server:
        pytest.skip(f"no PostgreSQL to test on: set {VARIABLE}")
    report = crash(
        database,
        kills=KILLS,
        seed=3,
        server=server,
        rounds=1,
        members=MEMBERS,
        pause=PAUSE_SECONDS,
        kinds=[Kind.CORRECTED],
    )
    assert not report.violations, "\n".join(report.lines())
    assert sum(report.kills.values()) >= KILLS
    assert report.outcomes == {"released": report.rounds}
    assert report.corrections["acknowledged"] > 0


def test_the_rounds_of_a_long_run_are_of_other_periods() -> None:
    """The suite's run has one round; of overlapping periods the second would be refused."""
    assert relation(year(1), year(2)) is not Relation.OVERLAPPING
    assert relation(year(1), year(99)) is not Relation.OVERLAPPING


@pytest.mark.parametrize("name", ["output", "emissions"])
def test_every_loss_and_repetition_shows_in_the_sum(name: str) -> None:
    def value(member: int, version: int, number: int = 7) -> int:
        return inputs.figures(member, version, number)[name]

    members = range(inputs.GROUP_BITS)
    right = [value(member, 1) for member in members]
    exact = sum(right)
    wrong = {exact - left_out for left_out in right}
    wrong |= {exact + twice for twice in right}
    wrong |= {exact - one + other for one, other in combinations(right, 2)}
    wrong |= {exact + one - other for one, other in combinations(right, 2)}
    for member in members:
        versions = range(2, inputs.MAX_VERSIONS + 1)
        wrong |= {exact + value(member, version) for version in versions}
        wrong |= {exact - right[member] + value(member, version) for version in versions}
        wrong.add(exact - right[member] + value(member, 1, 6))
    assert exact not in wrong
