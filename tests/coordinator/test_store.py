"""What the store keeps survives it, in order, and once."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import text

from coordinator.errors import StoreError
from coordinator.store import Store
from protocols.terms import Description
from protocols.transcript import Entry, Transcript

RECORD = Description(b"plan", b"roster", b"ceremony", (b"first", b"second"))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "board.sqlite"


@pytest.fixture
def store(path: Path) -> Store:
    return Store.at(path)


def fill(store: Store, contributions: int, round_id: str = "r") -> list[Entry]:
    log = Transcript(round_id)
    first = log.append("plan", b"signed plan " + round_id.encode())
    store.create_round(round_id, "open", RECORD, first, b"c" * 32)
    for number in range(contributions):
        entry = log.append("contribution", f"{round_id} {number}".encode())
        store.append(round_id, entry, number.to_bytes(32, "big"))
    return log.entries


def test_a_round_is_found_again_after_reopening(path: Path, store: Store) -> None:
    entries = fill(store, 40)
    store.set_state("r", "closed")
    store.close()

    again = Store.at(path)

    assert again.record("r") == RECORD
    assert list(again.read("r")) == entries
    assert [(r.round_id, r.state, r.contributions, r.entries) for r in again.rounds()] == [
        ("r", "closed", 40, 41)
    ]


@pytest.mark.parametrize("start", [0, 1, 15, 16, 17, 40, 41, 99])
def test_reading_starts_anywhere_and_crosses_pages(store: Store, start: int) -> None:
    entries = fill(store, 40)

    assert list(store.read("r", start)) == entries[start:]


def test_reading_one_kind_skips_the_others(store: Store) -> None:
    entries = fill(store, 20)

    assert list(store.read("r", kind="contribution")) == entries[1:]


def test_heads_leave_the_payloads_out(store: Store) -> None:
    entries = fill(store, 3)

    heads = list(store.heads("r"))

    assert [(h.index, h.kind, h.hash) for h in heads] == [
        (e.index, e.kind, e.hash) for e in entries
    ]
    assert store.payload("r", 2) == entries[2].payload


def test_an_index_is_taken_once(store: Store) -> None:
    entries = fill(store, 2)

    with pytest.raises(StoreError):
        store.append("r", Entry(2, "contribution", b"other", entries[2].hash), b"z" * 32)
    assert list(store.read("r")) == entries


def test_one_statement_of_a_kind_by_a_signer(store: Store) -> None:
    entries = fill(store, 2)

    with pytest.raises(StoreError):
        store.append("r", Entry(3, "contribution", b"x", b"h" * 32), (1).to_bytes(32, "big"))
    assert list(store.read("r")) == entries


def test_rounds_do_not_mix(store: Store) -> None:
    fill(store, 2, "a")
    entries = fill(store, 3, "b")

    assert list(store.read("b")) == entries
    assert store.record("c") is None


def test_sealed_envelopes_wait_for_their_recipient_until_the_round_ends(store: Store) -> None:
    fill(store, 0)

    assert store.put_sealed("r", "counts", 1, 2, b"one")
    assert store.put_sealed("r", "counts", 3, 2, b"three")
    assert store.put_sealed("r", "classes", 1, 2, b"classes")
    assert not store.put_sealed("r", "counts", 1, 2, b"again")

    assert store.sealed("r", 2, "counts") == [(1, b"one"), (3, b"three")]
    assert store.sealed("r", 1, "counts") == []
    assert store.empty_mailbox("r") == 3
    assert store.sealed("r", 2, "counts") == []


def test_acknowledged_writes_reach_the_disk(store: Store) -> None:
    with store.engine.connect() as connection:
        assert connection.execute(text("PRAGMA synchronous")).scalar_one() == 2
        assert connection.execute(text("PRAGMA journal_mode")).scalar_one() == "wal"


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"not a database " * 100)

    with pytest.raises(StoreError, match="database"):
        Store.at(tmp_path / "x")
