"""A store that cannot be written: said so with exit code 8, and read as far as that goes.

The coordinator's database under a running coordinator, both databases:
``tests/coordinator/test_database.py``
(``test_a_read_only_database_is_read_and_acknowledges_nothing``); here whole file systems, and the
commands as an operator runs them.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from coordinator.folder import Office
from enterprise_node.errors import ExchangeError
from enterprise_node.gateway.service import Service as Gateway
from tests.enterprise_node.scene import ROUND, make_scene
from tests.faults.disk import SmallDisk, small_disk
from tests.trustee.dealt import accept, deal, make
from tests.trustee.scene import COORDINATOR

ROOT = Path(__file__).resolve().parents[2]
KEY = COORDINATOR.public.raw.hex()
EXIT_STORAGE = 8
READ_ONLY = "Read-only file system"


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with small_disk(tmp_path / "disk", "2m") as made:
        yield made


def cefed(tmp_path: Path, *arguments: object) -> tuple[int, str]:
    """Exit code and standard error of a command, on a machine without configuration."""
    done = subprocess.run(
        [sys.executable, "-m", "cefed", *map(str, arguments)],
        cwd=ROOT,
        env=os.environ | {"CEFED_ETC": str(tmp_path / "etc")},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.returncode, done.stderr + done.stdout


def test_a_coordinator(tmp_path: Path, disk: SmallDisk) -> None:
    """It does not start, and the check says why."""
    place = disk.path / "platform"
    Office.create(place, ["localhost"])
    with disk.read_only():
        code, said = cefed(tmp_path, "coordinator", "serve", place, "--listen", "127.0.0.1:0")
        assert (code, "Traceback" in said) == (EXIT_STORAGE, False)
        assert "cannot be written" in said or READ_ONLY in said
    code, said = cefed(tmp_path, "coordinator", "check", place)
    assert code == 0, said


def test_a_trustee(tmp_path: Path, disk: SmallDisk) -> None:
    """Without a ledger that it can write it serves nothing."""
    folders = make(disk.path)
    accept(folders[0], deal(disk.path / "c", folders), 1)
    options = ("--coordinator", "127.0.0.1:1", "--coordinator-key", KEY, "--insecure")
    with disk.read_only():
        code, said = cefed(tmp_path, "trustee", "serve", folders[0], *options)

    assert (code, "Traceback" in said) == (EXIT_STORAGE, False)
    assert f"cannot open {folders[0] / 'ledger.jsonl'}: {READ_ONLY}" in said


def test_a_node(tmp_path: Path, disk: SmallDisk) -> None:
    """Nothing leaves and nothing is half written; writable again, it goes on."""
    scene = make_scene(disk.path)
    scene.turn()
    before = scene.store.ledger.entries()
    with disk.read_only():
        code, said = cefed(tmp_path, "node", "run", scene.store.folder)
        assert (code, "Traceback" in said) == (EXIT_STORAGE, False)
        assert READ_ONLY in said
        assert scene.store.ledger.entries() == before

    scene.turn(2)
    assert scene.store.round(ROUND).receipts() == [1]
    assert len(scene.desk.submitted) == 1


def test_a_gateway(disk: SmallDisk) -> None:
    """It keeps trying; what the coordinator has taken meanwhile it takes once."""
    scene = make_scene(disk.path)
    scene.turn()
    service = Gateway(scene.relay(), 0.1)
    with disk.read_only():
        for _ in range(2):
            assert service.step() is None
        assert service.trouble() == ["StorageError"]
        with pytest.raises(ExchangeError, match=READ_ONLY):
            scene.step()

    assert service.step() is not None
    assert "receipt" in [event.kind for event in scene.step()]
    assert len(scene.desk.submitted) == 1
