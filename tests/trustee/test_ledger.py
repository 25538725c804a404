"""The ledger signs once, takes a member once, and notices when it was touched."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest

from protocols.errors import PolicyRefusal
from tests.trustee.scene import new_ledger
from trustee.chain import GENESIS, look
from trustee.errors import LedgerError
from trustee.ledger import Ledger, SeenVote

PLAN, OTHER_PLAN = b"p" * 32, b"q" * 32
STATEMENT, OTHER_STATEMENT = b"s" * 32, b"t" * 32
A, B, C = b"a" * 32, b"b" * 32, b"c" * 32


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.jsonl"


def test_a_closing_is_signed_once_a_round(path: Path) -> None:
    ledger = new_ledger(path)

    assert ledger.record_closing("r", PLAN, STATEMENT, "2020", []) == GENESIS
    assert ledger.record_closing("r", PLAN, STATEMENT, "2020", []) == GENESIS
    with pytest.raises(PolicyRefusal, match="another closing statement"):
        ledger.record_closing("r", PLAN, OTHER_STATEMENT, "2020", [])
    with pytest.raises(PolicyRefusal, match="another closing statement"):
        ledger.record_closing("r", OTHER_PLAN, STATEMENT, "2020", [])
    with pytest.raises(PolicyRefusal, match="closed before as round r"):
        ledger.record_closing("r-again", PLAN, OTHER_STATEMENT, "2020", [])


def test_what_was_signed_is_remembered_after_a_restart(path: Path) -> None:
    ledger = new_ledger(path)
    ledger.record_closing("one", PLAN, STATEMENT, "2020", [])
    head = ledger.head
    before = ledger.record_closing("two", OTHER_PLAN, STATEMENT, "2020", [])
    ledger.close()

    again = new_ledger(path)

    assert before == head
    assert again.record_closing("two", OTHER_PLAN, STATEMENT, "2020", []) == head
    with pytest.raises(PolicyRefusal):
        again.record_closing("one", PLAN, OTHER_STATEMENT, "2020", [])


def test_an_item_is_closed_in_one_round_only(path: Path) -> None:
    ledger = new_ledger(path)
    ledger.record_closing("one", PLAN, STATEMENT, "2020", [A, B])
    before = ledger.head
    ledger.record_closing("one", PLAN, STATEMENT, "2020", [A, B])
    ledger.close()
    again = new_ledger(path)

    with pytest.raises(
        PolicyRefusal, match="1 members' data of 2020 was closed before, in round on"
    ):
        again.record_closing("two", OTHER_PLAN, STATEMENT, "2020", [B, C])
    assert again.head == before
    again.record_closing("two", OTHER_PLAN, STATEMENT, "2020", [C])
    again.record_closing("three", b"r" * 32, STATEMENT, "2021", [A, B])


def test_a_round_of_which_nothing_is_opened_takes_nothing(path: Path) -> None:
    ledger = new_ledger(path)
    ledger.record_closing("small", PLAN, STATEMENT, "2020", [])

    ledger.record_closing("large", OTHER_PLAN, STATEMENT, "2020", [A, B])


def test_another_process_is_kept_out(path: Path) -> None:
    ledger = new_ledger(path)

    with pytest.raises(LedgerError, match="in use"):
        Ledger(path)
    ledger.close()
    Ledger(path).close()


def test_a_missing_ledger_is_not_started_again(path: Path) -> None:
    with pytest.raises(LedgerError, match="missing"):
        Ledger(path)


def test_an_existing_ledger_is_not_overwritten(path: Path) -> None:
    Ledger.create(path)

    with pytest.raises(LedgerError):
        Ledger.create(path)


def filled(path: Path) -> list[bytes]:
    ledger = new_ledger(path)
    ledger.record_closing("one", PLAN, STATEMENT, "2020", [A])
    ledger.record_closing("two", OTHER_PLAN, STATEMENT, "2020", [B, C])
    ledger.record_closing("three", b"r" * 32, STATEMENT, "2020", [])
    ledger.close()
    return path.read_bytes().splitlines(keepends=True)


def test_a_line_cut_off_by_a_crash_is_dropped(path: Path) -> None:
    lines = filled(path)
    path.write_bytes(b"".join(lines[:2]) + lines[2][:-10])

    ledger = new_ledger(path)

    assert path.read_bytes() == b"".join(lines[:2])
    ledger.record_closing("three", b"r" * 32, OTHER_STATEMENT, "2020", [])
    ledger.close()
    new_ledger(path).close()


@pytest.mark.parametrize("defect", ["removed", "swapped", "edited", "not json", "not an object"])
def test_a_ledger_that_was_touched_is_refused(path: Path, defect: str) -> None:
    lines = filled(path)
    if defect == "removed":
        del lines[1]
    elif defect == "swapped":
        lines[0], lines[1] = lines[1], lines[0]
    elif defect == "edited":
        record = json.loads(lines[1])
        record["members"] = record["members"][:1]
        lines[1] = json.dumps(record).encode() + b"\n"
    else:
        lines[1] = b"not json\n" if defect == "not json" else b"[]\n"
    path.write_bytes(b"".join(lines))

    with pytest.raises(LedgerError, match="line"):
        Ledger(path)


def test_votes_of_others_are_noted_once_and_remembered(path: Path) -> None:
    ledger = new_ledger(path)
    first, second = SeenVote(PLAN, STATEMENT, A), SeenVote(OTHER_PLAN, STATEMENT, B)
    for vote in (first, second, first):
        ledger.note_seen(C, vote)
    ledger.close()

    again = new_ledger(path)

    assert again.seen(C) == (first, second)
    assert again.seen(A) == ()
    assert again.count == 2


def test_an_own_vote_is_held_at_its_very_place(path: Path) -> None:
    ledger = new_ledger(path)
    ledger.note_seen(C, SeenVote(PLAN, STATEMENT, A))
    before = ledger.record_closing("one", PLAN, STATEMENT, "2020", [])

    assert ledger.holds(SeenVote(PLAN, STATEMENT, before))
    assert not ledger.holds(SeenVote(PLAN, STATEMENT, ledger.head))
    assert not ledger.holds(SeenVote(PLAN, OTHER_STATEMENT, before))
    assert not ledger.holds(SeenVote(OTHER_PLAN, STATEMENT, before))


def test_a_ledger_is_looked_at_while_it_is_written(path: Path) -> None:
    ledger = new_ledger(path)
    ledger.record_closing("one", PLAN, STATEMENT, "2020", [A])
    path.write_bytes(path.read_bytes() + b'{"half')

    (record,) = look(path)

    assert (record["round"], record["hash"]) == ("one", ledger.head.hex())
    path.write_bytes(path.read_bytes().replace(b'"2020"', b'"2021"'))
    with pytest.raises(LedgerError, match="line 1 breaks the chain"):
        look(path)


def test_a_full_disk_takes_nothing_and_is_survived(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = new_ledger(path)
    ledger.record_closing("one", PLAN, STATEMENT, "2020", [A])
    head = ledger.head

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(LedgerError, match="No space left"):
        ledger.record_closing("two", OTHER_PLAN, STATEMENT, "2020", [B])
    assert ledger.head == head
    monkeypatch.undo()
    ledger.close()
    # Half of the line is what a full disk leaves.
    first, second = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(first + second[:40])

    again = new_ledger(path)

    assert again.head == head
    again.record_closing("two", OTHER_PLAN, STATEMENT, "2020", [B])
