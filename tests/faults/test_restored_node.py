"""A node that was restored from an old backup: nothing is counted twice, and its owner is asked.

With the coordinator's part played by a few lines: ``tests/enterprise_node/test_private_side.py``
(``test_a_node_restored_from_an_old_backup_asks_its_owner``). What is counted of several versions:
``tests/protocols/test_closing.py``.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path

from enterprise_node.exchange import Exchange
from enterprise_node.private.settings import FILE
from enterprise_node.private.side import PrivateSide, approve_round
from protocols.signing import statement_hash
from tests.enterprise_node.scene import ROUND, Scene, make_scene, version_of
from tests.faults.running import Coordinator, gateway, kinds, running, texts, turns

Restore = Callable[[], None]


def apart(tmp_path: Path) -> Scene:
    """A node whose exchange folder lies elsewhere, as with a gateway on another machine."""
    scene = make_scene(tmp_path)
    exchange = Exchange.create(tmp_path / "exchange")
    path = scene.store.folder / FILE
    path.write_text(path.read_text().replace('"exchange"', f'"{exchange.folder}"'))
    shutil.rmtree(scene.store.folder / "exchange")
    scene.exchange = scene.store.exchange()
    assert scene.exchange.folder == exchange.folder
    return scene


def backup(scene: Scene, tmp_path: Path) -> Restore:
    """Keep the node's folder as it is now; what restores it."""
    kept = tmp_path / "backup"
    shutil.copytree(scene.store.folder, kept)

    def restore() -> None:
        shutil.rmtree(scene.store.folder)
        shutil.copytree(kept, scene.store.folder)

    return restore


def versions(coordinator: Coordinator) -> list[int]:
    entries = coordinator.store.read(ROUND)
    return [version_of(e.payload) for e in entries if e.kind == "contribution"]


def test_from_before_its_contribution(tmp_path: Path) -> None:
    """It makes a second first version, which is refused; the owner decides."""
    scene = apart(tmp_path)
    with running(scene, tmp_path) as coordinator, gateway(coordinator) as service:
        scene.step()
        restore = backup(scene, tmp_path)
        turns(scene, service)
        (first,) = coordinator.logged()
        restore()
        with PrivateSide(scene.store, scene.exchange) as side:
            side.repeat_everything()

        told = texts(turns(scene, service, 3))

        assert "version 1 of this contribution was superseded: version 1 is logged" in told
        assert "Perhaps this folder was restored from an old backup" in told
        assert f"cefed node approve DIR --round {ROUND} --correct" in told
        assert coordinator.logged() == [first]
        turns(scene, service, 2)
        assert coordinator.logged() == [first], "nothing more is sent until the owner decides"

        approve_round(scene.store, ROUND, int(time.time()), correct=True)
        assert "receipt" in kinds(turns(scene, service))
        assert versions(coordinator) == [1, 2]


def test_from_before_its_receipt(tmp_path: Path) -> None:
    """It has the bytes that the coordinator has: they get the same receipt, without asking."""
    scene = apart(tmp_path)
    with running(scene, tmp_path) as coordinator, gateway(coordinator) as service:
        turns(scene, service, 1)
        sent = scene.store.round(ROUND).contribution(1) or b""
        restore = backup(scene, tmp_path)
        turns(scene, service)
        assert scene.store.round(ROUND).receipts() == [1]
        restore()
        assert scene.store.round(ROUND).receipts() == []

        events = turns(scene, service, 3)

        assert "receipt" in kinds(events)
        assert coordinator.logged() == [statement_hash(sent)]


def test_from_before_its_receipt_on_request(tmp_path: Path) -> None:
    """``cefed node run --repeat``: everything is handed in once more."""
    scene = apart(tmp_path)
    with running(scene, tmp_path) as coordinator, gateway(coordinator) as service:
        turns(scene, service, 1)
        restore = backup(scene, tmp_path)
        turns(scene, service)
        restore()
        with PrivateSide(scene.store, scene.exchange) as side:
            side.repeat_everything()

        assert "receipt" in kinds(turns(scene, service, 2))
        assert versions(coordinator) == [1]


def test_from_before_a_correction(tmp_path: Path) -> None:
    """It believes version 1 to be the last: the logged correction stands, and stays."""
    scene = apart(tmp_path)
    with running(scene, tmp_path) as coordinator, gateway(coordinator) as service:
        turns(scene, service)
        restore = backup(scene, tmp_path)
        approve_round(scene.store, ROUND, int(time.time()), correct=True)
        turns(scene, service)
        logged = coordinator.logged()
        restore()

        assert "contributed" not in kinds(turns(scene, service, 3))
        assert coordinator.logged() == logged
        # A further correction made from here is version 2 again: refused, and then version 3.
        approve_round(scene.store, ROUND, int(time.time()), correct=True)
        told = texts(turns(scene, service, 3))
        assert "superseded: version 2 is logged, and a correction would be version 3" in told
        approve_round(scene.store, ROUND, int(time.time()), correct=True)
        turns(scene, service, 3)
        assert versions(coordinator) == [1, 2, 3]
