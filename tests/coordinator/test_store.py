"""What the store keeps survives it, in order, and once."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import text

from coordinator.database import sqlite_url
from coordinator.errors import StoreError
from coordinator.store import NewEntry, Store, Verdict
from protocols.signing import statement_hash
from protocols.terms import Description
from protocols.transcript import Entry, Transcript
from tests.coordinator.conftest import Opened

RECORD = Description(b"plan", b"roster", b"ceremony", (b"first", b"second"))


def new(entry: Entry, signer: int, round_id: str = "r", version: int = 1) -> NewEntry:
    digest = statement_hash(entry.payload)
    return NewEntry(round_id, entry, digest, signer.to_bytes(32, "big"), version)


def fill(store: Store, contributions: int, round_id: str = "r") -> list[Entry]:
    log = Transcript(round_id)
    first = log.append("plan", b"signed plan " + round_id.encode())
    store.create_round(round_id, "open", RECORD, [new(first, 999, round_id)])
    rows = [
        new(log.append("contribution", f"{round_id} {number}".encode()), number, round_id)
        for number in range(contributions)
    ]
    if rows:
        store.append(rows)
    return log.entries


def test_a_round_is_found_again_after_reopening(opened: Opened, store: Store) -> None:
    entries = fill(store, 40)
    store.set_state("r", "closed")
    store.close()

    again = opened.store()

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

    heads = store.heads("r")

    assert [(h.index, h.kind, h.version, h.hash) for h in heads] == [
        (e.index, e.kind, 1, e.hash) for e in entries
    ]
    assert store.heads("r", 2) == heads[2:]
    assert store.payload("r", 2) == entries[2].payload
    with pytest.raises(StoreError, match="no entry 4"):
        store.payload("r", 4)


def test_an_index_is_taken_once(store: Store) -> None:
    entries = fill(store, 2)

    with pytest.raises(StoreError):
        store.append([new(Entry(2, "contribution", b"other", entries[2].hash), 77)])
    assert list(store.read("r")) == entries


def test_a_version_of_a_statement_by_a_signer_is_taken_once(store: Store) -> None:
    entries = fill(store, 2)

    with pytest.raises(StoreError):
        store.append([new(Entry(3, "contribution", b"x", b"h" * 32), 1)])
    store.append([new(Entry(3, "contribution", b"x", b"h" * 32), 1, version=2)])
    assert [e.index for e in store.read("r")] == [0, 1, 2, 3]
    assert list(store.read("r"))[:3] == entries
    assert store.rounds()[0].contributions == 2


def test_a_batch_is_stored_whole_or_not_at_all(store: Store) -> None:
    entries = fill(store, 2)

    good = new(Entry(3, "contribution", b"good", b"h" * 32), 50)
    with pytest.raises(StoreError):
        store.append([good, new(Entry(3, "contribution", b"bad", b"h" * 32), 51)])
    assert list(store.read("r")) == entries
    store.append([good])
    assert len(list(store.read("r"))) == 4


def test_what_is_too_long_for_its_column_is_never_cut(store: Store) -> None:
    """PostgreSQL refuses it; SQLite knows no lengths and keeps it whole."""
    fill(store, 0)
    kind = "c" * 17
    try:
        store.append([new(Entry(1, kind, b"x", b"h" * 32), 50)])
    except StoreError:
        assert len(list(store.read("r"))) == 1
    else:
        assert [entry.kind for entry in store.read("r")][1] == kind


def test_a_round_whose_first_entry_cannot_be_stored_is_not_there(store: Store) -> None:
    fill(store, 0)
    plan = Entry(0, "plan", b"p", b"h" * 32)

    with pytest.raises(StoreError):
        store.create_round("s", "open", RECORD, [new(plan, 1, "s"), new(plan, 2, "s")])
    assert [row.round_id for row in store.rounds()] == ["r"]
    assert store.record("s") is None


def test_rounds_do_not_mix(store: Store) -> None:
    fill(store, 2, "a")
    entries = fill(store, 3, "b")

    assert list(store.read("b")) == entries
    assert store.record("c") is None


def test_rounds_are_listed_in_the_order_of_their_bytes(store: Store) -> None:
    for name in ("b", "B", "a-1", "a_1", "A"):
        fill(store, 0, name)

    assert [row.round_id for row in store.rounds()] == sorted(["b", "B", "a-1", "a_1", "A"])


def test_verdicts_are_kept_once(store: Store) -> None:
    fill(store, 3)

    store.put_verdicts("r", [Verdict(3, True), Verdict(1, False, "InvalidProof: x" * 100)])
    with pytest.raises(StoreError):
        store.put_verdicts("r", [Verdict(2, True), Verdict(1, True)])
    with pytest.raises(StoreError):
        store.put_verdicts("r", [Verdict(9, True)])  # there is no such entry

    first, second = store.verdicts("r")
    assert (first.index, first.valid, second) == (1, False, Verdict(3, True))
    assert first.reason.startswith("InvalidProof")


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
        if store.engine.dialect.name == "sqlite":
            assert connection.execute(text("PRAGMA synchronous")).scalar_one() == 2
            assert connection.execute(text("PRAGMA journal_mode")).scalar_one() == "wal"
            assert connection.execute(text("PRAGMA foreign_keys")).scalar_one() == 1
        else:
            assert connection.execute(text("SHOW synchronous_commit")).scalar_one() == "on"


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"not a database " * 100)

    with pytest.raises(StoreError, match="database"):
        Store(sqlite_url(tmp_path / "x"))


@pytest.mark.parametrize("url", ["", "x", "mysql://u:hunter2@h/d", "oracle://u:hunter2@h/d", "a:b"])
def test_a_url_of_something_else_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(StoreError, match="sqlite:///FILE") as caught:
        Store(url)
    assert "hunter2" not in str(caught.value)


def test_a_server_that_does_not_answer_is_named_without_the_password() -> None:
    with pytest.raises(StoreError, match="database") as caught:
        Store("postgresql+psycopg://user:hunter2@127.0.0.1:9/nothing")
    assert "hunter2" not in str(caught.value)
