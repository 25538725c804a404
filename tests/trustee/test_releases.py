"""A second round over the same enterprises, with coordinator and trustees; no sockets."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from protocols.atoms import NOTHING_DECLARED, Declared, declare
from protocols.differencing import Decision
from protocols.errors import PolicyRefusal
from protocols.notices import make_deadline
from protocols.verification import Report, verify_round
from tests.trustee.releases import Rounds
from tests.trustee.scene import COORDINATOR, NOW, Scene, values

FIRST = Scene()
"""Twelve members in 2020."""


def later(*numbers: int, period: str = "2020") -> Scene:
    return Scene(round_id="round-2", period=period, numbers=numbers)


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first round, released; everybody was stopped then."""
    folder = tmp_path_factory.mktemp("first")
    rounds = Rounds(folder, FIRST)
    assert rounds.play(FIRST) == "released"
    assert len(rounds.document(FIRST)["bands"]) >= 2
    rounds.close()
    return folder


Resume = Callable[..., Rounds]


@pytest.fixture
def resume(first: Path, tmp_path: Path) -> Resume:
    """Everybody of the first round, started again, with a round to come."""

    def start(second: Scene, **settings: Any) -> Rounds:
        folder = tmp_path / "again"
        shutil.copytree(first, folder)
        return Rounds(folder, FIRST, second, **settings)

    return start


def total(numbers: Iterable[int], measure: str) -> int:
    return sum(values(number)[measure] for number in numbers)


def test_disjoint_cohorts_are_released_with_their_bands(resume: Resume) -> None:
    second = later(*range(13, 25))
    rounds = resume(second)

    assert rounds.play(second) == "released"
    assert len(rounds.document(second)["bands"]) >= 2


def test_a_superset_with_a_safe_atom_publishes_totals(resume: Resume) -> None:
    second = later(*range(1, 19))
    rounds = resume(second)

    assert rounds.play(second) == "released"
    document = rounds.document(second)
    assert len(document["bands"]) == 1
    assert document["n"] == 18
    assert int(document["measures"]["output"]["value"]) == total(range(1, 19), "output")
    assert verified(rounds, second).accepted


def test_one_entrant_is_cancelled_with_the_reason(resume: Resume) -> None:
    second = later(*range(1, 14), period="2021")
    rounds = resume(second)

    assert rounds.play(second) == "cancelled"
    assert "would leave 1 group of fewer than 5 enterprises" in rounds.notice(second)


@pytest.mark.parametrize("more", [0, 1, 4])
def test_the_same_cohort_again_is_not_even_proposed(resume: Resume, more: int) -> None:
    second = later(*range(1, 13 + more))
    rounds = resume(second)

    with pytest.raises(PolicyRefusal, match="corrections of single enterprises"):
        rounds.propose(second)


def test_new_enterprises_that_stay_away_leave_nothing_new(resume: Resume) -> None:
    second = later(*range(1, 19))
    rounds = resume(second, close_when_complete=False)
    rounds.propose(second)
    for number in second.numbers[:-2]:
        second.submit(rounds.board, number)

    finish(rounds, second)

    assert rounds.state(second) == "cancelled"
    assert "corrections of single enterprises" in rounds.notice(second)


def test_the_next_period_with_the_same_members_has_bands(resume: Resume) -> None:
    second = later(*range(1, 13), period="2021")
    rounds = resume(second)

    assert rounds.play(second) == "released"
    assert len(rounds.document(second)["bands"]) >= 2


def test_safe_entrants_of_the_next_period_are_released(resume: Resume) -> None:
    second = later(*range(1, 19), period="2021")
    rounds = resume(second)

    assert rounds.play(second) == "released"
    assert rounds.document(second)["n"] == 18


@pytest.mark.parametrize("period", ["2020", "2021"])
def test_a_roster_without_somebody_is_not_even_proposed(resume: Resume, period: str) -> None:
    second = later(*range(2, 19), period=period)
    rounds = resume(second)

    with pytest.raises(PolicyRefusal, match="was opened with 1 enterprise that is not counted"):
        rounds.propose(second)


def test_a_member_that_does_not_come_back_ends_the_round(resume: Resume) -> None:
    second = later(*range(1, 13), period="2021")
    rounds = resume(second, close_when_complete=False)
    rounds.propose(second)
    for number in second.numbers[:-1]:
        second.submit(rounds.board, number)

    finish(rounds, second)

    assert rounds.state(second) == "cancelled"
    assert "1 enterprise that is not counted" in rounds.notice(second)


def test_dominated_entrants_withhold_the_cohort(
    resume: Resume, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dominated(number: int) -> dict[str, int]:
        return values(number) | ({"emissions": 1 << 17} if number == 18 else {})

    monkeypatch.setattr("tests.cohort.values", dominated)
    second = later(*range(1, 19))
    rounds = resume(second)

    assert rounds.play(second) == "withheld"
    withheld = rounds.document(second)["withheld"]
    assert "would leave enterprises unsafe: one enterprise dominates" in withheld


def test_only_what_the_atom_fails_is_withheld(
    resume: Resume, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dominated(number: int) -> dict[str, int]:
        return values(number) | ({"electricity": 1 << 17} if number == 18 else {})

    monkeypatch.setattr("tests.cohort.values", dominated)
    second = later(*range(1, 19), period="2021")
    rounds = resume(second)

    assert rounds.play(second) == "released"
    document = rounds.document(second)
    assert int(document["measures"]["output"]["value"]) == total(range(1, 19), "output")
    assert "electricity" not in document["measures"]
    assert "unsafe: one enterprise dominates" in document["withheld_measures"]["electricity"]


@pytest.mark.parametrize("measure", ["output", "electricity"])
def test_a_large_correction_does_not_hide_behind_new_enterprises(
    resume: Resume, monkeypatch: pytest.MonkeyPatch, measure: str
) -> None:
    def mended(number: int) -> dict[str, int]:
        own = values(number)
        return own | ({measure: own[measure] * 10} if number == 3 else {})

    monkeypatch.setattr("tests.cohort.values", mended)
    second = later(*range(1, 19))
    rounds = resume(second)

    assert rounds.play(second) == "withheld"
    assert "members of an earlier round sent other data" in rounds.document(second)["withheld"]


def test_other_data_of_the_next_period_is_no_correction(
    resume: Resume, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "tests.cohort.values", lambda n: {name: 3 * v for name, v in values(n).items()}
    )
    second = later(*range(1, 19), period="2021")

    assert resume(second).play(second) == "released"


def hostile(monkeypatch: pytest.MonkeyPatch, declared: Declared) -> None:
    """A coordinator that closes whatever it likes, and declares this."""
    anything = Decision((), (), frozenset(), needs_fresh=False, totals_only=False)
    monkeypatch.setattr("coordinator.clerk.decide_closing", lambda *_: anything)
    monkeypatch.setattr("coordinator.clerk.declare", lambda _: declared)
    monkeypatch.setattr("coordinator.board.check_roster", lambda *_: None)


EVEN = Declared(((0, 2, 4, 6, 8, 10, 12, 14, 16), (1, 3, 5, 7, 9, 11, 13, 15, 17)), frozenset((0,)))

REFUSED = {
    "with and without one": (range(1, 14), "2020", NOTHING_DECLARED, "corrections of single"),
    "a part of the year": (range(1, 19), "2020-H1", NOTHING_DECLARED, "overlaps with 2020-H1"),
    "a leaver": (range(2, 19), "2021", NOTHING_DECLARED, "with 1 enterprise that is not counted"),
    "the same again": (range(1, 13), "2020", NOTHING_DECLARED, "corrections of single"),
    "nothing declared": (range(1, 19), "2020", NOTHING_DECLARED, "cuts it into 2 atoms, and the"),
    "other atoms": (range(1, 19), "2020", EVEN, "does not declare them"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_trustees_refuse_what_their_own_ledgers_forbid(
    resume: Resume, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    numbers, period, declared, reason = REFUSED[case]
    second = later(*numbers, period=period)
    rounds = resume(second)
    hostile(monkeypatch, declared)

    assert rounds.play(second) == "closed"

    refusals = rounds.board.refusals(second.round_id)
    assert len(refusals) == 4
    assert all(reason in text and "round-1" in text for text in refusals.values())
    assert not list(rounds.board._store.sealed(second.round_id, 1, "counts"))


def test_bands_over_data_that_was_opened_are_refused(
    resume: Resume, monkeypatch: pytest.MonkeyPatch
) -> None:
    second = later(*range(1, 19))
    rounds = resume(second)

    def banded(decision: Decision) -> Declared:
        return replace(declare(decision), totals_only=False)

    monkeypatch.setattr("coordinator.clerk.declare", banded)

    assert rounds.play(second) == "closed"
    assert all("totals only" in text for text in rounds.board.refusals(second.round_id).values())


def test_a_round_that_was_too_small_does_not_count(tmp_path: Path) -> None:
    small = Scene(round_id="small", numbers=(1, 2, 3, 4))
    rounds = Rounds(tmp_path, FIRST, small)

    assert rounds.play(small) == "withheld"
    assert rounds.play(FIRST) == "released"


def test_of_two_rounds_in_flight_the_second_is_held_against_the_first(tmp_path: Path) -> None:
    second = later(*range(1, 14))
    rounds = Rounds(tmp_path, FIRST, second)
    for scene in (FIRST, second):
        rounds.propose(scene)
    for scene in (FIRST, second):
        for number in scene.numbers:
            scene.submit(rounds.board, number)
    rounds.poll()

    assert (rounds.state(FIRST), rounds.state(second)) == ("released", "cancelled")


def test_everybody_restarted_after_every_step(resume: Resume, tmp_path: Path) -> None:
    """What a restarted trustee signs again is what it signed, with its atoms."""
    second = later(*range(1, 19))
    rounds = resume(second)
    rounds.propose(second)
    for number in second.numbers:
        second.submit(rounds.board, number)

    for _ in range(40):
        rounds.close()
        rounds = Rounds(tmp_path / "again", FIRST, second)
        rounds.poll(times=2)
        if rounds.state(second) == "released":
            break

    assert rounds.state(second) == "released"
    assert verified(rounds, second).accepted
    kinds = [entry.kind for entry in rounds.board.read(second.round_id, 0)]
    assert kinds.count("closing") == 4
    rounds.close()


def verified(rounds: Rounds, scene: Scene) -> Report:
    """What anybody finds in the round's bundle."""
    held = scene.held
    return verify_round(
        scene.round_id,
        held.ceremony.received,
        held.countersignatures,
        scene.roster.to_bytes(),
        [(entry.kind, entry.payload) for entry in rounds.board.read(scene.round_id, 0)],
        unsafe_small_modulus=True,
    )


def finish(rounds: Rounds, scene: Scene) -> None:
    """End a round's collection by the operator's word."""
    notice = make_deadline(scene.plan, NOW, NOW, "enough", COORDINATOR)
    rounds.board.announce(scene.round_id, notice)
    rounds.poll()
