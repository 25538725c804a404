"""`cefed trustee serve` as a process: its logs, probes and end, with no coordinator in sight."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from protocols.service import probes
from protocols.service.errors import SettingsError as WrongConfiguration
from tests.trustee.dealt import accept, deal, make
from tests.trustee.scene import COORDINATOR
from trustee import settings
from trustee.errors import SettingsError

KEY = COORDINATOR.public.raw.hex()
PATIENCE = 60.0


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a trustee that accepted a ceremony, on a machine without configuration."""
    monkeypatch.setenv("CEFED_ETC", str(tmp_path / "etc"))
    folders = make(tmp_path)
    accept(folders[0], deal(tmp_path / "c", folders), 1)
    return folders[0]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serving(place: Path, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "cefed", "trustee", "serve", str(place), *options]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, env=dict(os.environ))
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def answer(address: str, page: str) -> tuple[int, str]:
    until = time.monotonic() + PATIENCE
    while True:
        try:
            return probes.ask(address, page)
        except WrongConfiguration:
            assert time.monotonic() < until
            time.sleep(0.1)


def test_it_waits_for_its_coordinator_and_stops_when_asked(place: Path, tmp_path: Path) -> None:
    listen, log = f"127.0.0.1:{free_port()}", tmp_path / "log"
    (place / "trustee.toml").write_text(
        f'coordinator = "127.0.0.1:{free_port()}"\ncoordinator_key = "{KEY}"\n'
        f'insecure = true\nlog_file = "{log}"\nprobes_listen = "{listen}"\n'
    )
    with serving(place) as process:
        assert answer(listen, "/healthz")[0] == 200
        assert answer(listen, "/readyz")[0] == 503
        until = time.monotonic() + PATIENCE
        while "cannot reach the coordinator" not in log.read_text():
            assert time.monotonic() < until
            time.sleep(0.1)
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0

    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert all(line["role"] == "trustee" for line in lines)
    assert lines[-1]["event"] == "stopped"
    assert [line for line in lines if "INSECURE" in line["event"]]


def test_plaintext_to_another_machine_is_refused(place: Path) -> None:
    options = ("--coordinator", "192.0.2.1:7443", "--coordinator-key", KEY, "--insecure")
    with serving(place, *options) as process:
        _, shown = process.communicate(timeout=PATIENCE)

    assert process.returncode == 2
    assert b"loopback" in shown.splitlines()[-1]


def test_a_second_process_is_kept_out(place: Path) -> None:
    options = ("--coordinator", "127.0.0.1:1", "--coordinator-key", KEY, "--insecure")
    with serving(place, *options) as first:
        assert first.stderr is not None
        while b"cannot reach" not in first.stderr.readline():
            assert first.poll() is None
        with serving(place, *options) as second:
            _, shown = second.communicate(timeout=PATIENCE)

    assert second.returncode == 8
    assert b"in use" in shown


def test_options_override_files_and_files_name_themselves(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (place / "trustee.toml").write_text('coordinator = "a.example:1"\nlog_json = false\n')
    assert settings.load(place).coordinator == "a.example:1"
    monkeypatch.setenv("CEFED_TRUSTEE_COORDINATOR", "b.example:2")
    assert settings.load(place).coordinator == "b.example:2"
    found = settings.load(place, coordinator="c.example:3", insecure=None)
    assert (found.coordinator, found.insecure, found.log_json) == ("c.example:3", False, False)
    with pytest.raises(SettingsError, match="coordinator_key"):
        settings.load(place, coordinator_key="3f")

    (place / "trustee.toml").write_text('coordinater = "a.example:1"\n')
    with pytest.raises(WrongConfiguration, match=r"trustee\.toml.*coordinater"):
        settings.load(place)


def test_an_authority_that_is_missing(place: Path, tmp_path: Path) -> None:
    found = settings.load(
        place, coordinator="a:1", coordinator_key=KEY, tls_authority=tmp_path / "nowhere.pem"
    )

    with pytest.raises(SettingsError, match=r"nowhere\.pem"):
        settings.coordinator_of(found)
