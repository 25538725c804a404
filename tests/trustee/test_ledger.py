"""The ledger signs once, takes a member once, and notices when it was touched."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest

from protocols.errors import PolicyRefusal
from tests.trustee.scene import new_ledger
from trustee.chain import GENESIS, Line, canonical, link, look
from trustee.errors import LedgerError
from trustee.ledger import MAX_SHOWN_BYTES, Item, Ledger, SeenVote

PLAN, OTHER_PLAN = b"p" * 32, b"q" * 32
STATEMENT, OTHER_STATEMENT = b"s" * 32, b"t" * 32
A, B, C = (Item.of(name.encode() * 32, f"E-{name}", f"group {name}") for name in "abc")
HEAD, OTHER_HEAD, SIGNER = b"h" * 32, b"i" * 32, b"k" * 32


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
    first, second = SeenVote(PLAN, STATEMENT, HEAD), SeenVote(OTHER_PLAN, STATEMENT, OTHER_HEAD)
    for vote, signed in ((first, b"one"), (second, b"two"), (first, b"one")):
        ledger.note_seen(SIGNER, vote, signed)
    ledger.close()

    again = new_ledger(path)

    assert again.seen(SIGNER) == (first, second)
    assert again.shown(SIGNER) == (b"one", b"two")
    assert again.seen(HEAD) == ()
    assert again.shown(HEAD) == ()
    assert again.count == 2


def test_the_newest_votes_are_shown_as_far_as_there_is_room(path: Path) -> None:
    ledger = new_ledger(path)
    half = MAX_SHOWN_BYTES // 2
    for number in (1, 2, 3):
        vote = SeenVote(bytes([number]) * 32, STATEMENT, HEAD)
        ledger.note_seen(SIGNER, vote, bytes([number]) * half)

    assert len(ledger.seen(SIGNER)) == 3
    assert ledger.shown(SIGNER) == (b"\2" * half, b"\3" * half)


RENAMED = {
    "key": Item.of(b"b" * 32, "another", "another group"),
    "enterprise id": Item.of(b"n" * 32, "e-B", "another group"),
    "corporate group": Item.of(b"n" * 32, "another", "GROUP B"),
}


@pytest.mark.parametrize("same", RENAMED)
def test_a_member_is_known_again_by_any_of_its_names(path: Path, same: str) -> None:
    ledger = new_ledger(path)
    ledger.record_closing("one", PLAN, STATEMENT, "2020", [A, B])
    ledger.close()
    again = new_ledger(path)

    with pytest.raises(PolicyRefusal, match="1 members' data of 2020"):
        again.record_closing("two", OTHER_PLAN, STATEMENT, "2020", [C, RENAMED[same]])
    again.record_closing("three", OTHER_PLAN, STATEMENT, "2021", [C, RENAMED[same]])


def test_an_id_is_no_group(path: Path) -> None:
    ledger = new_ledger(path)
    ledger.record_closing("one", PLAN, STATEMENT, "2020", [A])

    ledger.record_closing(
        "two", OTHER_PLAN, STATEMENT, "2020", [Item.of(b"n" * 32, "group a", "E-a")]
    )


def test_a_ledger_holds_no_names(path: Path) -> None:
    new_ledger(path).record_closing("one", PLAN, STATEMENT, "2020", [A])

    text = path.read_text().casefold()
    assert A.member.hex() in text
    assert "e-a" not in text.replace(A.enterprise.hex(), "").replace('"', " ")
    assert "group a" not in text


def test_lines_of_an_earlier_version_still_count(path: Path) -> None:
    closing: Line = {"event": "closing", "round": "old", "plan": PLAN.hex(), "period": "2020"}
    closing |= {"statement": STATEMENT.hex(), "members": [B.member.hex()]}
    seen: Line = {"event": "seen", "signer": SIGNER.hex(), "plan": PLAN.hex()}
    seen |= {"statement": STATEMENT.hex(), "head": HEAD.hex()}
    head, lines = GENESIS.hex(), b""
    for number, event in enumerate((closing, seen)):
        record = event | {"number": number, "time": 1, "previous": head}
        head = record["hash"] = link(record).hex()
        lines += canonical(record) + b"\n"
    path.write_bytes(lines)

    ledger = new_ledger(path)

    with pytest.raises(PolicyRefusal, match="1 members' data"):
        ledger.record_closing("two", OTHER_PLAN, STATEMENT, "2020", [B])
    ledger.record_closing("three", OTHER_PLAN, STATEMENT, "2020", [A])
    assert ledger.seen(SIGNER) == (SeenVote(PLAN, STATEMENT, HEAD),)
    assert ledger.shown(SIGNER) == ()


def test_an_own_vote_is_held_at_its_very_place(path: Path) -> None:
    ledger = new_ledger(path)
    ledger.note_seen(SIGNER, SeenVote(PLAN, STATEMENT, HEAD), b"signed")
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
