"""The ledger signs once, holds each closing against all before, and notices when it was touched."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest

from protocols.atom_classes import KnownClasses
from protocols.atoms import Declared
from protocols.errors import PolicyRefusal
from protocols.items import Item
from tests.trustee.scene import new_ledger
from trustee.chain import GENESIS, Line, canonical, link, look
from trustee.errors import LedgerError
from trustee.ledger import MAX_SHOWN_BYTES, Ledger, SeenVote
from trustee.releases import Parts, SameData

PLAN, OTHER_PLAN = b"p" * 32, b"q" * 32
STATEMENT, OTHER_STATEMENT = b"s" * 32, b"t" * 32
A, B, C, *OTHERS = (
    Item.of(name.encode() * 32, f"E-{name}", f"group {name}") for name in "abcdefghijklmn"
)
FIVE, TEN = OTHERS[:5], OTHERS[:10]
ADDED = Declared((tuple(range(5)), tuple(range(5, 10))), frozenset((1,)), totals_only=True)
"""Ten of which the first five were opened before."""
REFINED = Declared(ADDED.atoms, totals_only=True)
"""The same in the next year, where nothing was new."""
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


def test_the_same_members_are_closed_once_a_period(path: Path) -> None:
    ledger = new_ledger(path)
    ledger.record_closing("one", PLAN, STATEMENT, "2020", FIVE)
    before = ledger.head
    ledger.record_closing("one", PLAN, STATEMENT, "2020", FIVE)
    ledger.close()
    again = new_ledger(path)

    with pytest.raises(PolicyRefusal, match=r"round two is not closed: .* last in round one, so"):
        again.record_closing("two", OTHER_PLAN, STATEMENT, "2020", FIVE)
    assert again.head == before
    again.record_closing("two", OTHER_PLAN, STATEMENT, "2020", OTHERS[5:10])
    again.record_closing("three", b"r" * 32, STATEMENT, "2021", FIVE)


def test_more_members_are_closed_as_the_atoms_that_they_are(path: Path) -> None:
    ledger = new_ledger(path)
    ledger.record_closing("one", PLAN, STATEMENT, "2020", FIVE)
    ledger.close()
    again = new_ledger(path)

    for declared, reason in (
        (Declared(), "cuts it into 2 atoms"),
        (Declared(ADDED.atoms, frozenset((1,))), "totals only: round one"),
        (Declared(ADDED.atoms, frozenset(), True), "declares no atom .* is new"),
        (Declared(ADDED.atoms, frozenset((0, 1)), True), "declares no atom .* is new"),
    ):
        with pytest.raises(PolicyRefusal, match=reason):
            again.record_closing("two", OTHER_PLAN, STATEMENT, "2020", TEN, declared=declared)
    with pytest.raises(PolicyRefusal, match="all but fewer than 5 of its enterprises had"):
        again.record_closing("two", OTHER_PLAN, STATEMENT, "2020", TEN[:9], declared=ADDED)
    with pytest.raises(PolicyRefusal, match="1 enterprise that is not counted"):
        again.record_closing("two", OTHER_PLAN, STATEMENT, "2021", OTHERS[1:10], declared=ADDED)
    again.record_closing("two", OTHER_PLAN, STATEMENT, "2020", TEN, declared=ADDED)


def test_where_nothing_is_parted_bands_are_not_asked_for(path: Path) -> None:
    ledger = new_ledger(path)
    ledger.record_closing("one", PLAN, STATEMENT, "2020", FIVE, parts=Parts.NONE)

    declared = Declared(ADDED.atoms, ADDED.fresh)
    ledger.record_closing(
        "two", OTHER_PLAN, STATEMENT, "2020", TEN, declared=declared, parts=Parts.NONE
    )


def test_a_round_of_which_nothing_is_opened_takes_nothing(path: Path) -> None:
    ledger = new_ledger(path)
    ledger.record_closing("small", PLAN, STATEMENT, "2020", [])

    ledger.record_closing("large", OTHER_PLAN, STATEMENT, "2020", FIVE)
    with pytest.raises(PolicyRefusal, match="round large"):
        ledger.record_closing("again", b"r" * 32, STATEMENT, "2020", FIVE)


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
    ledger.record_closing("one", PLAN, STATEMENT, "2020", FIVE)
    ledger.record_closing("two", OTHER_PLAN, STATEMENT, "2020", [A, B, C, *OTHERS[5:7]])
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


def test_class_counts_are_kept_for_rounds_over_the_same_data(path: Path) -> None:
    known = {"output": KnownClasses("yuan", 1, (0, 2, 3))}
    ledger = new_ledger(path)
    ledger.record_closing("one", PLAN, STATEMENT, "2020", FIVE)
    for _ in range(2):
        ledger.record_classes("one", PLAN, STATEMENT, known)
    assert ledger.count == 2
    ledger.close()
    again = new_ledger(path)
    later = [OTHERS[7], *reversed(FIVE), OTHERS[8]]

    assert again.same_data("two", "2020", later) == [SameData("one", frozenset(range(1, 6)), known)]
    assert again.awaited("two", "2020", later) == []
    assert again.same_data("two", "2020", later[:-2]) == []
    assert again.same_data("two", "2021", later) == []
    assert again.same_data("one", "2020", FIVE) == []


def test_a_closing_waits_for_the_certificates_of_earlier_ones(path: Path) -> None:
    known = {"output": KnownClasses("yuan", 1, (0, 2, 3))}
    ledger = new_ledger(path)
    ledger.record_closing("zulu", PLAN, STATEMENT, "2020", FIVE)
    ledger.record_closing("alpha", OTHER_PLAN, STATEMENT, "2020", OTHERS[5:10])

    assert ledger.awaited("later", "2020", TEN) == ["alpha", "zulu"]
    assert ledger.awaited("later", "2021", TEN) == []
    assert ledger.awaited("later", "2020", OTHERS[1:10]) == ["alpha"]
    assert ledger.awaited("zulu", "2020", FIVE) == []
    ledger.record_classes("alpha", OTHER_PLAN, STATEMENT, known)
    assert ledger.awaited("later", "2020", TEN) == ["zulu"]
    ledger.record_classes("zulu", PLAN, STATEMENT, {})
    assert ledger.awaited("later", "2020", TEN) == []
    found = [(same.round_id, same.classes) for same in ledger.same_data("later", "2020", TEN)]
    assert found == [("alpha", known), ("zulu", {})]


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
    "enterprise id": Item.of(b"0" * 32, "e-B", "another group"),
    "corporate group": Item.of(b"0" * 32, "another", "GROUP B"),
}


@pytest.mark.parametrize("same", RENAMED)
def test_a_member_is_known_again_by_any_of_its_names(path: Path, same: str) -> None:
    ledger = new_ledger(path)
    ledger.record_closing("one", PLAN, STATEMENT, "2020", [*FIVE, B])
    ledger.close()
    again = new_ledger(path)

    with pytest.raises(PolicyRefusal, match="5 enterprises that are not counted now"):
        again.record_closing("two", OTHER_PLAN, STATEMENT, "2020", [*OTHERS[5:], RENAMED[same]])
    if same == "corporate group":
        return
    again.record_closing("three", OTHER_PLAN, STATEMENT, "2021", [*FIVE, RENAMED[same]])


def test_nobody_stands_for_another_by_the_group_alone(path: Path) -> None:
    """A false group would let an accomplice take the place of one that left."""
    ledger = new_ledger(path)
    ledger.record_closing("one", PLAN, STATEMENT, "2020", [*FIVE, B])
    accomplice = RENAMED["corporate group"]

    with pytest.raises(PolicyRefusal, match=r"1 enterprise of round one .* another of the group"):
        ledger.record_closing("two", OTHER_PLAN, STATEMENT, "2021", [*FIVE, accomplice])
    with pytest.raises(PolicyRefusal, match=r"1 enterprise of round one .* another of the group"):
        ledger.record_closing("two", OTHER_PLAN, STATEMENT, "2021", [*FIVE, accomplice, A])
    ledger.record_closing("two", OTHER_PLAN, STATEMENT, "2021", [*FIVE, B])


def test_later_atoms_do_not_cut_earlier_ones_small(path: Path) -> None:
    """Trustees saw the size classes of {0-4} and {5-9}; two years later others were closed.

    Those of {0, 5-8} beside the first would show two enterprises' classes.
    """
    ledger = new_ledger(path)
    ledger.record_closing("one", PLAN, STATEMENT, "2018", FIVE)
    ledger.record_closing("two", OTHER_PLAN, STATEMENT, "2019", TEN, declared=REFINED)
    crossing = [OTHERS[0], *OTHERS[5:9]]
    ledger.record_closing("three", b"r" * 32, STATEMENT, "2021", crossing)
    ledger.close()
    again = new_ledger(path)
    cut = Declared(((0, 5, 6, 7, 8), (1, 2, 3, 4, 9)), totals_only=True)

    with pytest.raises(PolicyRefusal, match="of the parts of an earlier round, would leave 4 gro"):
        again.record_closing("four", b"t" * 32, STATEMENT, "2020", TEN, declared=cut)
    again.record_closing("four", b"t" * 32, STATEMENT, "2025", TEN)


@pytest.mark.parametrize("place", [10, -1, 1.5, "1"])
def test_atoms_that_are_no_places_are_no_record(path: Path, place: object) -> None:
    ledger = new_ledger(path)
    ledger.record_closing("one", PLAN, STATEMENT, "2018", FIVE)
    ledger.record_closing("two", OTHER_PLAN, STATEMENT, "2019", TEN, declared=REFINED)
    ledger.close()
    first, second = map(json.loads, path.read_bytes().splitlines())
    second["atoms"][1][-1] = place
    second["hash"] = link(second).hex()
    path.write_bytes(b"".join(canonical(line) + b"\n" for line in (first, second)))

    with pytest.raises(LedgerError, match="line 2 is not a record"):
        Ledger(path)


def test_enterprises_that_were_joined_are_not_compared(path: Path) -> None:
    ledger = new_ledger(path)
    ledger.record_closing("one", PLAN, STATEMENT, "2020", [*FIVE, A, B])
    joined = Item.of(A.member, "E-b", "group new")

    with pytest.raises(PolicyRefusal, match=r"1 enterprise .*of round one .* joined or parted"):
        ledger.record_closing("two", OTHER_PLAN, STATEMENT, "2021", [*FIVE, joined])
    # What a refused closing showed is not remembered: it was not signed.
    ledger.record_closing("three", b"r" * 32, STATEMENT, "2021", [*FIVE, A, B])


def test_an_id_is_no_group(path: Path) -> None:
    ledger = new_ledger(path)
    ledger.record_closing("one", PLAN, STATEMENT, "2020", FIVE)

    swapped = [
        Item.of(bytes([n]) * 32, f"group {name}", f"E-{name}") for n, name in enumerate("defgh")
    ]
    ledger.record_closing("two", OTHER_PLAN, STATEMENT, "2020", swapped)


def test_a_ledger_holds_no_names(path: Path) -> None:
    new_ledger(path).record_closing("one", PLAN, STATEMENT, "2020", [*FIVE, A])

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

    with pytest.raises(PolicyRefusal, match="last in round old"):
        ledger.record_closing("two", OTHER_PLAN, STATEMENT, "2020", [B, *FIVE])
    ledger.record_closing("three", OTHER_PLAN, STATEMENT, "2020", [A, *FIVE])
    assert ledger.seen(SIGNER) == (SeenVote(PLAN, STATEMENT, HEAD),)
    assert ledger.shown(SIGNER) == ()


@pytest.mark.parametrize(
    ("parts", "totals_only", "kept"),
    [
        (Parts.NONE, False, "none"),
        (Parts.BANDS, False, "bands"),
        (Parts.CELLS, False, "cells"),
        (Parts.CELLS, True, "none"),
    ],
)
def test_a_line_says_what_its_round_may_publish_beside_totals(
    path: Path, parts: Parts, totals_only: bool, kept: str
) -> None:
    ledger = new_ledger(path)
    declared = Declared(totals_only=totals_only)
    ledger.record_closing("one", PLAN, STATEMENT, "2020", FIVE, declared=declared, parts=parts)
    ledger.close()

    assert look(path)[-1]["parts"] == kept
    again = Ledger(path)
    table = {"parts": Parts.CELLS}
    if kept != "none":
        with pytest.raises(PolicyRefusal, match="totals only: round one of a consecutive period"):
            again.record_closing("two", OTHER_PLAN, STATEMENT, "2021", FIVE, **table)
    else:
        again.record_closing("two", OTHER_PLAN, STATEMENT, "2021", FIVE, **table)
    again.close()


def test_a_line_of_unknown_parts_is_no_record(path: Path) -> None:
    new_ledger(path).close()
    record: Line = {"event": "closing", "round": "old", "plan": PLAN.hex(), "period": "2020"}
    record |= {"statement": STATEMENT.hex(), "members": [B.member.hex()], "parts": "slices"}
    record |= {"number": 0, "time": 1, "previous": GENESIS.hex()}
    record["hash"] = link(record).hex()
    path.write_bytes(canonical(record) + b"\n")

    with pytest.raises(LedgerError, match="is not a record"):
        Ledger(path)


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
    ledger.record_closing("one", PLAN, STATEMENT, "2020", FIVE)
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
    ledger.record_closing("one", PLAN, STATEMENT, "2020", FIVE)
    head = ledger.head

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(LedgerError, match="No space left"):
        ledger.record_closing("two", OTHER_PLAN, STATEMENT, "2020", OTHERS[5:10])
    assert ledger.head == head
    monkeypatch.undo()
    ledger.close()
    # Half of the line is what a full disk leaves.
    first, second = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(first + second[:40])

    again = new_ledger(path)

    assert again.head == head
    again.record_closing("two", OTHER_PLAN, STATEMENT, "2020", OTHERS[5:10])
