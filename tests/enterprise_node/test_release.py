"""A node that fetches a release looks whether its own contribution was kept and counted.

The release itself is checked against a whole round in ``tests/sim/test_region_a.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from enterprise_node.gateway.client import GatewayClient, LogEntry
from enterprise_node.gateway.errors import CoordinatorUnreachable
from enterprise_node.node import Fetched, Node
from protocols.closing import ClosingStatement, vote
from protocols.signing import statement_hash
from protocols.transcript import Transcript, replay, sign_receipt
from tests import keys
from tests.enterprise_node.scene import ROUND, Scene, scene


@contextmanager
def contributed(folder: Path) -> Iterator[tuple[Scene, Node, bytes]]:
    """A node after its run, and what it sent; the coordinator still answers."""
    sent: list[bytes] = []
    submit = GatewayClient.submit

    def note(self: GatewayClient, round_id: str, data: bytes) -> bytes:
        sent.append(data)
        return submit(self, round_id, data)

    with scene(folder) as made, pytest.MonkeyPatch.context() as patch:
        patch.setattr(GatewayClient, "submit", note)
        node = Node(made.store, made.address)
        node.run(ROUND)
        yield made, node, sent[0]


@pytest.fixture
def fetch(monkeypatch: pytest.MonkeyPatch) -> Callable[[Node, Transcript], Fetched]:
    """Fetches the release of a round whose log is this one; the release is taken for good."""

    def fetched(node: Node, log: Transcript) -> Fetched:
        def read(
            self: GatewayClient, round_id: str, from_index: int, most: int | None = None
        ) -> list[LogEntry]:
            run = log.entries[from_index:][:most]
            return [LogEntry(e.index, e.kind, e.payload, e.hash) for e in run]

        monkeypatch.setattr(GatewayClient, "entries_of", lambda self, r: len(log.entries))
        monkeypatch.setattr(GatewayClient, "read", read)
        monkeypatch.setattr("enterprise_node.node.check_release", lambda *_: {"n": 6})
        return node.fetch_release(ROUND)

    return fetched


def log_of(made: Scene, first: bytes, *included: bytes) -> Transcript:
    """A log with one contribution, closed by three trustees over what is included."""
    hashes = tuple(sorted(statement_hash(data) for data in included))
    statement = ClosingStatement(made.plan.hash, hashes, bytes(32))
    votes = [vote(statement, bytes(32), trustee) for trustee in keys.trustees().signing[:3]]
    plan = made.coordinator.sign("plan", made.plan.to_bytes())
    entries = [("plan", plan), ("contribution", first), *(("closing", v) for v in votes)]
    return replay(ROUND, entries)


Fetch = Callable[[Node, Transcript], Fetched]


def test_a_contribution_that_was_kept_and_counted(tmp_path: Path, fetch: Fetch) -> None:
    with contributed(tmp_path) as (made, node, sent):
        assert fetch(node, log_of(made, sent, sent)) == Fetched({"n": 6}, None)
    assert made.store.release(ROUND).exists()


def test_a_contribution_that_the_log_lost(tmp_path: Path, fetch: Fetch) -> None:
    with contributed(tmp_path) as (made, node, sent):
        fetched = fetch(node, log_of(made, b"somebody else's", sent))
    assert "promised at place 1 is not there" in (fetched.warning or "")


def test_a_contribution_in_the_log_that_the_trustees_did_not_count(
    tmp_path: Path, fetch: Fetch
) -> None:
    with contributed(tmp_path) as (made, node, sent):
        fetched = fetch(node, log_of(made, sent))
    assert "closed the round without it" in (fetched.warning or "")


def test_too_few_closing_votes_to_tell(tmp_path: Path, fetch: Fetch) -> None:
    with contributed(tmp_path) as (made, node, sent):
        log = log_of(made, sent, sent)
        del log.entries[-1]
        assert "cannot tell" in (fetch(node, log).warning or "")


def test_a_kept_receipt_of_another_round(tmp_path: Path, fetch: Fetch) -> None:
    with contributed(tmp_path) as (made, node, sent):
        log = log_of(made, sent, sent)
        other = sign_receipt(made.coordinator, "region-a-2019", log.entries[1])
        made.store.receipt(ROUND).write_bytes(other)
        assert "'region-a-2019'" in (fetch(node, log).warning or "")


def test_no_receipt_at_all(tmp_path: Path, fetch: Fetch) -> None:
    with contributed(tmp_path) as (made, node, sent):
        made.store.receipt(ROUND).unlink()
        assert "no receipt" in (fetch(node, log_of(made, sent, sent)).warning or "")


def test_a_release_is_kept_when_the_line_breaks_after_it(
    tmp_path: Path, fetch: Fetch, monkeypatch: pytest.MonkeyPatch
) -> None:
    with contributed(tmp_path) as (made, node, sent):
        log = log_of(made, sent, sent)
        fetch(node, log)
        read = GatewayClient.read

        def broken(
            self: GatewayClient, round_id: str, from_index: int, most: int | None = None
        ) -> list[LogEntry]:
            if most is not None:
                raise CoordinatorUnreachable("the line broke")
            return read(self, round_id, from_index)

        monkeypatch.setattr(GatewayClient, "read", broken)
        assert node.fetch_release(ROUND) == Fetched({"n": 6}, "the line broke")


def test_one_entry_is_read_from_a_real_log_and_no_more(tmp_path: Path) -> None:
    with (
        contributed(tmp_path) as (made, _, _),
        GatewayClient(made.address, lambda outgoing: None) as client,
    ):
        (entry,) = client.read(ROUND, 0, most=1)
        assert (entry.index, entry.kind) == (0, "plan")
        assert entry.hash == Transcript(ROUND).append("plan", entry.payload).hash
