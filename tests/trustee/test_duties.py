"""What a trustee does and refuses, against an honest board and hostile ones; no sockets."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Iterable
from pathlib import Path

import pytest

from coordinator.board import Board
from coordinator.operator import close_request
from protocols import closing
from protocols.contribution import build
from protocols.errors import (
    InvalidSignature,
    KeyRefused,
    PlanError,
    PolicyRefusal,
    TranscriptBroken,
)
from protocols.paillier import encryptor_for
from protocols.plan import Policy
from protocols.release import Release
from protocols.signing import open_signed, statement_hash
from protocols.transcript import Entry, Transcript
from tests.keys import hold_ceremony
from tests.trustee.scene import (
    COORDINATOR,
    Direct,
    Scene,
    member_key,
    new_duties,
    new_ledger,
    values,
)
from trustee.agreement import Description, Limits, agree
from trustee.duties import INCONSISTENT, Duties, Post
from trustee.service import Service


@pytest.fixture(scope="module")
def scene() -> Scene:
    return Scene()


def service(
    scene: Scene, board: Board, index: int, folder: Path, *, lying: bool = False
) -> Service:
    return Service(
        Direct(board),
        scene.holder(index, lying=lying),
        new_ledger(folder / f"ledger-{index}.jsonl"),
        scene.held.ceremony,
        COORDINATOR.public,
        Limits(),
    )


def run(board: Board, services: Iterable[Service], polls: int = 12) -> str:
    trustees = list(services)
    for _ in range(polls):
        board.advance()
        busy = [trustee.poll() for trustee in trustees]
        if not any(busy):
            break
    return board.rounds()[0].state


def filled(scene: Scene, path: Path, numbers: Iterable[int]) -> Board:
    board = scene.board(path / "board.sqlite")
    for number in numbers:
        board.submit(scene.round_id, scene.contribution(number))
    return board


def released(scene: Scene, board: Board) -> Release:
    payload = next(e.payload for e in board.read(scene.round_id, 0) if e.kind == "release")
    size = scene.held.ceremony.key.public.modulus_bytes
    return Release.from_bytes(open_signed(payload, "release").payload, size)


def kinds(board: Board, scene: Scene) -> list[str]:
    return [entry.kind for entry in board.read(scene.round_id, 0)]


def totals(numbers: Iterable[int]) -> dict[str, str]:
    sums: dict[str, int] = {}
    for number in numbers:
        for name, value in values(number).items():
            sums[name] = sums.get(name, 0) + value
    return {name: str(value) for name, value in sums.items()}


def test_a_round_is_released_with_the_exact_totals(scene: Scene, tmp_path: Path) -> None:
    board = filled(scene, tmp_path, range(1, 13))

    state = run(board, [service(scene, board, i, tmp_path) for i in range(1, 5)])

    assert state == "released"
    document = released(scene, board).document
    assert {name: m["value"] for name, m in document["measures"].items()} == totals(range(1, 13))
    assert document["n"] == 12
    assert len(document["bands"]) >= 2
    assert all(band["n"] >= 5 for band in document["bands"])


def test_three_of_four_trustees_are_enough(scene: Scene, tmp_path: Path) -> None:
    board = filled(scene, tmp_path, range(1, 13))

    assert run(board, [service(scene, board, i, tmp_path) for i in (1, 2, 4)]) == "released"


def test_two_trustees_open_nothing(scene: Scene, tmp_path: Path) -> None:
    board = filled(scene, tmp_path, range(1, 13))

    assert run(board, [service(scene, board, i, tmp_path) for i in (1, 2)]) == "closed"
    assert all(board.sealed(scene.round_id, i, "counts") == [] for i in range(1, 5))


def test_a_small_cohort_is_withheld_and_nothing_is_opened(scene: Scene, tmp_path: Path) -> None:
    board = filled(scene, tmp_path, range(1, 5))
    board.close_round(scene.round_id, _close_request(scene))
    services = [service(scene, board, i, tmp_path) for i in range(1, 5)]

    assert run(board, services) == "withheld"

    document = released(scene, board).document
    assert "fewer than 5" in document["withheld"]
    assert document["n"] is None
    assert document["measures"] == {}
    assert "sums" not in kinds(board, scene)
    assert '"opening"' not in (tmp_path / "ledger-1.jsonl").read_text()


def test_a_liar_is_named_and_the_round_completes(
    scene: Scene, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    board = filled(scene, tmp_path, range(1, 13))
    services = [service(scene, board, i, tmp_path, lying=i == 2) for i in range(1, 5)]

    with caplog.at_level(logging.INFO):
        assert run(board, services) == "released"

    assert "OpeningFailed: wrong counts shares from trustee trustee-2" in caplog.text
    assert not [m for m in caplog.messages if "shares from trustee trustee-1" in m]
    document = released(scene, board).document
    assert {name: m["value"] for name, m in document["measures"].items()} == totals(range(1, 13))


def test_every_process_restarted_after_every_step(scene: Scene, tmp_path: Path) -> None:
    board = filled(scene, tmp_path, range(1, 13))

    for _ in range(30):
        board = scene.board(tmp_path / "board.sqlite")
        board.advance()
        for index in range(1, 5):
            ledger = new_ledger(tmp_path / f"ledger-{index}.jsonl")
            trustee = Service(
                Direct(board),
                scene.holder(index),
                ledger,
                scene.held.ceremony,
                COORDINATOR.public,
                Limits(),
            )
            trustee.poll()
            ledger.close()
        if board.rounds()[0].state == "released":
            break

    assert board.rounds()[0].state == "released"
    assert kinds(board, scene).count("closing") == 4
    assert kinds(board, scene).count("release") == 1


def test_a_restarted_trustee_signs_the_same_closing(scene: Scene, tmp_path: Path) -> None:
    board = filled(scene, tmp_path, range(1, 13))
    board.advance()
    entries = list(board.read(scene.round_id, 0))

    votes = []
    for _ in range(2):
        ledger = new_ledger(tmp_path / "ledger.jsonl")
        duties = Duties(scene.agreement(), scene.holder(1), ledger)
        votes.append(closing_vote(duties, entries))
        ledger.close()

    assert votes[0] == votes[1]


def closing_vote(duties: Duties, entries: Iterable[Entry]) -> bytes:
    for entry in entries:
        duties.read(entry)
    (action,) = duties.step()
    assert isinstance(action, Post)
    assert action.kind == "closing"
    return action.statement


def read_all(duties: Duties, entries: Iterable[Entry]) -> None:
    for entry in entries:
        duties.read(entry)


def forked(scene: Scene, numbers: Iterable[int]) -> Transcript:
    """A transcript that a dishonest coordinator makes up for one trustee."""
    log = Transcript(scene.round_id)
    log.append("plan", scene.record.plan)
    for number in numbers:
        log.append("contribution", scene.contribution(number))
    included = [statement_hash(payload) for payload in log.of_kind("contribution")]
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

    again = Duties(scene.agreement(), scene.holder(1), new_ledger(tmp_path / "copy.jsonl"))
    for entry in forked(scene, range(1, 12)).entries:
        again.read(entry)
    with pytest.raises(PolicyRefusal, match="another closing statement"):
        again.step()


def test_members_opened_before_are_not_opened_again(
    scene: Scene, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    board = filled(scene, tmp_path, range(1, 13))
    later = Scene(round_id="round-2", title="The same members once more")
    services = [service(scene, board, i, tmp_path) for i in range(1, 5)]
    assert run(board, services) == "released"

    board.create_round(later.record)
    for number in range(1, 13):
        board.submit(later.round_id, later.contribution(number))
    run(board, services)

    assert board.rounds()[1].state == "closed"
    assert "12 members' data of 2020 was opened before" in caplog.text


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


def test_a_member_in_two_bins_makes_the_cohort_withheld(
    scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    board = filled(scene, tmp_path, range(1, 12))
    encode = type(scene.layout).encode

    def twice(layout: object, measures: dict[str, int]) -> tuple[int, ...]:
        plaintexts = list(encode(scene.layout, measures))
        plaintexts[0] *= 2
        return tuple(plaintexts)

    monkeypatch.setattr(type(scene.layout), "encode", twice)
    encryptor = encryptor_for(scene.held.ceremony.key.public)
    bad = build(scene.plan, scene.layout, values(12), member_key(12), encryptor)
    monkeypatch.undo()
    board.submit(scene.round_id, bad)

    state = run(board, [service(scene, board, i, tmp_path) for i in range(1, 5)])

    document = released(scene, board).document
    assert (state, document["withheld"]) == ("withheld", INCONSISTENT)


def description(scene: Scene, **changes: object) -> Description:
    record = scene.record
    fields = {
        "plan": record.plan,
        "roster": record.roster,
        "ceremony": record.ceremony,
        "countersignatures": record.countersignatures,
    }
    return Description(**{**fields, **changes})  # type: ignore[arg-type]


def test_terms_that_a_trustee_refuses(scene: Scene) -> None:
    own, pinned, limits = scene.held.ceremony, COORDINATOR.public, Limits()

    def refused(error: type[Exception], text: str, **changes: object) -> None:
        with pytest.raises(error, match=text):
            agree(scene.round_id, description(scene, **changes), own, pinned, limits)

    agree(scene.round_id, description(scene), own, pinned, limits)
    refused(PlanError, "roster", roster=Scene(members=11).record.roster)
    refused(KeyRefused, "another ceremony", ceremony=hold_ceremony(small=True).ceremony.received)
    refused(InvalidSignature, "not countersigned", countersignatures=())
    forged = member_key(1).sign("plan", scene.plan.to_bytes())
    refused(InvalidSignature, "pinned", plan=forged)
    looser = dataclasses.replace(scene.plan, policy=Policy(4, 10))
    refused(PolicyRefusal, "cohorts of 4", plan=COORDINATOR.sign("plan", looser.to_bytes()))
    looser = dataclasses.replace(scene.plan, policy=Policy(5, 9))
    refused(PolicyRefusal, "p = 9", plan=COORDINATOR.sign("plan", looser.to_bytes()))
    with pytest.raises(PlanError, match="names round"):
        agree("round-9", description(scene), own, pinned, limits)
    with pytest.raises(PolicyRefusal, match="takes no part"):
        agree(
            scene.round_id, description(scene), own, pinned, Limits(refused_cohorts=("cohort-1",))
        )


def test_logs_hold_no_values(
    scene: Scene, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    board = filled(scene, tmp_path, range(1, 13))
    with caplog.at_level(logging.DEBUG):
        run(board, [service(scene, board, i, tmp_path, lying=i == 1) for i in range(1, 5)])

    secrets = {str(v) for n in range(1, 13) for v in values(n).values()}
    assert not [s for s in secrets if f" {s}" in caplog.text]


def _close_request(scene: Scene) -> bytes:
    return close_request(scene.plan, COORDINATOR)
