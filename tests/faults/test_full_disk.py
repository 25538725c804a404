"""Full disk: nothing is acknowledged, the error says so, and with room everything goes on.

The coordinator's store on both databases: ``tests/coordinator/test_database.py``
(``test_a_full_disk_acknowledges_nothing_and_passes``); here with disks that are really full.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from coordinator.errors import StoreError
from enterprise_node.errors import NodeError
from enterprise_node.gateway.service import Service as Gateway
from protocols.errors import StorageError
from protocols.signing import statement_hash
from protocols.transcript import check_inclusion, open_receipt
from tests.enterprise_node.scene import ROUND, make_scene
from tests.faults.disk import SmallDisk, small_disk
from tests.faults.running import gateway, kinds, reach, running, texts, turns
from tests.trustee.scene import Scene, new_service, run, run_again
from trustee.errors import LedgerError

EXIT_STORAGE = 8


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with small_disk(tmp_path / "disk", "2500k") as made:
        yield made


def test_a_coordinator_without_room(tmp_path: Path, disk: SmallDisk) -> None:
    """The gateway hears of it and goes on trying; with room the same bytes get their receipt."""
    scene = make_scene(tmp_path)
    with running(scene, disk.path) as coordinator, gateway(coordinator) as service:
        turns(scene, service, 1)
        assert scene.store.round(ROUND).contribution(1) is not None
        disk.fill()

        for _ in range(3):
            assert service.step() is None
        events = scene.step()

        assert service.trouble() == ["CoordinatorUnreachable"]
        assert "make room, the coordinator goes on by itself" in texts(events)
        assert scene.store.round(ROUND).receipts() == []
        assert coordinator.logged() == []
        disk.make_room()

        sent = scene.store.round(ROUND).contribution(1) or b""
        assert "receipt" in kinds(turns(scene, service))
        assert coordinator.logged() == [statement_hash(sent)]
        receipt = open_receipt(
            scene.store.round(ROUND).receipt(1) or b"", coordinator.board.key.public, round_id=ROUND
        )
        check_inclusion(receipt, list(coordinator.store.read(ROUND)))


def test_a_coordinator_that_is_started_without_room(tmp_path: Path, disk: SmallDisk) -> None:
    """It does not start, and says why; with room, everything that it acknowledged is there."""
    scene = make_scene(tmp_path)
    with running(scene, disk.path) as coordinator, gateway(coordinator) as service:
        turns(scene, service)
        kept = coordinator.logged()
        coordinator.stop()
        disk.fill()

        with pytest.raises(StoreError, match="make room") as caught:
            coordinator.start()

        assert caught.value.exit_code == EXIT_STORAGE
        assert service.step() is None
        disk.make_room()
        coordinator.start()
        assert len(kept) == 1
        assert coordinator.logged() == kept
        reach(service)


def test_a_node_and_its_gateway_at_every_amount_of_room(disk: SmallDisk) -> None:
    """Page by page: each write of the private side and the gateway is once the one too many."""
    scene = make_scene(disk.path)
    refusals: list[NodeError | StorageError] = []
    failed_steps = 0
    for free in range(64):
        disk.fill(free)
        service = Gateway(scene.relay(), 0.1)
        for _ in range(2):
            try:
                scene.step()
            except (NodeError, StorageError) as error:
                refusals.append(error)
            failed_steps += service.step() is None
        envelopes, damaged = scene.exchange.outbox.read()
        assert damaged == []
        noted = {entry.sha256 for entry in scene.store.ledger.entries()}
        assert {hashlib.sha256(envelope.payload).hexdigest() for envelope in envelopes} <= noted
        if scene.store.round(ROUND).receipts():
            break
    disk.make_room()
    scene.turn(3)

    assert len(refusals) >= 5
    assert failed_steps >= 1
    assert {error.exit_code for error in refusals} == {EXIT_STORAGE}
    assert all(re.search("No space left on device|is the disk full", str(e)) for e in refusals)
    assert len(scene.desk.submitted) == 1
    assert scene.store.round(ROUND).receipts() == [1]
    assert scene.store.ledger.verify(scene.store.key().public) >= 3


def test_a_trustee_whose_ledger_has_no_room(
    tmp_path: Path, disk: SmallDisk, caplog: pytest.LogCaptureFixture
) -> None:
    """It ends with exit code 8 and has signed nothing; started with room it votes."""
    scene = Scene()
    board = scene.board(tmp_path / "board.sqlite")
    services = [new_service(scene, board, index, tmp_path) for index in (1, 2)]
    poor = new_service(scene, board, 3, disk.path)
    run(board, [*services, poor])
    for number in range(1, 13):
        scene.submit(board, number)
    disk.fill()

    with pytest.raises(LedgerError, match=r"No space left .* Nothing was signed") as caught:
        run(board, [*services, poor])
    poor._ledger.close()

    assert caught.value.exit_code == EXIT_STORAGE
    assert run(board, services) == "closed"
    signed = [e for e in board.read(scene.round_id, 0) if e.kind == "closing"]
    assert len(signed) == 2
    disk.make_room()
    again = new_service(scene, board, 3, disk.path)
    assert run_again(board, [*services, again]) == "released"
    assert len([e for e in board.read(scene.round_id, 0) if e.kind == "closing"]) == 3
