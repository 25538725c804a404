"""A Flower deployment on one machine: a SuperLink with TLS, and SuperNodes that it knows by key.

``examples/flower/run.py`` and tests run it. Every SuperNode is a process of its own with its own
home, its own key and, where the whole is started by root, its own user, who can read the exchange
folder that the node configuration names and nothing of any private side. docs/flower.md.
"""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from protocols.service.authority import AUTHORITY, CERTIFICATE, KEY, create_authority
from sim.errors import OptionError, ProcessFailed
from sim.flower import bundle
from sim.flower.engine import (
    COMPLETED,
    CONNECTION,
    FINISHED,
    LOOPBACK,
    environment,
    free_port,
    listens,
    programs,
    tail,
)
from sim.flower.family import Family

START_SECONDS = 60.0
POLL_SECONDS = 2.0
COMMAND_SECONDS = 120.0
FIRST_USER = 64_200
"""The first of the numbers that the nodes' users get when root starts everything."""

CURVE = ("ssh-keygen", "-q", "-t", "ecdsa", "-b", "384", "-N", "", "-C", "")
"""Flower takes NIST curves only for the keys of SuperNodes."""


@dataclass(frozen=True)
class Users:
    """The numbers of a node's two users, and of the group that both are in."""

    private: int
    gateway: int
    group: int

    @classmethod
    def of(cls, number: int) -> Users | None:
        """The users of node ``number``, from 0; None if we cannot have any (:func:`obstacle`)."""
        if obstacle():
            return None
        first = FIRST_USER + 2 * number
        return cls(private=first, gateway=first + 1, group=first)


def obstacle() -> str:
    """Why the nodes' processes cannot be other users'; empty if they can."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return "only root can start processes of other users"
    interpreter = Path(sys.executable).resolve()
    for folder in (*interpreter.parents, *programs().resolve().parents):
        if not folder.stat().st_mode & stat.S_IXOTH:
            return f"other users cannot reach the interpreter: {folder} is closed to them"
    return ""


def run_as(user: int | None, group: int | None) -> dict[str, Any]:
    """Arguments of ``Popen`` for a process of another user. None for both: of our own."""
    if user is None:
        return {"umask": 0o007}
    return {"user": user, "group": group, "extra_groups": [], "umask": 0o007}


class Fleet:
    """One SuperLink and its SuperNodes; leaving the context stops every process.

    :param work: a folder of their own, which every user can pass through.
    """

    def __init__(self, work: Path) -> None:
        self._work = work
        self._family = Family()
        self._port = free_port()
        self._home = work / "superlink"
        self._tls = self._home / "tls"
        self._environment = environment(self._home)
        self._nodes: list[tuple[subprocess.Popen[bytes], Path]] = []

    def __enter__(self) -> Fleet:
        self._home.mkdir(mode=0o700)
        create_authority(self._tls, [LOOPBACK])
        authority = self._tls / AUTHORITY
        (self._home / "config.toml").write_text(
            f'[superlink]\ndefault = "{CONNECTION}"\n\n[superlink.{CONNECTION}]\n'
            f'address = "{LOOPBACK}:{self._port}"\nroot-certificates = "{authority}"\n',
            encoding="utf-8",
        )
        (self._work / AUTHORITY).write_bytes(authority.read_bytes())
        (self._work / AUTHORITY).chmod(0o644)
        try:
            self._start_superlink()
        except BaseException:
            self._family.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._family.stop()

    def add(self, name: str, exchange: Path, users: Users | None) -> None:
        """Make a key, register it, and start the SuperNode of an exchange folder.

        :raises ProcessFailed: one of these failed.
        """
        home = self._work / f"supernode-{name}"
        home.mkdir(mode=0o700)
        key = home / "key"
        made = subprocess.run([*CURVE, "-f", str(key)], capture_output=True, text=True, check=False)
        if made.returncode != 0:
            raise ProcessFailed(f"ssh-keygen failed: {made.stderr.strip()}")
        self.flwr("supernode", "register", f"{key}.pub", CONNECTION, "--format", "json")
        if users is not None:
            for path in (home, key, Path(f"{key}.pub")):
                os.chown(path, users.gateway, users.group)
        port = free_port()
        command = ["flower-supernode", "--superlink", f"{LOOPBACK}:{self._port}"]
        command += ["--root-certificates", str(self._work / AUTHORITY)]
        command += ["--auth-supernode-private-key", str(key)]
        command += ["--node-config", f"exchange={bundle.toml(str(exchange))}"]
        command += ["--host", LOOPBACK, "--port", str(port)]
        user = (users.gateway, users.group) if users is not None else (None, None)
        log = self._work / f"supernode-{name}.log"
        self._nodes.append((self._start(command, log, home, user), log))

    def run(
        self,
        app: Path,
        config: Mapping[str, str | int | float | bool],
        *,
        seconds: float,
        check: Callable[[], None] = lambda: None,
    ) -> str:
        """Run an app to its end; returns its log.

        :param check: called while waiting; what it raises ends the wait.
        :raises ProcessFailed: it did not complete in ``seconds``, or a process ended.
        """
        settings = self._work / f"run-{time.monotonic_ns()}.toml"
        lines = (f"{key} = {bundle.toml(value)}\n" for key, value in config.items())
        settings.write_text("".join(lines), encoding="utf-8")
        answer = self.flwr(
            *("run", str(app), CONNECTION, "--format", "json", "--run-config", str(settings))
        )
        run_id, status, details = str(answer["run-id"]), "", ""
        end = time.monotonic() + seconds
        while not status.startswith(FINISHED):
            time.sleep(POLL_SECONDS)
            check()
            self._check()
            if time.monotonic() > end:
                raise ProcessFailed(f"the run is {status} after {seconds:.0f} s: {self._said()}")
            for run in self.flwr("ls", CONNECTION, "--format", "json")["runs"]:
                if str(run["run-id"]) == run_id:
                    status, details = str(run["status"]), str(run["status-details"])
        log = self._command("log", run_id, CONNECTION, "--show").stdout
        if status != COMPLETED:
            raise ProcessFailed(f"the run ended as {status}: {details}\n{log}")
        return log

    def flwr(self, *arguments: str) -> dict[str, Any]:
        """A command of Flower's command line, with what it says as JSON.

        :raises ProcessFailed: it failed.
        """
        done = self._command(*arguments)
        try:
            answer: dict[str, Any] = json.loads(done.stdout[done.stdout.index("{") :])
        except ValueError as error:
            said = (done.stdout + done.stderr).strip()[-2000:]
            raise ProcessFailed(f"flwr {arguments[0]} failed: {said}") from error
        if not answer.get("success"):
            raise ProcessFailed(f"flwr {arguments[0]} failed: {answer}")
        return answer

    def _start_superlink(self) -> None:
        command = ["flower-superlink", "--host", LOOPBACK, "--port", str(self._port)]
        command += ["--ssl-ca-certfile", str(self._tls / AUTHORITY)]
        command += ["--ssl-certfile", str(self._tls / CERTIFICATE)]
        command += ["--ssl-keyfile", str(self._tls / KEY), "--enable-supernode-auth"]
        command += ["--disable-runtime-dependency-installation"]
        log = self._home / "superlink.log"
        process = self._start(command, log, self._home, (None, None))
        end = time.monotonic() + START_SECONDS
        while not listens(self._port):
            if process.poll() is not None or time.monotonic() > end:
                raise ProcessFailed(f"the SuperLink does not listen: {tail(log)}")
            time.sleep(0.1)

    def _start(
        self, command: Sequence[str], log: Path, home: Path, user: tuple[int | None, int | None]
    ) -> subprocess.Popen[bytes]:
        if not (programs() / command[0]).exists():
            raise OptionError("Flower is not installed: pip install 'cefed[sim,flower]'")
        with log.open("ab") as file:
            process = subprocess.Popen(
                [str(programs() / command[0]), *command[1:]],
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                env=environment(home),
                cwd=home,
                start_new_session=True,
                **run_as(*user),
            )
        self._family.adopt(process)
        return process

    def _check(self) -> None:
        self._family.measure()  # remembers what was started, so that it can be stopped
        for process, log in self._nodes:
            if process.poll() is not None:
                raise ProcessFailed(f"a SuperNode ended: {tail(log)}")

    def _said(self) -> str:
        return tail(self._home / "superlink.log")

    def _command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(programs() / "flwr"), *arguments],
            capture_output=True,
            text=True,
            env=self._environment,
            cwd=self._home,
            check=False,
            timeout=COMMAND_SECONDS,
            stdin=subprocess.DEVNULL,
        )
