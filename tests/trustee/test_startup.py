"""A trustee serves only once the others confirmed that its ledger forgot nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from protocols import closing
from protocols.closing import ClosingStatement
from protocols.signing import SigningKey, open_signed
from protocols.wire import messages_pb2 as pb
from protocols.wire.codec import encode
from tests.trustee.scene import Direct, Scene, new_ledger, new_service, run, run_again
from trustee.errors import LedgerError, RefusedError
from trustee.ledger import Ledger
from trustee.peers import Peers
from trustee.startup import ANSWER, LedgerCheck
from trustee.votes import read_closing_vote

PLAN = b"p" * 32
STATEMENT = ClosingStatement.of(PLAN, (b"i" * 32,), b"a" * 32)


@pytest.fixture(scope="module")
def scene() -> Scene:
    return Scene()


def asking(scene: Scene, index: int, ledger: Ledger, nonce: bytes | None = None) -> LedgerCheck:
    accepted = scene.accepted(index)
    return LedgerCheck(accepted.ceremony, accepted.me, accepted.signing, ledger, nonce=nonce)


def ledgers(path: Path, count: int = 4) -> list[Ledger]:
    return [new_ledger(path / f"ledger-{index}.jsonl") for index in range(1, count + 1)]


def signed_once(path: Path, scene: Scene) -> tuple[Ledger, bytes, bytes]:
    """A ledger of trustee 1 with one closing, its backup from before, and the vote."""
    ledger = new_ledger(path / "subject.jsonl")
    backup = (path / "subject.jsonl").read_bytes()
    head = ledger.record_closing("r", PLAN, STATEMENT.hash, "2020", [])
    return ledger, backup, closing.vote(STATEMENT, head, scene.held.signing[0])


def note(ledger: Ledger, scene: Scene, vote: bytes) -> None:
    """Have a trustee see a vote in a transcript."""
    trustee, seen = read_closing_vote(vote, scene.held.ceremony)
    ledger.note_seen(trustee.signing_key.raw, seen, vote)


def test_q_trustees_that_agree_let_each_other_serve(scene: Scene, tmp_path: Path) -> None:
    checks = [asking(scene, i, ledger) for i, ledger in enumerate(ledgers(tmp_path, 3), start=1)]
    relay: list[bytes] = []

    for check in checks * 2:
        relay += check.read(relay)

    assert all(check.passed for check in checks)
    assert checks[0].waiting_for == []
    assert all(check.read(relay) == [] for check in checks)


def test_fewer_than_q_wait_and_say_for_whom(scene: Scene, tmp_path: Path) -> None:
    checks = [asking(scene, i, ledger) for i, ledger in enumerate(ledgers(tmp_path, 2), start=1)]
    relay: list[bytes] = []

    for check in checks * 3:
        relay += check.read(relay)

    assert not any(check.passed for check in checks)
    assert checks[0].waiting_for == ["trustee-3", "trustee-4"]


def test_a_ledger_with_what_others_saw_is_confirmed(scene: Scene, tmp_path: Path) -> None:
    ledger, _, vote = signed_once(tmp_path, scene)
    others = ledgers(tmp_path, 2)
    for other in others:
        note(other, scene, vote)
    check = asking(scene, 1, ledger)

    relay = check.read([])
    for index, other in enumerate(others, start=2):
        relay += asking(scene, index, other).read(relay)[1:]
    check.read(relay)

    assert check.passed


def test_a_restored_ledger_is_refused(scene: Scene, tmp_path: Path) -> None:
    _, backup, vote = signed_once(tmp_path, scene)
    (tmp_path / "restored.jsonl").write_bytes(backup)
    restored, (other,) = new_ledger(tmp_path / "restored.jsonl"), ledgers(tmp_path, 1)
    note(other, scene, vote)
    check = asking(scene, 1, restored)
    relay = check.read([])
    relay += asking(scene, 2, other).read(relay)

    with pytest.raises(LedgerError, match=r"trustee-2 saw .* restore the newest"):
        check.read(relay)
    assert not check.passed


def test_a_vote_at_another_place_of_the_ledger_is_another_vote(
    scene: Scene, tmp_path: Path
) -> None:
    ledger, _, _ = signed_once(tmp_path, scene)
    (other,) = ledgers(tmp_path, 1)
    note(other, scene, closing.vote(STATEMENT, b"h" * 32, scene.held.signing[0]))
    check = asking(scene, 1, ledger)
    relay = check.read([])

    with pytest.raises(LedgerError):
        check.read(asking(scene, 2, other).read(relay))


Change = Callable[[pb.LedgerAnswer], None]
CHANGES: dict[str, Change] = {
    "replayed from an earlier start": lambda answer: setattr(answer, "nonce", b"o" * 32),
    "about another key": lambda answer: setattr(answer, "key_id", b"k" * 32),
    "for another trustee": lambda answer: setattr(answer, "subject", 4),
}


def answers(scene: Scene, question: bytes, change: Change, keys: list[SigningKey]) -> list[bytes]:
    """Answers without a vote to a question of trustee 1, changed before they are signed."""
    nonce = pb.LedgerQuestion.FromString(open_signed(question, "ledger-question").payload).nonce
    answer = pb.LedgerAnswer(key_id=scene.held.ceremony.key_id, nonce=nonce, subject=1)
    change(answer)
    return [key.sign(ANSWER, encode(answer)) for key in keys]


@pytest.mark.parametrize("defect", [*CHANGES, "by strangers", "altered", "twice by one", "own"])
def test_answers_that_do_not_count(
    scene: Scene, tmp_path: Path, defect: str, caplog: pytest.LogCaptureFixture
) -> None:
    check = asking(scene, 1, ledgers(tmp_path, 1)[0])
    (question,) = check.read([])
    keys = scene.held.signing[1:]
    change = CHANGES.get(defect, lambda _: None)
    if defect == "by strangers":
        keys = [SigningKey.from_seed(bytes([n]) * 32) for n in range(3)]
    elif defect == "twice by one":
        keys = [keys[0], keys[0]]
    elif defect == "own":
        keys = [scene.held.signing[0]] * 3
    found = answers(scene, question, change, keys)
    if defect == "altered":
        found = [data[:-1] + bytes([data[-1] ^ 1]) for data in found]

    check.read([question, *found])
    check.read([question, *found])

    assert not check.passed
    assert caplog.text.count("passing over") == (
        3 if defect not in ("for another trustee", "twice by one", "own") else 0
    )


def test_a_witness_behind_enough_confirmations_is_heard(scene: Scene, tmp_path: Path) -> None:
    _, backup, vote = signed_once(tmp_path, scene)
    (tmp_path / "restored.jsonl").write_bytes(backup)
    others = ledgers(tmp_path, 3)
    note(others[2], scene, vote)
    check = asking(scene, 1, new_ledger(tmp_path / "restored.jsonl"))
    relay = check.read([])
    for index, other in enumerate(others, start=2):
        relay += asking(scene, index, other).read(relay[:1])[1:]

    with pytest.raises(LedgerError, match="trustee-4 saw"):
        check.read(relay)
    assert not check.passed


def test_a_witness_that_comes_later_ends_it_still(scene: Scene, tmp_path: Path) -> None:
    _, backup, vote = signed_once(tmp_path, scene)
    (tmp_path / "restored.jsonl").write_bytes(backup)
    others = ledgers(tmp_path, 3)
    note(others[2], scene, vote)
    check = asking(scene, 1, new_ledger(tmp_path / "restored.jsonl"))
    relay = check.read([])
    late = asking(scene, 4, others[2]).read(relay)[1:]
    for index, other in enumerate(others[:2], start=2):
        relay += asking(scene, index, other).read(relay[:1])[1:]
    check.read(relay)
    assert check.passed

    with pytest.raises(LedgerError, match="trustee-4 saw"):
        check.read(relay + late)


@pytest.mark.parametrize("shown", ["nothing", "its own vote", "altered", "another kind"])
def test_a_liar_ends_nobody_and_is_named(
    scene: Scene, tmp_path: Path, shown: str, caplog: pytest.LogCaptureFixture
) -> None:
    subject, liar = scene.held.signing[:2]
    payload = open_signed(closing.vote(STATEMENT, b"h" * 32, liar), "closing").payload
    vote = {
        "nothing": b"",
        "its own vote": liar.sign("closing", payload),
        "altered": subject.sign("closing", payload)[:-1] + b"x",
        "another kind": subject.sign("sums", payload),
    }[shown]
    check = asking(scene, 1, ledgers(tmp_path, 1)[0])
    (question,) = check.read([])

    def lie(answer: pb.LedgerAnswer) -> None:
        answer.votes.add(vote=vote)

    (lies,) = answers(scene, question, lie, [liar])
    honest = answers(scene, question, lambda _: None, scene.held.signing[2:4])

    check.read([question, lies, *honest[:1]])
    assert not check.passed
    assert "trustee trustee-2 answers with" in caplog.text
    check.read([question, lies, *honest])
    assert check.passed


def test_honest_answers_of_this_form_do_count(scene: Scene, tmp_path: Path) -> None:
    check = asking(scene, 1, ledgers(tmp_path, 1)[0])
    (question,) = check.read([])

    check.read(answers(scene, question, lambda _: None, scene.held.signing[1:3]))

    assert check.passed


@pytest.mark.parametrize("rubbish", [b"", b"rubbish", bytes(1 << 21)])
def test_rubbish_on_the_relay_is_passed_over(scene: Scene, tmp_path: Path, rubbish: bytes) -> None:
    check = asking(scene, 1, ledgers(tmp_path, 1)[0])

    assert len(check.read([rubbish])) == 1
    assert not check.passed


def test_the_question_is_put_again_when_the_relay_lost_it(scene: Scene, tmp_path: Path) -> None:
    check = asking(scene, 1, ledgers(tmp_path, 1)[0])
    first = check.read([])

    assert check.read(first) == []
    assert check.read([]) == first


def test_over_the_board_a_restored_trustee_serves_nothing(scene: Scene, tmp_path: Path) -> None:
    board = scene.board(tmp_path / "board.sqlite")
    backup = tmp_path / "before"
    services = [new_service(scene, board, i, tmp_path) for i in range(1, 5)]
    run(board, services)
    backup.write_bytes((tmp_path / "ledger-1.jsonl").read_bytes())
    for number in range(1, 13):
        scene.submit(board, number)
    assert run(board, services) == "released"
    services[0]._ledger.close()
    (tmp_path / "ledger-1.jsonl").write_bytes(backup.read_bytes())

    restored = new_service(scene, board, 1, tmp_path)
    with pytest.raises(LedgerError, match="does not hold"):
        run_again(board, (restored, *services[1:]))


def test_a_coordinator_without_such_a_round_is_asked_again(
    scene: Scene, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Empty(Direct):
        def peers(self, key_id: bytes) -> list[bytes]:
            raise RefusedError("no round here uses that key", "PolicyRefusal")

    board = scene.board(tmp_path / "board.sqlite")
    peers = Peers(
        Empty(board, scene.held.signing[0].public), [scene.accepted(1)], ledgers(tmp_path, 1)[0]
    )

    assert not peers.poll()
    assert not peers.poll()
    assert not peers.confirmed(scene.held.ceremony.key_id)
    assert peers.waiting == ""
    assert caplog.text.count("no round here uses that key") == 1


def test_a_question_that_was_replaced_keeps_no_other_from_its_answer(
    scene: Scene, tmp_path: Path
) -> None:
    questions = [
        asking(scene, index, new_ledger(tmp_path / f"{index}")).read([]) for index in (1, 3)
    ]
    posted: list[int] = []

    class Relay:
        def peers(self, key_id: bytes) -> list[bytes]:
            return [data for found in questions for data in found]

        def post_peer(self, statement: bytes) -> None:
            if pb.Signed.FromString(statement).kind == ANSWER:
                subject = pb.LedgerAnswer.FromString(open_signed(statement, ANSWER).payload).subject
                if subject == 1:
                    raise RefusedError("to no question that is asked now", "PolicyRefusal")
                posted.append(subject)

    Peers(Relay(), [scene.accepted(2)], new_ledger(tmp_path / "own")).poll()

    assert posted == [3]
