"""Envelopes: whole or set aside, once each, under names that every system takes."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from enterprise_node.errors import EnvelopeDamaged, ExchangeError
from enterprise_node.exchange import Envelope, Exchange, pack, safe_name, unpack

SAMPLE = Envelope("contribution", "region-a-2020", b"sealed bytes" * 20, 3)


@pytest.fixture
def exchange(tmp_path: Path) -> Exchange:
    return Exchange.create(tmp_path / "exchange")


@pytest.mark.parametrize("payload", [b"", b"\n", b"cefed-envelope/1\n", bytes(range(256)) * 300])
def test_an_envelope_comes_back(payload: bytes) -> None:
    envelope = Envelope("round", "r", payload, 1)
    assert Envelope.from_bytes(envelope.to_bytes()) == envelope


def test_every_cut_is_noticed() -> None:
    data = SAMPLE.to_bytes()
    for length in range(len(data)):
        with pytest.raises(EnvelopeDamaged):
            Envelope.from_bytes(data[:length])


def test_every_flipped_byte_is_noticed() -> None:
    data = SAMPLE.to_bytes()
    for place in range(len(data)):
        changed = data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]
        with pytest.raises(EnvelopeDamaged):
            Envelope.from_bytes(changed)


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"null",
        b"[]",
        b'{"kind": "pass"}',
        b'{"kind":"pass","length":0,"serial":0,"sha256":"","subject":""}',
        b'{"kind":1,"length":0,"serial":0,"sha256":"","subject":""}',
        b"[" * 900,
    ],
)
def test_a_header_that_is_none(header: bytes) -> None:
    with pytest.raises(EnvelopeDamaged):
        Envelope.from_bytes(b"cefed-envelope/1\n" + header + b"\n")


@pytest.mark.parametrize(("kind", "subject"), [("Pass", ""), ("pass", "../x"), ("pass", "a" * 65)])
def test_what_is_no_envelope(kind: str, subject: str) -> None:
    with pytest.raises(ExchangeError):
        Envelope(kind, subject, b"")


def test_a_later_envelope_of_a_kind_and_subject_takes_the_place_of_the_earlier(
    exchange: Exchange,
) -> None:
    later = Envelope(SAMPLE.kind, SAMPLE.subject, b"other")
    exchange.outbox.put(SAMPLE)
    exchange.outbox.put(later)
    assert exchange.outbox.read() == ([later], [])
    assert exchange.outbox.holds(later)
    assert not exchange.outbox.holds(SAMPLE)
    exchange.outbox.withdraw(SAMPLE.kind, SAMPLE.subject)
    assert exchange.outbox.read() == ([], [])


def test_a_damaged_file_is_set_aside_and_told(exchange: Exchange) -> None:
    exchange.outbox.put(SAMPLE)
    path = exchange.outbox.folder / SAMPLE.file_name
    path.write_bytes(path.read_bytes()[:-1])
    envelopes, (damaged,) = exchange.outbox.read()
    assert envelopes == []
    assert damaged.name == SAMPLE.file_name + ".damaged"
    assert "239 bytes where its header says 240" in damaged.reason
    assert [p.name for p in exchange.outbox.folder.iterdir()] == [damaged.name]
    assert exchange.outbox.read() == ([], [])


def test_a_copy_is_recognised_by_its_content(exchange: Exchange) -> None:
    exchange.outbox.put(SAMPLE)
    path = exchange.outbox.folder / SAMPLE.file_name
    shutil.copy(path, path.with_name("contribution (1).envelope"))
    assert exchange.outbox.read() == ([SAMPLE], [])


def test_what_was_taken_stays_until_it_is_done(exchange: Exchange) -> None:
    exchange.inbox.put(SAMPLE)
    ((path, taken),), _ = exchange.inbox.take()
    newer = Envelope(SAMPLE.kind, SAMPLE.subject, b"came meanwhile")
    exchange.inbox.put(newer)
    assert taken == SAMPLE
    exchange.inbox.done(path)
    ((path, taken),), _ = exchange.inbox.take()
    assert taken == newer
    ((again, taken),), _ = exchange.inbox.take()  # a crash before it was done
    assert (again, taken) == (path, newer)


def test_a_half_written_file_is_not_looked_at(exchange: Exchange) -> None:
    partial = exchange.inbox.folder / (SAMPLE.file_name + ".partial")
    partial.write_bytes(SAMPLE.to_bytes()[:50])
    assert exchange.inbox.take() == ([], [])
    assert partial.exists()


@pytest.mark.parametrize("subject", ["con", "NUL", "aux.x", "a.", "COM1", "x" * 64])
def test_names_that_windows_reserves_are_not_used(subject: str) -> None:
    name = safe_name("round", subject) + ".envelope"
    assert name.split(".")[0].split("-")[0] == "round"
    assert not name.endswith((".", " "))
    assert len(name) < 120


def test_names_that_differ_in_case_only_stay_apart() -> None:
    assert safe_name("round", "Ab").lower() != safe_name("round", "aB").lower()


def test_parts_come_back_and_a_cut_is_noticed() -> None:
    parts = [b"", b"a", b"bc" * 500]
    assert unpack(pack(parts)) == parts
    assert unpack(b"") == []
    with pytest.raises(EnvelopeDamaged):
        unpack(pack(parts)[:-1])


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ExchangeError, match="is the exchange folder there"):
        Exchange(tmp_path / "nothing").outbox.read()
