"""The journal of a totals round: what a stop at any byte leaves, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from coordinator.errors import StoreError
from coordinator.totals_journal import Answered, Event, Journal, WentOn

BINDING = bytes(range(32))
EVENTS: list[Event] = [Answered(0, b"first"), Answered(7, b""), WentOn(), Answered(3, b"x" * 99)]


def written(path: Path, events: list[Event]) -> bytes:
    with Journal(path, BINDING) as journal:
        assert journal.open() == []
        journal.append(events[:2])
        journal.append(events[2:])
    return path.read_bytes()


def read(path: Path) -> list[Event]:
    with Journal(path, BINDING) as journal:
        return journal.open()


def test_what_was_appended_is_read_again(tmp_path: Path) -> None:
    written(tmp_path / "journal", EVENTS)
    assert read(tmp_path / "journal") == EVENTS


def test_a_stop_at_any_byte_leaves_whole_events_and_the_journal_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    data = written(path, EVENTS)
    seen = set()
    for length in range(len(data)):
        path.write_bytes(data[:length])
        kept = read(path)
        assert kept == EVENTS[: len(kept)]
        seen.add(len(kept))
        with Journal(path, BINDING) as journal:
            journal.open()
            journal.append([WentOn()])
        assert read(path) == [*kept, WentOn()]
    assert seen == set(range(len(EVENTS)))


def test_blocks_that_the_disk_never_got_are_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    data = written(path, EVENTS)
    path.write_bytes(data + bytes(4096))
    assert read(path) == EVENTS
    assert path.read_bytes() == data


def test_damage_before_the_end_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    data = written(path, EVENTS)
    at = data.index(b"first")
    path.write_bytes(data[:at] + b"F" + data[at + 1 :])
    with pytest.raises(StoreError, match="is damaged at byte"):
        read(path)


def test_another_rounds_journal_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    written(path, EVENTS)
    with Journal(path, bytes(32)) as journal, pytest.raises(StoreError, match="not the journal"):
        journal.open()


def test_it_is_its_owners_alone_and_goes_when_the_round_is_over(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    written(path, EVENTS)
    assert path.stat().st_mode & 0o777 == 0o600
    with Journal(path, BINDING) as journal:
        journal.open()
        journal.remove()
    assert not path.exists()
