"""Probes over a real socket."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator

import pytest
from prometheus_client import CollectorRegistry, Counter

from protocols.service import probes
from protocols.service.errors import SettingsError


class State:
    def __init__(self) -> None:
        self.reasons: list[str] = []
        self.broken = False

    def __call__(self) -> list[str]:
        if self.broken:
            raise OSError("disk 4711")
        return self.reasons


@pytest.fixture
def state() -> State:
    return State()


@pytest.fixture
def running(state: State) -> Iterator[probes.Probes]:
    registry = CollectorRegistry()
    Counter("cefed_calls", "Calls.", registry=registry).inc(3)
    started = probes.start("127.0.0.1:0", state, registry)
    yield started
    started.stop()


def test_a_process_that_answers_is_healthy(running: probes.Probes, state: State) -> None:
    state.reasons = ["the database does not answer"]
    assert probes.ask(running.address, "/healthz") == (200, "ok\n")


def test_readiness_tells_its_reasons(running: probes.Probes, state: State) -> None:
    assert probes.ask(running.address)[0] == 200
    state.reasons = ["the database does not answer"]
    status, text = probes.ask(running.address)
    assert status == 503
    assert json.loads(text) == {"ready": False, "reasons": ["the database does not answer"]}


def test_a_check_that_stumbles_is_not_ready_and_shows_no_value(
    running: probes.Probes, state: State
) -> None:
    state.broken = True
    status, text = probes.ask(running.address)
    assert status == 503
    assert "OSError" in text
    assert "4711" not in text


def test_metrics_are_prometheus_text(running: probes.Probes) -> None:
    status, text = probes.ask(running.address, "/metrics")
    assert status == 200
    assert "cefed_calls_total 3.0" in text


@pytest.mark.parametrize("path", ["/", "/readyz/../etc/passwd", "/healthz/x"])
def test_nothing_else_is_there(running: probes.Probes, path: str) -> None:
    assert probes.ask(running.address, path)[0] == 404


@pytest.mark.parametrize(
    "request_bytes", [b"POST /healthz HTTP/1.1\r\n\r\n", b"\x16\x03\x01\r\n\r\n"]
)
def test_other_requests_do_not_stop_it(running: probes.Probes, request_bytes: bytes) -> None:
    host, port = running.address.split(":")
    with socket.create_connection((host, int(port)), 5) as connection:
        connection.sendall(request_bytes)
        connection.settimeout(5)
        assert b"200" not in connection.recv(100)
    assert probes.ask(running.address, "/healthz")[0] == 200


@pytest.mark.parametrize("listen", ["0.0.0.0:0", "192.0.2.1:0", "example.org:0", "nonsense", ""])
def test_only_loopback_is_served(listen: str, state: State) -> None:
    with pytest.raises(SettingsError):
        probes.start(listen, state)


def test_a_taken_port_is_an_error(running: probes.Probes, state: State) -> None:
    with pytest.raises(SettingsError, match="cannot listen"):
        probes.start(running.address, state)


def test_after_the_stop_nobody_answers(state: State) -> None:
    started = probes.start("127.0.0.1:0", state)
    started.stop()
    with pytest.raises(SettingsError, match="nobody answers"):
        probes.ask(started.address)


def test_the_health_check_of_a_container(
    running: probes.Probes, state: State, capsys: pytest.CaptureFixture[str]
) -> None:
    assert probes.main([running.address]) == 0
    state.reasons = ["not yet"]
    assert probes.main([running.address]) == 1
    assert probes.main(["127.0.0.1:1"]) == 5
    assert probes.main([]) == 2
    assert "not yet" in capsys.readouterr().out
