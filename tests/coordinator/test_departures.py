"""Who withdrew, and corrections that came too late: what is kept, and what operators are told."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from coordinator.cli import app
from coordinator.database import sqlite_url
from coordinator.errors import SettingsError
from coordinator.folder import DATABASE, Office
from coordinator.history import Part, awaited, parts_of, waiting
from coordinator.registry_rows import MemberState, Standing
from coordinator.states import State
from protocols.errors import ContributionRefused
from tests.trustee.releases import Rounds
from tests.trustee.scene import Scene, member_key

FIRST = Scene()
SECOND = Scene(round_id="round-2", numbers=tuple(range(1, 18)))
BEFORE = Scene(round_id="round-0", period="2019", numbers=tuple(range(1, 18)))
THIRD = Scene(round_id="round-3", period="2021", numbers=tuple(range(1, 18)))


def keys(*numbers: int) -> set[bytes]:
    return {member_key(number).public.raw for number in numbers}


def late(rounds: Rounds, number: int, version: int) -> None:
    with pytest.raises(ContributionRefused, match="That you sent one is noted"):
        FIRST.submit(rounds.board, number, version=version)


def test_corrections_wait_until_a_round_of_a_later_period_counts_their_member(
    tmp_path: Path,
) -> None:
    rounds = Rounds(tmp_path, FIRST, SECOND, THIRD, BEFORE)
    store = rounds.board._store
    assert rounds.play(FIRST) == "released"
    assert waiting(store) == []
    for number, version in ((3, 2), (4, 2), (3, 3)):
        late(rounds, number, version)
    rounds.poll()

    (held,) = waiting(store)

    assert (held.round_id, held.period) == ("round-1", "2020")
    assert set(held.members) == keys(3, 4)
    assert sorted(c.version for c in store.corrections()) == [2, 3]
    assert rounds.play(SECOND) == "released"
    assert waiting(store) == [held], "it holds what they sent the first time"
    assert rounds.play(BEFORE) == "released"
    assert waiting(store) == [held], "it has other data than what was corrected"
    rounds.propose(THIRD)
    for number in THIRD.numbers:
        THIRD.submit(rounds.board, number)
    rounds.board.advance()
    assert waiting(store) == [held], "it has published nothing yet"
    rounds.poll()
    assert waiting(store) == []
    assert parts_of(store, keys(3)) == [
        Part("round-0", "2019", State.RELEASED, counted=True),
        Part("round-1", "2020", State.RELEASED, counted=True),
        Part("round-2", "2020", State.RELEASED, counted=True),
        Part("round-3", "2021", State.RELEASED, counted=True),
    ]
    assert parts_of(store, keys(15)) == [
        Part("round-0", "2019", State.RELEASED, counted=True),
        Part("round-2", "2020", State.RELEASED, counted=True),
        Part("round-3", "2021", State.RELEASED, counted=True),
    ]
    assert parts_of(store, keys(99)) == []


def test_what_is_no_correction_is_not_noted(tmp_path: Path) -> None:
    rounds = Rounds(tmp_path, FIRST)
    assert rounds.play(FIRST) == "released"

    again = FIRST.contribution(5)
    with pytest.raises(ContributionRefused):
        rounds.board.submit(FIRST.round_id, again, member_key(5).public)
    rounds.poll()

    assert rounds.board._store.corrections() == []


@pytest.fixture
def office(tmp_path: Path) -> Office:
    """A coordinator's folder whose registry knows the first twelve members."""
    office = Office.create(tmp_path / "platform", ["localhost"], "")
    with office.registry() as registry:
        registry.admit_many((member_key(n).public, f"id-{n}", f"group-{n}") for n in FIRST.numbers)
    return office


def run(*arguments: str) -> str:
    done = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_who_withdraws_is_told_what_still_contains_it(office: Office, tmp_path: Path) -> None:
    rounds = Rounds(tmp_path, FIRST, url=sqlite_url(office.folder / DATABASE))
    rounds.play(FIRST)
    late(rounds, 3, 2)
    third = Scene(round_id="round-3", numbers=tuple(range(1, 19)))
    rounds.propose(third)
    rounds.poll()

    store, names = rounds.board._store, {member_key(n).public.raw: f"id-{n}" for n in range(1, 12)}
    (needed,) = awaited(store, "round-3", names)
    assert set(needed.members) == {*names.values(), member_key(12).public.raw.hex()[:16]}
    assert needed.line.startswith("  12 members of round-1 have not contributed: ")
    assert "id-11" in needed.line
    assert awaited(store, "round-1", names) == []
    for number in FIRST.numbers:
        if number != 3:
            third.submit(rounds.board, number)
    (needed,) = awaited(store, "round-3", names)
    assert needed.line == (
        "  1 member of round-1 has not contributed: id-3; without it this round is cancelled at "
        "the deadline, since subtraction would show it"
    )
    listed = run("member", "corrections", str(office.folder))
    told = run("member", "leave", str(office.folder), "id-3", "--reason", "left the scheme")

    assert "round round-1 (2020): 1 waiting: id-3" in listed
    assert "no further round for 2020 takes them, however many enterprises are new" in listed
    assert "Corrected ones count in a round for the next period" in listed
    assert "published figures go on containing it: round-1 (2020, released)" in told
    assert "under way with it on the roster: round-3 (2020, open)" in told
    with office.registry() as registry:
        (row,) = registry.find("id-3")
        assert (row.state, row.reason) == (MemberState.WITHDRAWN, "left the scheme")
        assert registry.standing(row.key) is Standing.NOBODY
        assert registry.revoked(row.key)
    with pytest.raises(SettingsError, match="no key of 'id-3' is enrolled"):
        run("member", "leave", str(office.folder), "id-3")


def test_who_was_in_no_round_leaves_nothing(office: Office) -> None:
    told = run("member", "leave", str(office.folder), "id-4")

    assert "no published figure contains it" in told
    assert "under way" not in told
    assert run("member", "corrections", str(office.folder)) == "no corrections wait\n"
