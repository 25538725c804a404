"""Whatever is delivered twice counts once: calls, envelopes, and media that are carried back.

Files that come twice to the private side: ``tests/enterprise_node/test_private_side.py``
(``test_the_same_envelope_twice_changes_nothing``) and ``tests/enterprise_node/test_exchange.py``;
envelopes between trustees: ``tests/coordinator/test_mailbox.py``.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from enterprise_node.exchange import Envelope
from enterprise_node.private.side import approve_round
from protocols.notices import make_cancellation, make_deadline
from protocols.passes import make_pass
from protocols.transcript import read_receipt
from protocols.wire import service_pb2 as pb
from tests.cohort import COORDINATOR, NOW
from tests.enterprise_node.scene import ROUND, make_scene, version_of
from tests.enterprise_node.scene import Scene as Node
from tests.faults.running import gateway, kinds, running, turns
from tests.hostile.served import Served, callers, requests, serve
from tests.trustee.scene import Scene

DAY = 86_400


@pytest.fixture(scope="module")
def scene() -> Scene:
    return Scene()


@pytest.fixture
def served(scene: Scene, tmp_path: Path) -> Iterator[Served]:
    with serve(scene, tmp_path) as running_:
        yield running_


CHANGING = {
    "Submit": "member",
    "Post": "trustee",
    "PostPeer": "trustee",
    "CreateRound": "operator",
    "Announce": "operator",
}
"""Calls that change something, with who makes them; SendSealed is in ``test_mailbox.py``."""


@pytest.mark.parametrize("method", CHANGING)
def test_the_same_call_again(served: Served, scene: Scene, method: str) -> None:
    """The answer was lost, so the caller asks again: the same answer, and nothing twice."""
    key, request = callers(scene)[CHANGING[method]], requests(scene)[method]
    before = served.tables()
    first = served.call(method, request, key)
    after = served.tables()

    again: list[Any] = [served.call(method, request, key) for _ in range(3)]

    assert again == [first] * 3
    assert served.tables() == after
    if method != "PostPeer":  # relayed from memory
        assert after != before


def test_announcements_are_taken_once_each(served: Served, scene: Scene) -> None:
    """A cancellation that is repeated is the same one; a deadline after it is refused."""
    ending = make_cancellation(scene.plan, NOW, "wrong factors", COORDINATOR)
    longer = make_deadline(scene.plan, NOW, NOW + 5000, "holidays", COORDINATOR)
    cancel = pb.AnnounceRequest(round_id=scene.round_id, statement=ending)
    served.call("Announce", cancel, COORDINATOR)
    served.call("Announce", cancel, COORDINATOR)

    extend = pb.AnnounceRequest(round_id=scene.round_id, statement=longer)
    assert served.refused("Announce", extend, COORDINATOR)[1] == "PolicyRefusal"
    entries = [e.kind for e in served.store.read(scene.round_id)]
    assert entries.count("cancellation") == 1


def carry(source: Path, target: Path, prefix: str = "") -> None:
    """Copy envelopes as somebody with a medium does, under other names if there is a prefix."""
    for path in source.glob("*.envelope"):
        shutil.copy(path, target / f"{prefix}{path.name}")


def test_an_old_outbox_that_is_carried_back(tmp_path: Path) -> None:
    """After a correction somebody brings the medium with version 1 again, beside version 2."""
    scene, old = make_scene(tmp_path), tmp_path / "old"
    old.mkdir()
    with running(scene, tmp_path) as coordinator, gateway(coordinator) as service:
        turns(scene, service, 1)
        carry(scene.exchange.outbox.folder, old)
        turns(scene, service, 1)
        approve_round(scene.store, ROUND, int(time.time()), correct=True)
        assert "receipt" in kinds(turns(scene, service))
        logged, receipts = coordinator.logged(), scene.store.round(ROUND).receipts()
        assert len(logged) == 2

        for prefix in ("", "copy of "):
            carry(old, scene.exchange.outbox.folder, prefix)
            events = turns(scene, service)

            assert coordinator.logged() == logged
            assert {"contributed", "damaged"}.isdisjoint(kinds(events))
        assert scene.store.round(ROUND).receipts() == receipts == [1, 2]
        second = coordinator.store.payload(ROUND, 5)
        assert version_of(second) == 2
        kept = scene.store.round(ROUND).receipt(2) or b""
        read_receipt(kept, coordinator.board.key.public, second, round_id=ROUND)


@pytest.mark.parametrize("name", ["pass (1).envelope", "copy of pass.envelope", "a.envelope"])
def test_an_old_pass_beside_the_valid_one(tmp_path: Path, name: str) -> None:
    """The medium of last month holds a pass that has expired; the gateway shows the newer one."""
    scene = make_scene(tmp_path)
    with running(scene, tmp_path) as coordinator, gateway(coordinator) as service:
        scene.step()
        then = int(time.time()) - 30 * DAY
        old = make_pass(scene.store.key(), coordinator.board.key.public, now=then, lifetime=7 * DAY)
        stale = Envelope("pass", "", old)
        (scene.exchange.outbox.folder / name).write_bytes(stale.to_bytes())

        assert "receipt" in kinds(turns(scene, service, 3))


def test_an_inbox_that_is_carried_twice(tmp_path: Path) -> None:
    """Receipt, round and notices of the whole time come once more: nothing changes."""
    scene: Node = make_scene(tmp_path)
    old = tmp_path / "old"
    old.mkdir()
    with running(scene, tmp_path) as coordinator, gateway(coordinator) as service:
        scene.step()
        for _ in range(3):
            service.step()
            carry(scene.exchange.inbox.folder, old)
            scene.step()
        entries = scene.store.ledger.entries()

        carry(old, scene.exchange.inbox.folder)
        carry(old, scene.exchange.inbox.folder, "again ")
        events = scene.step()

        assert "refused" not in kinds(events)
        assert scene.store.ledger.entries() == entries
        assert len(coordinator.logged()) == 1
        assert list(scene.exchange.inbox.folder.iterdir()) == []
