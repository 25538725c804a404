"""What a trustee does with transcripts that a dishonest coordinator makes up."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable
from pathlib import Path

import pytest

from protocols import closing
from protocols.atoms import Declared
from protocols.closing import ClosingStatement
from protocols.errors import (
    InvalidSignature,
    PolicyRefusal,
    TranscriptBroken,
)
from protocols.notices import (
    make_cancellation,
    make_deadline,
    make_refusal,
    make_rehearsal,
    make_reminder,
    roster_vote,
)
from protocols.signing import open_signed, statement_hash
from protocols.transcript import Entry, Transcript, next_entry
from protocols.wire import messages_pb2 as pb
from protocols.wire.codec import encode
from tests.trustee.scene import (
    COORDINATOR,
    NOW,
    Scene,
    member_key,
    new_duties,
    new_ledger,
    new_service,
    run,
)
from trustee.chain import canonical, link
from trustee.duties import Duties, Post
from trustee.errors import LedgerError
from trustee.ledger import Ledger
from trustee.record import Record


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


def opened(scene: Scene, votes: int = 3) -> Transcript:
    """A log in which so many trustees countersigned the roster."""
    log = Transcript(scene.round_id)
    log.append("plan", scene.record.plan)
    for key in scene.held.signing[:votes]:
        log.append("roster", roster_vote(scene.plan, scene.roster, key))
    return log


def close(
    scene: Scene, log: Transcript, included: Iterable[bytes], head: bytes | None = None
) -> None:
    """The coordinator's list, over the log as it stands."""
    signed = closing.propose(scene.plan, included, log.head if head is None else head, COORDINATOR)
    log.append("close", signed)


def forked(scene: Scene, numbers: Iterable[int], *, left_out: int = 0) -> Transcript:
    """A transcript that a dishonest coordinator makes up for one trustee.

    :param left_out: how many of the logged contributions it does not list.
    """
    log = opened(scene)
    for number in numbers:
        log.append("contribution", scene.contribution(number))
    included = [statement_hash(payload) for payload in log.of_kind("contribution")]
    close(scene, log, included[left_out:])
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

    again = Duties(
        scene.terms(), scene.holder(1), new_ledger(tmp_path / "copy.jsonl"), scene.seen()
    )
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
        first = Duties(scene.terms(), scene.holder(index), ledger, scene.seen())
        second = Duties(other.terms(), other.holder(index), ledger, other.seen())

        closing_vote(first, forked(scene, range(1, 13)).entries)

        read_all(second, forked(other, range(1, 12)).entries)
        with pytest.raises(PolicyRefusal, match="1 enterprise that is not counted now"):
            second.step()
        assert first.wants == second.wants == ()  # neither round has opened anything yet
        ledger.close()


@pytest.mark.parametrize("same", ["enterprise_id", "group"])
def test_an_enterprise_with_a_new_key_is_not_closed_again(
    scene: Scene, tmp_path: Path, same: str
) -> None:
    ledger = new_ledger(tmp_path / "ledger-1.jsonl")
    closing_vote(
        Duties(scene.terms(), scene.holder(1), ledger, scene.seen()),
        forked(scene, range(1, 13)).entries,
    )
    ledger.close()
    # The ledger of a trustee that saw these enterprises under other keys.
    lines = (tmp_path / "ledger-1.jsonl").read_text().splitlines()
    record = json.loads(lines[0])
    record["members"] = [bytes([n]).hex() * 32 for n in range(12)]
    del record["groups" if same == "enterprise_id" else "enterprises"]
    record["hash"] = link(record).hex()
    (tmp_path / "moved.jsonl").write_bytes(canonical(record) + b"\n")
    other = Scene(round_id="round-2", members=11)
    second = Duties(
        other.terms(), other.holder(1), new_ledger(tmp_path / "moved.jsonl"), other.seen()
    )
    read_all(second, forked(other, range(1, 12)).entries)

    with pytest.raises(PolicyRefusal, match="1 enterprise that is not counted now"):
        second.step()


def test_a_closing_vote_of_any_size_is_not_kept(scene: Scene, tmp_path: Path) -> None:
    log = forked(scene, range(1, 13))
    atoms = Declared((tuple(range(999)), tuple(range(999))))
    statement = ClosingStatement.of(scene.plan.hash, [bytes(32)], b"a" * 32, atoms)
    log.append("closing", closing.vote(statement, b"h" * 32, scene.held.signing[1]))

    with pytest.raises(TranscriptBroken, match="larger than any closing vote"):
        read_all(new_duties(scene, 1, tmp_path), log.entries)
    assert (tmp_path / "ledger-1.jsonl").read_bytes() == b""


def test_nothing_is_cancelled_after_enough_certificates(scene: Scene, tmp_path: Path) -> None:
    board = scene.board(tmp_path / "board.sqlite")
    for number in range(1, 13):
        scene.submit(board, number)
    assert run(board, [new_service(scene, board, i, tmp_path) for i in (1, 2, 3)]) == "released"
    entries = list(board.read(scene.round_id, 0))
    places = [entry.index for entry in entries if entry.kind == "certificate"]
    assert len(places) == 3

    def cancelled_after(count: int) -> Record:
        record = Record(scene.terms())
        for entry in entries[:count]:
            record.read(entry)
        notice = make_cancellation(scene.plan, NOW, "too late", COORDINATOR)
        record.read(next_entry(entries[count - 1].hash, count, "cancellation", notice))
        return record

    assert cancelled_after(places[2]).cancelled == "too late"
    with pytest.raises(TranscriptBroken, match="after enough trustees certified"):
        cancelled_after(places[2] + 1)


def test_a_round_too_small_to_open_leaves_its_members_free(scene: Scene, tmp_path: Path) -> None:
    other = Scene(round_id="round-2")
    ledger = new_ledger(tmp_path / "ledger-1.jsonl")
    small = Duties(other.terms(), other.holder(1), ledger, other.seen())
    closing_vote(small, forked(other, range(1, 5)).entries)

    closing_vote(
        Duties(scene.terms(), scene.holder(1), ledger, scene.seen()),
        forked(scene, range(1, 13)).entries,
    )


@pytest.mark.parametrize("left_out", [1, 12])
def test_a_logged_contribution_is_not_left_off_the_list(
    scene: Scene, tmp_path: Path, left_out: int
) -> None:
    log = forked(scene, range(1, 13), left_out=left_out)
    duties = new_duties(scene, 1, tmp_path)
    read_all(duties, log.entries)

    with pytest.raises(TranscriptBroken, match="was logged, and so acknowledged, but not counted"):
        duties.step()
    assert (tmp_path / "ledger-1.jsonl").read_bytes() == b""


def test_the_last_valid_version_is_counted(scene: Scene, tmp_path: Path) -> None:
    log = opened(scene)
    first, second = scene.contribution(1), scene.contribution(1, version=2)
    others = [scene.contribution(number) for number in range(2, 7)]
    for data in (first, *others, second):
        log.append("contribution", data)
    listed = [statement_hash(data) for data in (second, *others)]
    honest, older = log, Transcript(scene.round_id, list(log.entries))
    close(scene, honest, listed)
    close(scene, older, [statement_hash(first), *listed[1:]])

    closing_vote(new_duties(scene, 1, tmp_path), honest.entries)

    refusing = new_duties(scene, 2, tmp_path)
    read_all(refusing, older.entries)
    with pytest.raises(TranscriptBroken, match="superseded by a later version"):
        refusing.step()


def test_a_contribution_whose_proof_fails_is_not_counted(scene: Scene, tmp_path: Path) -> None:
    log = opened(scene)
    good = [scene.contribution(number) for number in range(1, 7)]
    # Made for version 1 of member 8, and handed in under another name.
    copied = Scene(title="Another plan").contribution(8)
    payload = pb.Contribution.FromString(open_signed(copied, "contribution").payload)
    payload.plan_hash = scene.plan.hash
    bad = member_key(7).sign("contribution", encode(payload))
    for data in (bad, *good):
        log.append("contribution", data)
    with_bad = Transcript(scene.round_id, list(log.entries))
    close(scene, log, map(statement_hash, good))
    close(scene, with_bad, map(statement_hash, (bad, *good)))

    closing_vote(new_duties(scene, 1, tmp_path), log.entries)

    refusing = new_duties(scene, 2, tmp_path)
    read_all(refusing, with_bad.entries)
    with pytest.raises(TranscriptBroken, match="is listed and cannot be"):
        refusing.step()


def test_a_restarted_trustee_signs_the_same_closing(scene: Scene, tmp_path: Path) -> None:
    entries = forked(scene, range(1, 13)).entries

    votes = []
    for _ in range(2):
        ledger = new_ledger(tmp_path / "ledger.jsonl")
        duties = Duties(scene.terms(), scene.holder(1), ledger, scene.seen())
        votes.append(closing_vote(duties, entries))
        ledger.close()

    assert votes[0] == votes[1]


DEFECTS = {
    "late": "too many or too late",
    "second close": "a second time",
    "head": "closes another log",
    "roster too few": "before enough trustees countersigned",
    "close too early": "before enough trustees countersigned",
    "late roster": "roster vote too many or too late",
    "late rehearsal": "rehearsal after the round began",
    "late deadline": "deadline after the closing",
    "mislabelled": "another kind",
    "after the end": "has no place there",
    "second refusal": "second refusal",
    "early vote": "too many or too early",
    "early release": "too many or too early",
}


def broken(scene: Scene, defect: str) -> Transcript:
    """A log with one entry, the last, in a place where it must not stand."""
    plan, key = scene.plan, scene.held.signing[0]
    deadline = make_deadline(plan, NOW, NOW + 5, "longer", COORDINATOR)
    closed = forked(scene, range(1, 3))
    if defect == "late":
        closed.append("contribution", scene.contribution(5))
    elif defect == "second close":
        close(scene, closed, [])
    elif defect == "late roster":
        closed.append("roster", roster_vote(plan, scene.roster, scene.held.signing[3]))
    elif defect == "late deadline":
        closed.append("deadline", deadline)
    elif defect == "after the end":
        closed.append("cancellation", make_cancellation(plan, NOW, "wrong", COORDINATOR))
        closed.append("refusal", make_refusal(plan, "too late", key))
    else:
        closed = opened(scene, votes=2 if defect in ("roster too few", "close too early") else 3)
        _append_early(scene, closed, defect, deadline)
    return closed


def _append_early(scene: Scene, log: Transcript, defect: str, deadline: bytes) -> None:
    plan, key = scene.plan, scene.held.signing[0]
    if defect == "head":
        close(scene, log, [], bytes(32))
    elif defect == "roster too few":
        log.append("contribution", scene.contribution(1))
    elif defect == "close too early":
        close(scene, log, [])
    elif defect == "late rehearsal":
        log.append("rehearsal", make_rehearsal(plan, b"{}", COORDINATOR))
    elif defect == "mislabelled":
        log.append("reminder", deadline)
    elif defect == "second refusal":
        log.append("refusal", make_refusal(plan, "first", key))
        log.append("refusal", make_refusal(plan, "second", key))
    elif defect == "early vote":
        log.append("certificate", key.sign("certificate", b""))
    else:
        log.append("release", COORDINATOR.sign("release", b""))


@pytest.mark.parametrize("defect", DEFECTS)
def test_an_entry_that_has_no_place_is_refused(scene: Scene, tmp_path: Path, defect: str) -> None:
    *before, last = broken(scene, defect).entries
    duties = new_duties(scene, 1, tmp_path)
    read_all(duties, before)

    with pytest.raises(TranscriptBroken, match=DEFECTS[defect]):
        duties.read(last)


@pytest.mark.parametrize("defect", ["payload", "kind", "order", "plan"])
def test_a_transcript_that_was_altered_is_refused(
    scene: Scene, tmp_path: Path, defect: str
) -> None:
    log = forked(scene, range(1, 3))
    if defect == "plan":
        log = Transcript(scene.round_id)
        log.append("plan", Scene(title="Another").record.plan)
    entries = list(log.entries)
    if defect == "payload":
        entries[4] = dataclasses.replace(entries[4], payload=scene.contribution(7))
    elif defect == "kind":
        entries[4] = dataclasses.replace(entries[4], kind="closing")
    elif defect == "order":
        entries[4], entries[5] = entries[5], entries[4]

    with pytest.raises(TranscriptBroken):
        read_all(new_duties(scene, 1, tmp_path), entries)


def test_what_is_said_around_a_round_has_its_place(scene: Scene, tmp_path: Path) -> None:
    plan = scene.plan
    log = Transcript(scene.round_id)
    log.append("plan", scene.record.plan)
    log.append("rehearsal", make_rehearsal(plan, b"{}", COORDINATOR))
    log.append("deadline", make_deadline(plan, NOW, NOW + 5, "longer", COORDINATOR))
    for key in scene.held.signing:
        log.append("roster", roster_vote(plan, scene.roster, key))
    log.append("reminder", make_reminder(plan, NOW, 0, COORDINATOR))
    log.append("refusal", make_refusal(plan, "not my sector", scene.held.signing[3]))
    sent = [scene.contribution(number) for number in range(1, 7)]
    for data in sent:
        log.append("contribution", data)
    close(scene, log, map(statement_hash, sent))

    closing_vote(new_duties(scene, 1, tmp_path), log.entries)


@pytest.mark.parametrize("kind", ["deadline", "rehearsal", "cancellation"])
def test_only_the_coordinator_announces(scene: Scene, tmp_path: Path, kind: str) -> None:
    plan, key = scene.plan, scene.held.signing[0]
    statements = {
        "deadline": make_deadline(plan, NOW, NOW + 5, "longer", key),
        "rehearsal": make_rehearsal(plan, b"{}", key),
        "cancellation": make_cancellation(plan, NOW, "wrong", key),
    }
    log = opened(scene, votes=0)
    log.append(kind, statements[kind])

    with pytest.raises(InvalidSignature, match="the coordinator's to sign"):
        read_all(new_duties(scene, 1, tmp_path), log.entries)


def test_after_a_cancellation_nothing_is_signed(scene: Scene, tmp_path: Path) -> None:
    log = forked(scene, range(1, 13))
    log.append("cancellation", make_cancellation(scene.plan, NOW, "wrong", COORDINATOR))
    duties = new_duties(scene, 1, tmp_path)
    read_all(duties, log.entries)

    assert duties.finished
    assert duties.step() == []
    assert (tmp_path / "ledger-1.jsonl").read_bytes() == b""


def test_votes_of_others_are_noted_and_an_own_one_must_be_known(
    scene: Scene, tmp_path: Path
) -> None:
    log = forked(scene, range(1, 13))
    own = closing_vote(new_duties(scene, 1, tmp_path), log.entries)
    other = closing_vote(new_duties(scene, 2, tmp_path), log.entries)
    log.append("closing", other)
    log.append("closing", own)
    signer = scene.held.signing[1].public.raw

    for _ in range(2):
        ledger = Ledger(copy(tmp_path, "ledger-1.jsonl"))
        read_all(Duties(scene.terms(), scene.holder(1), ledger, scene.seen()), log.entries)
        assert len(ledger.seen(signer)) == 1
        ledger.close()

    forgotten = new_ledger(tmp_path / "empty.jsonl")
    with pytest.raises(LedgerError, match="ledger does not know"):
        read_all(Duties(scene.terms(), scene.holder(1), forgotten, scene.seen()), log.entries)


def copy(folder: Path, name: str) -> Path:
    """A copy of a ledger whose file is held open by a test."""
    path = folder / f"copy-of-{name}"
    if not path.exists():
        path.write_bytes((folder / name).read_bytes())
    return path


def test_a_contribution_of_a_stranger_cannot_be_listed(scene: Scene, tmp_path: Path) -> None:
    log = opened(scene)
    stranger = scene.contribution(1, signer=COORDINATOR)
    log.append("contribution", stranger)
    close(scene, log, [statement_hash(stranger)])
    duties = new_duties(scene, 1, tmp_path)
    read_all(duties, log.entries)

    with pytest.raises(TranscriptBroken, match="not on the roster"):
        duties.step()
