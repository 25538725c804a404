"""The conductor of a totals round: who is asked when, what it outlives, and what it leaves."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from fractions import Fraction
from pathlib import Path

import pytest

from coordinator.errors import StoreError
from coordinator.totals import (
    JOURNAL,
    RELEASE,
    REPORT,
    Account,
    Conductor,
    Patience,
    binding_of,
)
from protocols.federated.totals.release import read_release
from protocols.federated.totals.stages import ANSWERED, Stage
from protocols.federated.totals.steps import read_step
from tests.totals import COORDINATOR, Play, gathering_of, plan_of, roster_of, signed_plan, sums_of

SIZE = 9
PLAN = plan_of(SIZE)
AT_ONCE = Patience(stage_seconds=50.0, grace_seconds=0.0, pause_seconds=1.0)

Answer = Callable[[Stage, int], bool]
"""Whether the member at a place answers in a stage."""


class Line:
    """Members in memory behind a transport that takes its time; counts the exchanges."""

    def __init__(self, answers: Answer = lambda stage, place: True) -> None:
        self.play = Play(PLAN)
        self.answers = answers
        self.now = 0.0
        self.asked: list[tuple[Stage, int]] = []

    def carry(self, steps: Mapping[int, bytes], seconds: float) -> Mapping[int, bytes]:
        assert seconds > 0
        self.now += 1.0
        came = {}
        for place, step in steps.items():
            stage = read_step(step, COORDINATOR.public).stage
            if self.answers(stage, place):
                came[place] = self.play.answer(place, step)
        self.asked.append((stage, len(steps)))
        return came


def conductor(
    folder: Path, line: Line, patience: Patience = AT_ONCE, binding: bytes | None = None
) -> Conductor:
    signed = signed_plan(PLAN)
    roster = roster_of(SIZE)

    def wait(seconds: float) -> None:
        line.now += seconds

    return Conductor(
        gathering_of(PLAN),
        folder,
        binding_of(signed, roster.hash) if binding is None else binding,
        line.carry,
        pseudonym=lambda place: roster.members[place].key.fingerprint,
        quorum=PLAN.aggregation.quorum if PLAN.aggregation is not None else 0,
        patience=patience,
        clock=lambda: line.now,
        wait=wait,
        say=lambda text: None,
    )


def check_release(account: Account, survivors: list[int]) -> None:
    assert account.release is not None, account.reason
    release = read_release(account.release, PLAN, COORDINATOR.public)
    assert release.sums == sums_of(survivors)
    assert [place for place in range(SIZE) if place in release.survivors] == survivors


def test_a_clean_round_is_one_exchange_a_stage(tmp_path: Path) -> None:
    line = Line()
    account = conductor(tmp_path, line).run()
    check_release(account, list(range(SIZE)))
    assert line.asked == [(stage, SIZE) for stage in ANSWERED]
    assert (tmp_path / RELEASE).read_bytes() == account.release
    report = json.loads((tmp_path / REPORT).read_text())
    assert report["published"] is True
    assert report["silent"] == {}
    assert not (tmp_path / JOURNAL).exists()


def test_who_drops_out_is_named_and_nobody_waits_for_him(tmp_path: Path) -> None:
    line = Line(lambda stage, place: stage.number < Stage.MASKING.number or place != 4)
    account = conductor(tmp_path, line).run()
    check_release(account, [0, 1, 2, 3, 5, 6, 7, 8])
    assert account.silent == {"masking": [roster_of(SIZE).members[4].key.fingerprint]}
    assert account.exchanges == len(ANSWERED)


def test_a_stage_without_enough_answers_is_asked_again(tmp_path: Path) -> None:
    """Half of the members answer on the second visit only."""
    asked: set[tuple[Stage, int]] = set()

    def answers(stage: Stage, place: int) -> bool:
        again = (stage, place) in asked
        asked.add((stage, place))
        return place % 2 == 0 or again

    line = Line(answers)
    account = conductor(tmp_path, line).run()
    check_release(account, list(range(SIZE)))
    assert account.exchanges == 2 * len(ANSWERED)
    assert line.asked[:2] == [(Stage.KEYS, 9), (Stage.KEYS, 4)]


def test_grace_is_waited_for_who_is_slow(tmp_path: Path) -> None:
    """With grace the slow member is in the release; without, the round goes on without it."""
    slow = Line()
    slow.answers = lambda stage, place: (
        stage is not Stage.MASKING or place != 2 or len(slow.asked) >= 4
    )
    patient = Patience(stage_seconds=50.0, grace_seconds=20.0, pause_seconds=1.0)
    check_release(conductor(tmp_path / "patient", slow, patient).run(), list(range(SIZE)))
    again = Line()
    again.answers = lambda stage, place: stage is not Stage.MASKING or place != 2
    check_release(
        conductor(tmp_path / "hasty", again).run(), [place for place in range(SIZE) if place != 2]
    )


def test_too_few_answers_end_the_round_when_the_stage_is_over(tmp_path: Path) -> None:
    line = Line(lambda stage, place: stage is not Stage.SHARES or place < 3)
    account = conductor(tmp_path, line).run()
    assert account.release is None
    assert "members dealt shares" in account.reason
    assert line.now >= AT_ONCE.stage_seconds
    assert not (tmp_path / RELEASE).exists()
    assert json.loads((tmp_path / REPORT).read_text())["published"] is False


def test_an_answer_that_does_not_hold_counts_as_none(tmp_path: Path) -> None:
    line = Line()
    honest = line.carry

    def carry(steps: Mapping[int, bytes], seconds: float) -> Mapping[int, bytes]:
        came = honest(steps, seconds)
        return {p: answer[:-1] if p == 1 else answer for p, answer in came.items()}

    line.carry = carry  # type: ignore[method-assign]
    account = conductor(tmp_path, line).run()
    check_release(account, [0, 2, 3, 4, 5, 6, 7, 8])
    assert len(account.refused) == 1
    assert roster_of(SIZE).members[1].key.fingerprint in account.refused[0]


class Killed(Exception):
    """The conductor's process ends here."""


@pytest.mark.parametrize("after", range(len(ANSWERED)))
@pytest.mark.parametrize("carried", [False, True])
def test_killed_in_any_exchange_it_goes_on_with_the_same_steps(
    tmp_path: Path, after: int, carried: bool
) -> None:
    """Members refuse a second list, so a conductor that forgot the first one could not end."""
    line = Line(lambda stage, place: stage.number < Stage.MASKING.number or place != 4)
    honest, calls = line.carry, 0

    def dying(steps: Mapping[int, bytes], seconds: float) -> Mapping[int, bytes]:
        nonlocal calls
        calls += 1
        if calls == after + 1:
            if carried:
                honest(steps, seconds)
            raise Killed
        return honest(steps, seconds)

    line.carry = dying  # type: ignore[method-assign]
    with pytest.raises(Killed):
        conductor(tmp_path, line).run()
    # Nobody who answered before the end is lost to the one that goes on.
    account = conductor(tmp_path, line).run()
    check_release(account, [0, 1, 2, 3, 5, 6, 7, 8])


def test_another_rounds_folder_is_refused(tmp_path: Path) -> None:
    line = Line()
    first = conductor(tmp_path, line)
    first._journal.close()
    with pytest.raises(StoreError, match="not the journal of this round"):
        conductor(tmp_path, line, binding=bytes(32))


def test_the_agreement_waits_for_its_quorum(tmp_path: Path) -> None:
    """The share that ends other stages would be too few signatures."""
    line = Line()
    line.answers = lambda stage, place: (
        stage is not Stage.AGREEMENT or place < 3 or len(line.asked) > 5
    )
    patience = Patience(50.0, 0.0, Fraction(1, 4), 1.0)
    check_release(conductor(tmp_path, line, patience).run(), list(range(SIZE)))
