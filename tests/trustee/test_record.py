"""What a trustee does with transcripts that a dishonest coordinator makes up."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from pathlib import Path

import pytest

from protocols import closing
from protocols.errors import (
    InvalidSignature,
    PolicyRefusal,
    TranscriptBroken,
)
from protocols.signing import statement_hash
from protocols.transcript import Entry, Transcript
from tests.trustee.scene import (
    COORDINATOR,
    Scene,
    new_duties,
    new_ledger,
)
from trustee.duties import Duties, Post


@pytest.fixture(scope="module")
def scene() -> Scene:
    return Scene()


def read_all(duties: Duties, entries: Iterable[Entry]) -> None:
    for entry in entries:
        duties.read(entry)


def closing_vote(duties: Duties, entries: Iterable[Entry]) -> bytes:
    for entry in entries:
        duties.read(entry)
    (action,) = duties.step()
    assert isinstance(action, Post)
    assert action.kind == "closing"
    return action.statement


def forked(scene: Scene, numbers: Iterable[int], *, left_out: int = 0) -> Transcript:
    """A transcript that a dishonest coordinator makes up for one trustee.

    :param left_out: how many of the logged contributions it does not list.
    """
    log = Transcript(scene.round_id)
    log.append("plan", scene.record.plan)
    for number in numbers:
        log.append("contribution", scene.contribution(number))
    included = [statement_hash(payload) for payload in log.of_kind("contribution")]
    included = included[left_out:]
    log.append("close", closing.propose(scene.plan, included, log.head, COORDINATOR))
    return log


def test_two_lists_for_two_trustees_reach_no_quorum(scene: Scene, tmp_path: Path) -> None:
    full, without = forked(scene, range(1, 13)), forked(scene, range(1, 12))
    logs = {1: full, 2: full, 3: without, 4: without}
    duties = {i: new_duties(scene, i, tmp_path) for i in logs}
    votes = {i: closing_vote(duties[i], logs[i].entries) for i in logs}

    for log in (full, without):
        for vote in votes.values():
            log.append("closing", vote)
    for index, duty in duties.items():
        for entry in logs[index].entries[duty.next_index :]:
            duty.read(entry)
        assert duty.step() == []
        assert duty.wants == ()


def test_a_second_list_for_the_same_round_is_not_signed(scene: Scene, tmp_path: Path) -> None:
    closing_vote(new_duties(scene, 1, tmp_path), forked(scene, range(1, 13)).entries)
    ledger_file = tmp_path / "ledger-1.jsonl"
    (tmp_path / "copy.jsonl").write_bytes(ledger_file.read_bytes())

    again = Duties(scene.terms(), scene.holder(1), new_ledger(tmp_path / "copy.jsonl"))
    for entry in forked(scene, range(1, 12)).entries:
        again.read(entry)
    with pytest.raises(PolicyRefusal, match="another closing statement"):
        again.step()


def test_of_two_rounds_under_way_over_the_same_members_one_is_signed(
    scene: Scene, tmp_path: Path
) -> None:
    other = Scene(round_id="round-2", members=11)
    for index in range(1, 5):
        ledger = new_ledger(tmp_path / f"ledger-{index}.jsonl")
        first = Duties(scene.terms(), scene.holder(index), ledger)
        second = Duties(other.terms(), other.holder(index), ledger)

        closing_vote(first, forked(scene, range(1, 13)).entries)

        read_all(second, forked(other, range(1, 12)).entries)
        with pytest.raises(PolicyRefusal, match="11 members' data of 2020 was closed before"):
            second.step()
        assert first.wants == second.wants == ()  # neither round has opened anything yet
        ledger.close()


def test_a_round_too_small_to_open_leaves_its_members_free(scene: Scene, tmp_path: Path) -> None:
    other = Scene(round_id="round-2")
    ledger = new_ledger(tmp_path / "ledger-1.jsonl")
    small = Duties(other.terms(), other.holder(1), ledger)
    closing_vote(small, forked(other, range(1, 5)).entries)

    closing_vote(
        Duties(scene.terms(), scene.holder(1), ledger), forked(scene, range(1, 13)).entries
    )


@pytest.mark.parametrize("left_out", [1, 12])
def test_a_logged_contribution_is_not_left_off_the_list(
    scene: Scene, tmp_path: Path, left_out: int
) -> None:
    log = forked(scene, range(1, 13), left_out=left_out)

    with pytest.raises(TranscriptBroken, match="all the contributions before it"):
        read_all(new_duties(scene, 1, tmp_path), log.entries)


def test_a_contribution_is_not_logged_twice(scene: Scene, tmp_path: Path) -> None:
    log = Transcript(scene.round_id)
    log.append("plan", scene.record.plan)
    once = scene.contribution(1)
    log.append("contribution", once)
    log.append("contribution", once)
    log.append("close", closing.propose(scene.plan, [statement_hash(once)], log.head, COORDINATOR))

    with pytest.raises(TranscriptBroken, match="another list"):
        read_all(new_duties(scene, 1, tmp_path), log.entries)


def test_a_restarted_trustee_signs_the_same_closing(scene: Scene, tmp_path: Path) -> None:
    entries = forked(scene, range(1, 13)).entries

    votes = []
    for _ in range(2):
        ledger = new_ledger(tmp_path / "ledger.jsonl")
        duties = Duties(scene.terms(), scene.holder(1), ledger)
        votes.append(closing_vote(duties, entries))
        ledger.close()

    assert votes[0] == votes[1]


@pytest.mark.parametrize(
    "defect", ["payload", "kind", "order", "plan", "late", "second close", "head"]
)
def test_a_transcript_that_does_not_hold_is_refused(
    scene: Scene, tmp_path: Path, defect: str
) -> None:
    log = forked(scene, range(1, 3))
    if defect == "plan":
        log = Transcript(scene.round_id)
        log.append("plan", Scene(title="Another").record.plan)
    elif defect == "late":
        log.append("contribution", scene.contribution(5))
    elif defect == "second close":
        log.append("close", closing.propose(scene.plan, [], log.head, COORDINATOR))
    elif defect == "head":
        log = Transcript(scene.round_id)
        log.append("plan", scene.record.plan)
        log.append("close", closing.propose(scene.plan, [], bytes(32), COORDINATOR))
    entries = list(log.entries)
    if defect == "payload":
        entries[1] = dataclasses.replace(entries[1], payload=scene.contribution(7))
    elif defect == "kind":
        entries[1] = dataclasses.replace(entries[1], kind="closing")
    elif defect == "order":
        entries[1], entries[2] = entries[2], entries[1]

    duties = new_duties(scene, 1, tmp_path)
    with pytest.raises(TranscriptBroken):
        read_all(duties, entries)


def test_a_listed_contribution_that_is_bad_stops_the_round(scene: Scene, tmp_path: Path) -> None:
    log = Transcript(scene.round_id)
    log.append("plan", scene.record.plan)
    stranger = scene.contribution(1, signer=COORDINATOR)
    log.append("contribution", stranger)
    log.append(
        "close", closing.propose(scene.plan, [statement_hash(stranger)], log.head, COORDINATOR)
    )
    duties = new_duties(scene, 1, tmp_path)
    for entry in log.entries:
        duties.read(entry)

    with pytest.raises(InvalidSignature, match="not on the roster"):
        duties.step()
