"""Whole rounds over real loopback sockets: one coordinator, four trustees, restarts in between."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import grpc
import pytest

from coordinator import server
from coordinator.errors import SettingsError, StoreError
from protocols.transcript import check_inclusion, read_receipt
from protocols.wire import service_pb2 as pb
from protocols.wire import service_pb2_grpc as rpc
from tests.trustee.scene import COORDINATOR, Scene, new_ledger
from trustee.agreement import TrusteeLimits
from trustee.client import BoardClient
from trustee.errors import RefusedError, StumbledError, UnreachableError
from trustee.service import Service

PATIENCE = 60.0
MEMBERS = 6


@pytest.fixture(scope="module")
def scene() -> Scene:
    return Scene(small=False, members=MEMBERS)


@contextmanager
def coordinator(scene: Scene, path: Path, listen: str = "127.0.0.1:0") -> Iterator[str]:
    running = server.start(scene.board(path / "board.sqlite"), listen)
    try:
        yield running.address
    finally:
        running.stop()


@contextmanager
def trustee(scene: Scene, index: int, path: Path, address: str) -> Iterator[None]:
    stop = threading.Event()
    ledger = new_ledger(path / f"ledger-{index}.jsonl")
    with BoardClient(address) as board:
        service = Service(
            board,
            scene.holder(index),
            ledger,
            scene.held.ceremony,
            COORDINATOR.public,
            TrusteeLimits(),
        )
        thread = threading.Thread(target=service.run, args=(stop,))
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()
            ledger.close()


def submit(scene: Scene, address: str, numbers: range) -> None:
    with grpc.insecure_channel(address) as channel:
        stub = rpc.BoardStub(channel)
        for number in numbers:
            data = scene.contribution(number)
            request = pb.SubmitRequest(round_id=scene.round_id, contribution=data)
            receipt = stub.Submit(request, timeout=30, wait_for_ready=True).receipt
            read_receipt(receipt, COORDINATOR.public, data, round_id=scene.round_id)


def wait(address: str, done: Callable[[str, int], bool]) -> None:
    """Until the first round's state and number of entries satisfy ``done``."""
    until = time.monotonic() + PATIENCE
    with BoardClient(address) as board:
        while time.monotonic() < until:
            listed = board.rounds()[0]
            if done(listed.state, listed.entries):
                return
            time.sleep(0.05)
    raise AssertionError(f"still {listed.state} with {listed.entries} entries")


def is_released(state: str, _entries: int) -> bool:
    return state == "released"


def test_a_round_over_sockets(scene: Scene, tmp_path: Path) -> None:
    with ExitStack() as stack:
        address = stack.enter_context(coordinator(scene, tmp_path))
        for index in range(1, 5):
            stack.enter_context(trustee(scene, index, tmp_path, address))
        submit(scene, address, range(1, MEMBERS + 1))
        wait(address, is_released)
        with BoardClient(address) as board:
            entries = list(board.read(scene.round_id, 0))

    assert [e.kind for e in entries].count("endorsement") >= 3
    data = entries[1].payload
    with_receipt = scene.board(tmp_path / "board.sqlite").submit(scene.round_id, data)
    check_inclusion(
        read_receipt(with_receipt, COORDINATOR.public, data, round_id=scene.round_id), entries
    )


def test_coordinator_and_trustees_restarted_in_the_middle(
    scene: Scene, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with coordinator(scene, tmp_path) as address:
        submit(scene, address, range(1, 4))
    with ExitStack() as stack:
        # Trustees that started while the coordinator is away wait for it.
        for index in (1, 2):
            stack.enter_context(trustee(scene, index, tmp_path, address))
        time.sleep(0.3)
        with coordinator(scene, tmp_path, address):
            submit(scene, address, range(4, MEMBERS + 1))
            # Two of four have voted: no quorum, nothing opened.
            wait(address, lambda _, entries: entries >= MEMBERS + 2 + 2)
    with ExitStack() as stack:
        stack.enter_context(coordinator(scene, tmp_path, address))
        for index in (2, 3, 4):
            stack.enter_context(trustee(scene, index, tmp_path, address))
        wait(address, is_released)

    assert "cannot reach the coordinator" in caplog.text


def test_refusals_carry_the_name_of_their_reason(scene: Scene, tmp_path: Path) -> None:
    with coordinator(scene, tmp_path) as address, BoardClient(address) as board:
        with pytest.raises(RefusedError, match="no round") as refused:
            board.describe("elsewhere")
        assert refused.value.reason == "PlanError"
        statement = scene.held.signing[0].sign("closing", b"")
        with pytest.raises(RefusedError, match="is open") as refused:
            board.post(scene.round_id, statement)
        assert refused.value.reason == "PolicyRefusal"
        with pytest.raises(RefusedError, match="no round"):
            list(board.read("elsewhere", 0))


def test_a_defect_shows_no_traceback(
    scene: Scene,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    board = scene.board(tmp_path / "board.sqlite")
    monkeypatch.setattr(board, "describe", lambda _: 1 // 0)
    running = server.start(board, "127.0.0.1:0")
    with BoardClient(running.address) as client, pytest.raises(StumbledError) as stumbled:
        client.describe(scene.round_id)
    running.stop()

    assert str(stumbled.value) == "the coordinator stumbled: unexpected error at the coordinator"
    assert "ZeroDivisionError" in caplog.text


def test_a_coordinator_that_stumbles_once_at_every_call_is_asked_again(
    scene: Scene,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    board = scene.board(tmp_path / "board.sqlite")
    stumbles: list[str] = []

    def stumbling(name: str, calls: Callable[..., object]) -> Callable[..., object]:
        def call(*arguments: object) -> object:
            if name not in stumbles:
                stumbles.append(name)
                if len(stumbles) % 2:
                    raise StoreError("database is locked")
                raise ZeroDivisionError
            return calls(*arguments)

        return call

    for name in ("rounds", "describe", "read", "post", "send_sealed", "sealed"):
        monkeypatch.setattr(board, name, stumbling(name, getattr(board, name)))
    running = server.start(board, "127.0.0.1:0")
    try:
        with ExitStack() as stack:
            # Three are the quorum: none can be spared.
            for index in (1, 2, 4):
                stack.enter_context(trustee(scene, index, tmp_path, running.address))
            submit(scene, running.address, range(1, MEMBERS + 1))
            until = time.monotonic() + PATIENCE
            while not (stumbles and is_released(state := board.rounds()[0].state, 0)):
                assert time.monotonic() < until, state
                time.sleep(0.05)
    finally:
        running.stop()

    assert len(stumbles) == 6
    assert "the coordinator stumbled: database is locked" in caplog.text
    assert "left:" not in caplog.text


def test_an_oversize_message_is_refused(scene: Scene, tmp_path: Path) -> None:
    with coordinator(scene, tmp_path) as address, BoardClient(address) as board:
        with pytest.raises((RefusedError, UnreachableError)):
            board.post(scene.round_id, bytes(server.MAX_MESSAGE_BYTES + 1))
        assert board.rounds()[0].entries == 1


@pytest.mark.parametrize(
    "listen", ["0.0.0.0:0", "192.0.2.1:0", "[::]:0", "example.org:0", "localhost", "127.0.0.1:x"]
)
def test_it_listens_on_loopback_only(listen: str) -> None:
    with pytest.raises(SettingsError):
        server.check_listen(listen)


def test_a_port_that_is_taken(scene: Scene, tmp_path: Path) -> None:
    with coordinator(scene, tmp_path) as address:
        other = scene.board(tmp_path / "other.sqlite")
        with pytest.raises(SettingsError, match="another process"):
            server.start(other, address)


def test_a_round_that_breaks_the_terms_is_left_and_the_others_served(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    scene = Scene(round_id="a-loose", minimum=4)
    strict = Scene(round_id="b-strict")
    board = scene.board(tmp_path / "board.sqlite")
    board.create_round(strict.record)
    running = server.start(board, "127.0.0.1:0")
    try:
        with caplog.at_level(logging.INFO), trustee(strict, 1, tmp_path, running.address):
            time.sleep(0.5)
    finally:
        running.stop()

    assert caplog.text.count("round a-loose: left: PolicyRefusal") == 1
    assert "round b-strict: terms checked" in caplog.text
