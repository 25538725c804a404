"""Whole rounds: whoever drops out wherever, the release is exact for the survivors, or there is
none and nothing that would make one."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.errors import InvalidShare, OpeningInconsistent
from protocols.federated.masks import added
from protocols.federated.totals.gathering import Gathering
from protocols.federated.totals.release import read_release
from protocols.federated.totals.shamir import combine
from protocols.federated.totals.stages import ANSWERED, Stage
from tests.totals import COORDINATOR, Losses, Play, plan_of, sums_of

ALL_MEMBERS = 12
"""Up to this size every member drops out once at every stage; above, one at each stage."""


def outcome(members: int, losses: Losses, minimum: int = 5) -> set[int] | None:
    """The model: who survives where everybody neighbours everybody; None: no release."""
    threshold, quorum = 5 * (members - 1) // 8 + 1, 7 * members // 10 + 1
    needed = {stage: max(minimum, threshold + 1) for stage in ANSWERED}
    needed |= {Stage.AGREEMENT: quorum, Stage.UNMASKING: threshold + 1}
    present, survivors = set(range(members)), set()
    for stage in ANSWERED:
        present -= set(losses.get(stage, ()))
        if len(present) < needed[stage]:
            return None
        if stage is Stage.MASKING:
            survivors = set(present)
    return survivors


def check(gathering: Gathering, members: int, survivors: set[int] | None) -> None:
    """The release is the plain sum of the survivors, or there is none and a reason."""
    if survivors is None:
        assert gathering.stage is Stage.ABANDONED
        assert gathering.reason
        assert gathering.release is None
        return
    assert gathering.stage is Stage.DONE, gathering.reason
    assert gathering.release is not None
    release = read_release(gathering.release, plan_of(members), COORDINATOR.public)
    assert release.sums == sums_of(survivors)
    assert {place for place in range(members) if place in release.survivors} == survivors


@pytest.mark.parametrize("members", range(5, 41))
def test_every_dropout_point(members: int) -> None:
    drawn = random.Random(members)
    everybody = range(members)
    leaving = everybody if members <= ALL_MEMBERS else [drawn.choice(everybody)]
    clean = Play(plan_of(members))
    check(clean.finish(), members, set(everybody))
    for stage in ANSWERED:
        for place in leaving:
            losses = {stage: [place]}
            survivors = outcome(members, losses)
            check(clean.fork(stage).finish(losses), members, survivors)


@st.composite
def losing_rounds(draw: st.DrawFn) -> tuple[int, Losses]:
    members = draw(st.integers(5, 20))
    order = draw(st.permutations(range(members)))
    losses, start = {}, 0
    for stage in ANSWERED:
        count = draw(st.integers(0, max(1, members // 6)))
        losses[stage] = order[start : start + count]
        start += count
    return members, losses


@settings(max_examples=60)
@given(losing_rounds())
def test_several_drop_out(case: tuple[int, Losses]) -> None:
    members, losses = case
    check(Play(plan_of(members)).finish(losses), members, outcome(members, losses))


def test_a_sparse_graph_and_a_fifth_less() -> None:
    """200 members with 192 neighbours each: the thresholds hold per neighbourhood."""
    drawn = random.Random(7)
    lost = drawn.sample(range(200), 40)
    losses = {Stage.SHARES: lost[:5], Stage.MASKING: lost[5:30], Stage.UNMASKING: lost[30:]}
    gathering = Play(plan_of(200)).finish(losses)
    check(gathering, 200, set(range(200)) - set(lost[:30]))


def test_beyond_the_threshold_the_coordinator_lacks_shares() -> None:
    """It holds all masked vectors, but of no secret as many shares as rebuild one."""
    members = 16
    play = Play(plan_of(members)).until(Stage.UNMASKING)
    threshold = 5 * 15 // 8 + 1
    silent = range(members - threshold)
    play.stage(silent)
    gathering = play.gathering
    check(gathering, members, None)
    assert "cannot be rebuilt" in gathering.reason
    held = gathering._revealed
    short = 0
    for place in range(members):
        shares = {at + 1: held[at][place] for at in held if place in held[at]}
        short += len(shares) < threshold
        if len(shares) < threshold:
            with pytest.raises(InvalidShare):
                combine(shares, threshold)
    assert short == threshold  # of all who revealed: nobody reveals shares of its own secret
    setting = gathering._setting
    with pytest.raises(OpeningInconsistent):
        setting.vector.decode(added(gathering._masked.values(), setting.vector.words), members)


def test_a_round_of_too_few_asks_nothing_more() -> None:
    play = Play(plan_of(8))
    play.stage(range(4))
    assert play.gathering.stage is Stage.ABANDONED
    assert "policy asks for 5" in play.gathering.reason
    assert not play.gathering.steps()
    with pytest.raises(ValueError, match="abandoned"):
        play.gathering.go_on()


def test_the_policys_minimum_counts_survivors() -> None:
    """Neighbourhoods of 9 would do without 3; a policy of 9 members does not."""
    losses = {Stage.MASKING: [0, 1]}
    assert Play(plan_of(10, minimum=8)).finish(losses).stage is Stage.DONE
    gathering = Play(plan_of(10, minimum=9)).finish(losses)
    assert gathering.stage is Stage.ABANDONED
    assert "8 members masked" in gathering.reason


def test_without_a_quorum_nothing_is_asked_of_the_survivors() -> None:
    play = Play(plan_of(10)).until(Stage.AGREEMENT)
    play.stage(range(3))
    assert play.gathering.stage is Stage.ABANDONED
    assert "8 are needed" in play.gathering.reason
