"""Killed at any moment, a board goes on: what was acknowledged is in the log, once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import coordinator
from coordinator.store import Store
from protocols.signing import statement_hash
from protocols.transcript import check_chain
from tests.cohort import DEADLINE, Scene, member_key
from tests.coordinator.conftest import Opened

MEMBERS = 40
RECEIPTS = (1, 7, 20)
"""After how many of them each process is killed."""

SENDER = """
import sys
from concurrent.futures import ThreadPoolExecutor
from coordinator.board import Board
from coordinator.store import Store
from tests.cohort import COORDINATOR, NOW, Scene, member_key

url, members, folder = sys.argv[1], int(sys.argv[2]), sys.argv[3]
scene = Scene(members=members)
store = Store(url)
store.claim()
board = Board(store, COORDINATOR, clock=lambda: NOW, read_ceremony=scene.read_ceremony)

def send(number):
    data = open(f"{folder}/{number}", "rb").read()
    board.submit(scene.round_id, data, member_key(number).public)
    sys.stdout.write(f"{number}\\n")
    sys.stdout.flush()

with ThreadPoolExecutor(4) as pool:
    list(pool.map(send, range(1, members + 1)))
    while board.advance():
        pass
print("done", flush=True)
"""


def run_until(url: str, folder: Path, lines: int) -> list[int]:
    """Let a process submit everything, kill it after so many receipts; what it acknowledged."""
    here = Path(coordinator.__file__).parents[1]
    process = subprocess.Popen(
        [sys.executable, "-c", SENDER, url, str(MEMBERS), str(folder)],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(here)},
    )
    assert process.stdout is not None
    acknowledged = []
    for line in process.stdout:
        if line.strip().isdigit():
            acknowledged.append(int(line))
        if len(acknowledged) >= lines:
            os.kill(process.pid, signal.SIGKILL)
            break
    acknowledged += [int(line) for line in process.stdout if line.strip().isdigit()]
    process.wait()
    return acknowledged


def test_what_was_acknowledged_is_in_the_log_once(url: str, opened: Opened, tmp_path: Path) -> None:
    scene = Scene(members=MEMBERS)
    folder = tmp_path / "sent"
    folder.mkdir()
    sent = {number: scene.contribution(number) for number in range(1, MEMBERS + 1)}
    for number, data in sent.items():
        (folder / str(number)).write_bytes(data)
    first = opened.board(scene)
    first.close()
    first._store.close()

    acknowledged: set[int] = set()
    for lines in RECEIPTS:
        acknowledged.update(run_until(url, folder, lines))
        # Read at once, as the next process will find it.
        store = Store(url)
        entries = list(store.read(scene.round_id))
        store.close()
        check_chain(scene.round_id, entries)
        hashes = [statement_hash(e.payload) for e in entries if e.kind == "contribution"]
        assert len(set(hashes)) == len(hashes)
        assert {statement_hash(sent[number]) for number in acknowledged} <= set(hashes)

    board = opened.board(scene, lambda: DEADLINE)
    for number in acknowledged:  # who sends again gets the receipt
        assert board.submit(scene.round_id, sent[number], member_key(number).public)
    while board.advance():
        pass
    assert board.rounds()[0].state == "closed"
    assert board._desks[scene.round_id].round.proposal is not None
    counted = set(board._desks[scene.round_id].round.proposal.included)
    assert {statement_hash(sent[number]) for number in acknowledged} <= counted
