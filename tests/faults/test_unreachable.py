"""A coordinator that is away for a while: everybody goes on trying, and nothing is lost.

Trustees over a restart: ``tests/trustee/test_service.py``
(``test_coordinator_and_trustees_restarted_in_the_middle``); growing pauses:
``tests/enterprise_node/test_gateway.py``.
"""

from __future__ import annotations

from pathlib import Path

from protocols.signing import statement_hash
from tests.enterprise_node.scene import ROUND, make_scene
from tests.faults.running import gateway, kinds, reach, running, texts, turns


def test_away_before_the_contribution_came(tmp_path: Path) -> None:
    scene = make_scene(tmp_path)
    with running(scene, tmp_path) as coordinator, gateway(coordinator) as service:
        turns(scene, service, 1)
        sent = scene.store.round(ROUND).contribution(1) or b""
        coordinator.stop()

        told = []
        for _ in range(3):
            assert service.step() is None
            told += scene.step()

        assert service.trouble() == ["CoordinatorUnreachable"]
        assert texts(told).count("unreachable: cannot reach the coordinator at") == 1
        assert "nothing is lost meanwhile" in texts(told)
        coordinator.start()
        reach(service)
        events = scene.step()
        assert "receipt" in kinds(events)
        assert "the coordinator answers again" in texts(events)
        assert coordinator.logged() == [statement_hash(sent)]


def test_away_before_the_receipt_came(tmp_path: Path) -> None:
    """The contribution is durable, the answer was lost: the same bytes get the same receipt."""
    scene = make_scene(tmp_path)
    with running(scene, tmp_path) as coordinator, gateway(coordinator) as service:
        turns(scene, service, 1)
        sent = scene.store.round(ROUND).contribution(1) or b""
        receipt = coordinator.board.submit(ROUND, sent, scene.store.key().public)
        coordinator.stop()
        assert service.step() is None
        coordinator.start()
        reach(service)

        assert "receipt" in kinds(scene.step())
        assert scene.store.round(ROUND).receipt(1) == receipt
        assert len(coordinator.logged()) == 1
