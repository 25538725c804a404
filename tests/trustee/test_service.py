"""Whole rounds over real sockets and TLS: one coordinator, four trustees, restarts in between."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from coordinator import server
from coordinator.board import Board
from coordinator.errors import StoreError
from coordinator.registry import Registry
from coordinator.settings import CoordinatorSettings
from protocols.passes import Bearer
from protocols.service import probes, tls
from protocols.service.channel import Target
from protocols.signing import SigningKey
from protocols.transcript import check_inclusion, read_receipt
from tests.keys import signing_key
from tests.trustee.scene import COORDINATOR, NOW, Scene, member_key, new_ledger
from trustee.agreement import TrusteeLimits
from trustee.client import BoardClient
from trustee.errors import RefusedError, StumbledError, UnreachableError
from trustee.metrics import Metrics
from trustee.service import Service

PATIENCE = 60.0
MEMBERS = 6


@pytest.fixture(scope="module")
def scene() -> Scene:
    return Scene(small=False, members=MEMBERS)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tls")
    tls.create_authority(folder / "tls", ["127.0.0.1"])
    return folder / "tls"


@contextmanager
def coordinator(
    scene: Scene, path: Path, certificate: Path, listen: str = "127.0.0.1:0"
) -> Iterator[tuple[Target, Board]]:
    """A coordinator that knows the scene's members and trustees, over the store in ``path``."""
    board = scene.board(path / "board.sqlite", opened=False)
    registry = Registry(board._store.engine, COORDINATOR, clock=lambda: NOW)
    registry.admit_many(
        (member.key, f"E-{member.key.fingerprint}", member.group) for member in scene.roster.members
    )
    for key in scene.held.signing:
        registry.add_trustee(key.public, key.public.fingerprint)
    credentials = tls.server_credentials(certificate / "server.pem", certificate / "server-key.pem")
    settings = CoordinatorSettings(listen=listen)
    running = server.start(board, registry, settings, credentials, clock=lambda: NOW)
    try:
        authority = (certificate / "authority.pem").read_bytes()
        yield Target(running.address, authority), board
    finally:
        running.stop()
        board.close()


def client(target: Target, key: SigningKey, clock: int = NOW) -> BoardClient:
    return BoardClient(target, Bearer(key, COORDINATOR.public, clock=lambda: clock))


@contextmanager
def trustee(scene: Scene, index: int, path: Path, target: Target) -> Iterator[Service]:
    stop = threading.Event()
    own = path / f"trustee-{index}"
    own.mkdir(exist_ok=True)
    ledger = new_ledger(path / f"ledger-{index}.jsonl")
    with client(target, scene.held.signing[index - 1]) as board:
        service = Service(
            board,
            [scene.accepted(index)],
            ledger,
            COORDINATOR.public,
            TrusteeLimits(),
            own,
            clock=lambda: NOW,
            metrics=(metrics := Metrics()),
        )
        answering = probes.start("127.0.0.1:0", service.reasons, metrics.registry)
        thread = threading.Thread(target=service.run, args=(stop,))
        thread.start()
        try:
            yield service
        finally:
            status, shown = probes.ask(answering.address, "/metrics")
            assert status == 200
            assert scene.round_id not in shown
            stop.set()
            thread.join()
            answering.stop()
            ledger.close()


def wait(board: Board, done: Callable[[str, int], bool]) -> None:
    """Until the first round's state and number of entries satisfy ``done``."""
    until = time.monotonic() + PATIENCE
    while not done((row := board.rounds()[0]).state, row.entries):
        assert time.monotonic() < until, f"still {row.state} with {row.entries} entries"
        time.sleep(0.05)


def is_open(state: str, _entries: int) -> bool:
    return state == "open"


def is_released(state: str, _entries: int) -> bool:
    return state == "released"


def test_a_round_over_sockets(scene: Scene, tmp_path: Path, certificate: Path) -> None:
    with ExitStack() as stack:
        target, board = stack.enter_context(coordinator(scene, tmp_path, certificate))
        services = [
            stack.enter_context(trustee(scene, index, tmp_path, target)) for index in range(1, 5)
        ]
        wait(board, is_open)
        receipts = [scene.submit(board, number) for number in range(1, MEMBERS + 1)]
        wait(board, is_released)
        with client(target, scene.held.signing[0]) as reading:
            entries = list(reading.read(scene.round_id, 0))
        assert services[0].reasons() == []

    assert [e.kind for e in entries].count("endorsement") >= 3
    data = next(e.payload for e in entries if e.kind == "contribution")
    receipt = read_receipt(receipts[0], COORDINATOR.public, data, round_id=scene.round_id)
    check_inclusion(receipt, entries)


def test_a_trustee_that_is_not_let_in_says_why(
    scene: Scene, tmp_path: Path, certificate: Path
) -> None:
    with coordinator(scene, tmp_path, certificate) as (target, _):
        pinned = signing_key(70).public
        wrong = BoardClient(target, Bearer(scene.held.signing[0], pinned, clock=lambda: NOW))
        with wrong, pytest.raises(StumbledError, match="coordinator_key is not the key of"):
            wrong.rounds()
        ledger = new_ledger(tmp_path / "ledger.jsonl")
        limits, key = TrusteeLimits(), COORDINATOR.public
        with client(target, signing_key(71)) as board:
            service = Service(board, [scene.accepted(1)], ledger, key, limits, tmp_path)
            stop = threading.Event()
            thread = threading.Thread(target=service.run, args=(stop,))
            thread.start()
            try:
                until = time.monotonic() + PATIENCE
                while "neither enrolled nor registered" not in service.reasons()[0]:
                    assert time.monotonic() < until, service.reasons()
                    time.sleep(0.05)
            finally:
                stop.set()
                thread.join()
                ledger.close()


def test_coordinator_and_trustees_restarted_in_the_middle(
    scene: Scene, tmp_path: Path, certificate: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with ExitStack() as stack:
        target, board = stack.enter_context(coordinator(scene, tmp_path, certificate))
        for index in (1, 2, 3):
            stack.enter_context(trustee(scene, index, tmp_path, target))
        wait(board, is_open)
        for number in range(1, 4):
            scene.submit(board, number)
    with ExitStack() as stack:
        # Trustees that started while the coordinator is away wait for it.
        services = [
            stack.enter_context(trustee(scene, index, tmp_path, target)) for index in (1, 2, 3)
        ]
        time.sleep(0.3)
        assert services[0].reasons() == ["the coordinator does not answer"]
        _, board = stack.enter_context(coordinator(scene, tmp_path, certificate, target.address))
        for number in range(4, MEMBERS + 1):
            scene.submit(board, number)
        wait(board, is_released)

    assert "cannot reach the coordinator" in caplog.text
    assert "the coordinator answers again" in caplog.text


def test_refusals_carry_the_name_of_their_reason(
    scene: Scene, tmp_path: Path, certificate: Path
) -> None:
    key = scene.held.signing[0]
    with coordinator(scene, tmp_path, certificate) as (target, _), client(target, key) as board:
        with pytest.raises(RefusedError, match="no round") as refused:
            board.describe("elsewhere")
        assert refused.value.reason == "PlanError"
        with pytest.raises(RefusedError) as refused:
            board.post(scene.round_id, key.sign("closing", b""))
        assert refused.value.reason == "PolicyRefusal"
        with pytest.raises(RefusedError, match="no round"):
            list(board.read("elsewhere", 0))
        with pytest.raises(RefusedError):
            board.peers(bytes(32))


def test_a_stranger_is_not_let_in(scene: Scene, tmp_path: Path, certificate: Path) -> None:
    stranger = signing_key(99, "stranger")
    with (
        coordinator(scene, tmp_path, certificate) as (target, _),
        client(target, stranger) as board,
        pytest.raises(StumbledError, match="does not let this trustee in"),
    ):
        board.rounds()


def test_a_member_does_not_see_who_the_others_are(
    scene: Scene, tmp_path: Path, certificate: Path
) -> None:
    with (
        coordinator(scene, tmp_path, certificate) as (target, _),
        client(target, member_key(1)) as board,
        pytest.raises(RefusedError),
    ):
        board.members(scene.round_id)


def test_a_clock_two_hours_slow_is_named(scene: Scene, tmp_path: Path, certificate: Path) -> None:
    with (
        coordinator(scene, tmp_path, certificate) as (target, _),
        client(target, scene.held.signing[0], NOW - 2 * 3600) as board,
        pytest.raises(StumbledError, match="clocks"),
    ):
        board.rounds()


def test_a_coordinator_with_another_certificate_is_not_talked_to(
    scene: Scene, tmp_path: Path, certificate: Path
) -> None:
    tls.create_authority(tmp_path / "other", ["127.0.0.1"])
    other = (tmp_path / "other" / "authority.pem").read_bytes()
    with (
        coordinator(scene, tmp_path, certificate) as (target, _),
        client(Target(target.address, other), scene.held.signing[0]) as board,
        pytest.raises(UnreachableError) as unreachable,
    ):
        board.rounds()

    assert not isinstance(unreachable.value, StumbledError)


def test_a_coordinator_that_stumbles_once_at_every_call_is_asked_again(
    scene: Scene,
    tmp_path: Path,
    certificate: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
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

    names = ("describe", "read", "post", "send_sealed", "sealed", "post_peer", "peers")
    with ExitStack() as stack:
        target, board = stack.enter_context(coordinator(scene, tmp_path, certificate))
        for name in names:
            monkeypatch.setattr(board, name, stumbling(name, getattr(board, name)))
        # Three are the quorum: none can be spared.
        for index in (1, 2, 4):
            stack.enter_context(trustee(scene, index, tmp_path, target))
        wait(board, is_open)
        for number in range(1, MEMBERS + 1):
            scene.submit(board, number)
        until = time.monotonic() + PATIENCE
        while len(stumbles) < len(names) or not is_released(board.rounds()[0].state, 0):
            assert time.monotonic() < until, (stumbles, board.rounds()[0].state)
            time.sleep(0.05)

    assert "database is locked" in caplog.text
    assert "left:" not in caplog.text


def test_a_round_that_breaks_the_terms_is_left_and_the_others_served(
    tmp_path: Path, certificate: Path, caplog: pytest.LogCaptureFixture
) -> None:
    loose = Scene(round_id="a-loose", minimum=4)
    strict = Scene(round_id="b-strict")
    with ExitStack() as stack:
        target, board = stack.enter_context(coordinator(strict, tmp_path, certificate))
        board.create_round(loose.record)
        stack.enter_context(caplog.at_level(logging.INFO))
        for index in range(1, 4):
            stack.enter_context(trustee(strict, index, tmp_path, target))
        until = time.monotonic() + PATIENCE
        while len(board.refusals("a-loose")) < 3 or board.rounds()[1].state != "open":
            assert time.monotonic() < until, [row.state for row in board.rounds()]
            time.sleep(0.05)

    assert caplog.text.count("round a-loose: left: PolicyRefusal") == 3
    assert board.rounds()[0].state == "proposed"
