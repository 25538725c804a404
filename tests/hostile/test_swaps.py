"""A coordinator that puts another plan or roster in the place of the one that was agreed on.

The verifier's part is in ``tests/protocols/test_verification.py`` (``changed-policy``,
``swapped-roster``), a node's look for its own contribution in
``tests/enterprise_node/test_release.py``.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import pytest

from protocols.notices import roster_vote
from protocols.places import place_of
from protocols.roster import Member, Roster
from protocols.signing import statement_hash
from protocols.terms import Description
from protocols.transcript import Transcript
from tests import keys
from tests.cohort import MEMBERS, NOW
from tests.enterprise_node.live import Live, serving
from tests.enterprise_node.scene import ROUND, describe, make_scene
from tests.hostile.forging import ForgingBoard, begin, close, forger, poll, stop, trustees
from tests.hostile.served import Served, serve
from tests.trustee.scene import Scene
from trustee.service import Service


def log_under(scene: Scene, contributions: list[bytes], votes: list[bytes]) -> Transcript:
    """A log that begins with this scene's plan."""
    log = Transcript(scene.round_id)
    log.append("plan", scene.record.plan)
    for vote in votes:
        log.append("roster", vote)
    for data in contributions:
        log.append("contribution", data)
    return close(scene, log, map(statement_hash, contributions))


def votes_for(scene: Scene) -> list[bytes]:
    return [roster_vote(scene.plan, scene.roster, key) for key in scene.held.signing[:3]]


@pytest.fixture(scope="module")
def contributions(scene: Scene) -> list[bytes]:
    return [scene.contribution(number) for number in range(1, MEMBERS + 1)]


OTHER = Scene(title="Other definitions under the same name", deadline=NOW + 2000)
"""Another plan for the same round, members and key, signed by the coordinator."""


def open_round(served: Served, folder: Path) -> list[Service]:
    """Three trustees that have countersigned the roster of the true plan."""
    services = trustees(served, folder)
    poll(services, 4)
    assert served.board.rounds()[0].state == "open"
    return services


def test_a_plan_swapped_under_trustees_that_saw_the_true_one(
    scene: Scene, contributions: list[bytes], tmp_path: Path
) -> None:
    with serve(scene, tmp_path, make=ForgingBoard, opened=False) as served:
        board, services = forger(served), open_round(served, tmp_path)
        board.described = OTHER.record
        board.forged = log_under(OTHER, contributions, votes_for(OTHER))
        poll(services)
        stop(services)

    assert board.kinds == ["refusal"] * 3
    assert all("another plan than the one described" in reason for reason in board.reasons())
    assert board.envelopes == {}


@pytest.mark.parametrize(
    ("votes", "why"),
    [
        ("of the true plan", "another plan"),
        ("none", "before enough trustees countersigned the roster"),
    ],
)
def test_a_plan_swapped_while_the_trustees_were_away(
    scene: Scene, contributions: list[bytes], tmp_path: Path, votes: str, why: str
) -> None:
    """They see the swapped plan first; nobody's vote for its roster is there."""
    with serve(scene, tmp_path, make=ForgingBoard, opened=False) as served:
        board, services = forger(served), open_round(served, tmp_path)
        stop(services)
        services = trustees(served, tmp_path)
        board.described = OTHER.record
        shown = votes_for(scene) if votes == "of the true plan" else []
        board.forged = log_under(OTHER, contributions, shown)
        poll(services)
        stop(services)

    assert board.kinds == ["refusal"] * 3
    assert all(why in reason for reason in board.reasons())
    assert board.envelopes == {}


def test_contributions_made_for_the_true_plan_count_under_no_other(
    scene: Scene, contributions: list[bytes], tmp_path: Path
) -> None:
    """Even if enough trustees had approved both: what was encrypted for one plan stays there."""
    with serve(scene, tmp_path, make=ForgingBoard, opened=False) as served:
        board, services = forger(served), open_round(served, tmp_path)
        stop(services)
        services = trustees(served, tmp_path)
        board.described = OTHER.record
        board.forged = log_under(OTHER, contributions, votes_for(OTHER))
        poll(services)
        stop(services)

    assert board.kinds == ["refusal"] * 3
    assert all("is listed and cannot be" in reason for reason in board.reasons())
    assert board.envelopes == {}


def test_a_roster_swapped_under_the_true_plan(
    scene: Scene, contributions: list[bytes], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A member of the coordinator's own takes somebody's place."""
    sybil = keys.signing_key(66)
    others = scene.roster.members[1:]
    swapped = Roster.of([*others, Member(sybil.public, "sybil")])
    with serve(scene, tmp_path, make=ForgingBoard, opened=False) as served:
        board, services = forger(served), open_round(served, tmp_path)
        stop(services)
        services = trustees(served, tmp_path)
        board.described = replace(scene.record, roster=swapped.to_bytes())
        listed = [*contributions[1:], scene.contribution(1, sybil)]
        board.forged = log_under(scene, listed, votes_for(scene))
        with caplog.at_level(logging.ERROR):
            poll(services)
        stop(services)

    assert caplog.text.count("left: PlanError") == 3
    assert board.kinds == []
    assert board.envelopes == {}


def test_a_stranger_in_the_log_of_trustees_that_saw_the_true_roster(
    scene: Scene, contributions: list[bytes], tmp_path: Path
) -> None:
    with serve(scene, tmp_path, make=ForgingBoard, opened=False) as served:
        board, services = forger(served), open_round(served, tmp_path)
        log = begin(scene)
        listed = [*contributions[1:], scene.contribution(1, keys.signing_key(66))]
        for data in listed:
            log.append("contribution", data)
        board.forged = close(scene, log, map(statement_hash, listed))
        poll(services)
        stop(services)

    assert board.kinds == ["refusal"] * 3
    assert all("not on the roster" in reason for reason in board.reasons())
    assert board.envelopes == {}


def swap(live: Live, description: Description, monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on the coordinator describes the round like this."""
    true = live.board.describe

    def lying(round_id: str) -> tuple[object, ...]:
        _, state, votes, notices = true(round_id)
        return description, state, votes, notices

    roster = Roster.from_bytes(description.roster)
    monkeypatch.setattr(live.board, "describe", lying)
    monkeypatch.setattr(live.board, "place", lambda _, member: place_of(roster, member))


def changed(live: Live, what: str) -> Description:
    """The round's description with another plan, or another roster."""
    scene = live.scene
    if what == "plan":
        return describe(replace(scene.plan, title="Another plan"), scene.roster)
    other = Roster.of([*scene.roster.members, Member(keys.signing_key(66).public, "sybil")])
    if what == "roster":
        return replace(describe(scene.plan, scene.roster), roster=other.to_bytes())
    plan = replace(scene.plan, roster_hash=other.hash, participants=len(other.members))
    return describe(plan, other)


@pytest.mark.parametrize("what", ["plan", "roster", "plan and roster"])
def test_a_node_that_has_contributed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    scene = make_scene(tmp_path)
    with serving(scene, tmp_path) as live:
        assert [event.kind for event in live.turn()] == ["contributed", "receipt"]
        kept, sent = scene.store.round(ROUND).offered(), scene.store.ledger.entries()
        swap(live, changed(live, what), monkeypatch)

        events = live.turn()

        assert [event.kind for event in events] == ["refused"]
        assert "describes this round differently than when this node contributed" in events[0].text
        assert scene.store.round(ROUND).offered() == kept
        assert scene.store.ledger.entries() == sent
        assert len(live.logged()) == 1


@pytest.mark.parametrize("what", ["roster", "plan and roster"])
def test_a_node_that_has_not_contributed_yet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """The trustees' votes are for the true plan, so the swapped one is never answered."""
    scene = make_scene(tmp_path)
    with serving(scene, tmp_path) as live:
        swap(live, changed(live, what), monkeypatch)

        events = live.turn()

        assert {event.kind for event in events} <= {"refused", "waiting"}
        assert events
        assert live.logged() == []
        assert [entry.kind for entry in scene.store.ledger.entries()] == ["pass"]


def test_a_second_plan_for_figures_that_were_given_already(tmp_path: Path) -> None:
    """Under another name, after the first was answered: two answers would show a difference."""
    scene = make_scene(tmp_path)
    with serving(scene, tmp_path) as live:
        live.turn()
        second = replace(scene.plan, round_id="region-a-2020-again")
        live.board.create_round(describe(second, scene.roster))
        for trustee in keys.trustees().signing[:3]:
            vote = roster_vote(second, scene.roster, trustee)
            live.board.post(second.round_id, vote, trustee.public)

        (event,) = live.turn()

        assert event.kind == "refused"
        assert "looked at its values for another plan of period 2020 already" in event.text
        assert [row.contributions for row in live.board.rounds()] == [1, 0]
