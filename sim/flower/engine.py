"""A run of the app on a SuperLink of its own, in Flower's simulation engine, from start to end.

Flower keeps its connections in ``$FLWR_HOME/config.toml`` and reuses whatever SuperLink it finds
there, ``flwr run`` ends well when the app raises, and an app run inside a source tree imports from
it and hides what its bundle lacks. So each run has its own home, its own SuperLink on a free port
of loopback, an empty working directory, and its outcome is read from ``flwr ls``. Nothing is sent
to third parties: see :data:`QUIET`. docs/flower.md.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sim.errors import OptionError, OutputError, ProcessFailed
from sim.flower import bundle
from sim.flower.family import Family
from sim.progress import Reporter

QUIET = {
    "FLWR_TELEMETRY_ENABLED": "0",
    "FLWR_DISABLE_UPDATE_CHECK": "1",
    "RAY_USAGE_STATS_ENABLED": "0",
}
"""What keeps Flower and Ray from calling home: their telemetry and the search for updates."""

FAIR = {"RAY_worker_niceness": "0"}
"""Ray runs its workers, which are the nodes here, at a niceness of 15. The engine beside them looks
for messages without a pause, on a core that they then do not get."""

APPS = {
    "round": (bundle.SERVER, bundle.CLIENT),
    "secagg": ("sim.flower.secagg:server", "sim.flower.secagg:client"),
}
"""The apps that can be run: server and client components."""

GUARD = Path(__file__).resolve().with_name("guard.py")
CONNECTION = "cefed"
LOOPBACK = "127.0.0.1"
START_SECONDS = 60.0
POLL_SECONDS = 1.0
COMMAND_SECONDS = 120.0
TELL_LINES = 15
FINISHED, COMPLETED = "finished", "finished:completed"

Hear = Callable[[Mapping[str, Any]], None]


@dataclass
class FlowerRun:
    """How a run went.

    ``seconds``: from the start of the SuperLink to its end; ``started``: of them, until all nodes
    had joined. ``peak_memory``: bytes, the resident memory of all of Flower's and Ray's processes
    together, at its highest. ``cpu_seconds``: what they used, the nodes' own work included.
    """

    seconds: float = 0.0
    started: float = 0.0
    peak_memory: int = 0
    cpu_seconds: float = 0.0
    exchanges: int = 0
    told: list[dict[str, Any]] = field(default_factory=list)

    def lines(self, what: str) -> list[dict[str, Any]]:
        """What the ServerApp told of one kind: ``exchange``, ``rounds``, ``totals``, ``done``."""
        return [line for line in self.told if line["what"] == what]


def run_on_flower(
    app: str,
    nodes: int,
    run_config: Mapping[str, str | int | float | bool],
    work: Path,
    reporter: Reporter,
    *,
    hear: Hear | None = None,
    check: Callable[[], None] | None = None,
    workers: int | None = None,
) -> FlowerRun:
    """Run an app on the simulation engine and stop everything again, whatever happens.

    :param app: a name of :data:`APPS`.
    :param nodes: how many SuperNodes are simulated.
    :param run_config: see :mod:`sim.flower.server`; ``told`` is set here, ``nodes`` and ``folder``
        if they are not given.
    :param work: the run's own folder, made here.
    :param hear: called with each line that the ServerApp tells, such as every node's answer.
    :param check: called while waiting; what it raises ends the run.
    :param workers: how many nodes work at a time; by default one more than there are cores, since
        nodes wait for the disk.
    :raises OptionError: Flower or Ray is not installed, or no such app.
    :raises ProcessFailed: the run failed, with the end of its log.
    :raises OutputError: ``work`` cannot be made.
    """
    if app not in APPS:
        raise OptionError(f"no Flower app {app!r}; there are {', '.join(APPS)}")
    engine = _Engine(work, workers or (os.cpu_count() or 1) + 1)
    config = {"nodes": nodes, "folder": str(engine.folder / "mirrors"), **run_config}
    config["told"] = str(engine.told)
    started = time.monotonic()
    with engine.running():
        reporter.say(f"Flower: a SuperLink of its own, {nodes} simulated SuperNodes")
        engine.submit(app, nodes, config)
        run = engine.wait(reporter, hear, check)
    run.seconds = time.monotonic() - started
    return run


class _Engine:
    """One SuperLink, its home and its processes."""

    def __init__(self, work: Path, workers: int) -> None:
        self.folder = self._work = work.resolve()
        self._workers = workers
        self._home = self._work / "home"
        self._empty = self._work / "empty"
        self._log = self._work / "superlink.log"
        self.told = self._work / "told.jsonl"
        self._family = Family()
        self._position = 0

    @contextmanager
    def running(self) -> Iterator[None]:
        """Have a SuperLink; leaving stops it and every process that came of it."""
        for name in ("flower-superlink", "flwr"):
            if not (programs() / name).exists():
                raise OptionError("Flower is not installed: pip install 'cefed[sim,flower-sim]'")
        port = free_port()
        try:
            self._empty.mkdir(parents=True)
            self._home.mkdir()
            (self._home / "config.toml").write_text(
                f'[superlink]\ndefault = "{CONNECTION}"\n\n[superlink.{CONNECTION}]\n'
                f'address = "{LOOPBACK}:{port}"\ninsecure = true\n',
                encoding="utf-8",
            )
        except OSError as error:
            raise OutputError(f"cannot make {error.filename}: {error.strerror}") from error
        # Ray's sockets need a short path, so its folder cannot be under ours.
        ray = tempfile.mkdtemp(prefix="cefed-ray-")
        self._environment = environment(self._home) | {"RAY_TMPDIR": ray}
        try:
            self._start(port)
            yield
        finally:
            self._family.stop()
            shutil.rmtree(ray, ignore_errors=True)

    def _start(self, port: int) -> None:
        command = ["flower-superlink", "--simulation", "--insecure", "--host", LOOPBACK]
        command += ["--port", str(port), "--disable-runtime-dependency-installation"]
        with self._log.open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, str(GUARD), str(programs() / command[0]), *command[1:]],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env=self._environment,
                cwd=self._empty,
                start_new_session=True,
            )
        self._family.adopt(process)
        end = time.monotonic() + START_SECONDS
        while not listens(port):
            if process.poll() is not None or time.monotonic() > end:
                raise ProcessFailed(f"the SuperLink does not listen: {tail(self._log)}")
            time.sleep(0.1)

    def submit(self, app: str, nodes: int, config: Mapping[str, str | int | float | bool]) -> None:
        """Bundle the app and start its run."""
        server, client = APPS[app]
        folder = bundle.write_app(self._work / "app", server, client)
        settings = self._work / "run.toml"
        lines = (f"{key} = {bundle.toml(value)}\n" for key, value in config.items())
        settings.write_text("".join(lines), encoding="utf-8")
        federation = (
            f"num-supernodes={nodes} client-resources-num-cpus=1 client-resources-num-gpus=0.0 "
            f"init-args-num-cpus={self._workers}"
        )
        answer = self._flwr(
            *("run", str(folder), CONNECTION, "--format", "json"),
            *("--run-config", str(settings), "--federation-config", federation),
        )
        self._run_id = str(answer["run-id"])

    def wait(
        self, reporter: Reporter, hear: Hear | None, check: Callable[[], None] | None
    ) -> FlowerRun:
        """Wait for the run's end. :raises ProcessFailed: it did not complete."""
        run = FlowerRun()
        status, details, asked = "", "", 0.0
        while not status.startswith(FINISHED):
            time.sleep(POLL_SECONDS)
            if check is not None:
                check()
            memory, run.cpu_seconds = self._family.measure()
            run.peak_memory = max(run.peak_memory, memory)
            self._listen(run, reporter, hear)
            # Asking starts an interpreter, so it is done seldom until the app says it is done.
            if run.lines("done") or time.monotonic() - asked > 10 * POLL_SECONDS:
                (status, details), asked = self._status(), time.monotonic()
        self._listen(run, reporter, hear)
        if status != COMPLETED:
            raise ProcessFailed(f"the Flower run ended as {status}: {details}\n{self._explain()}")
        return run

    def _listen(self, run: FlowerRun, reporter: Reporter, hear: Hear | None) -> None:
        """Read what the ServerApp has told since the last time, whole lines only."""
        if not self.told.exists():
            return
        with self.told.open("rb") as file:
            file.seek(self._position)
            data = file.read()
        whole = data[: data.rfind(b"\n") + 1]
        self._position += len(whole)
        for text in whole.splitlines():
            line = json.loads(text)
            if hear is not None:
                hear(line)
            if line["what"] != "answer":
                run.told.append(line)
            if line["what"] == "joined":
                run.started = time.monotonic() - self._family.born
                reporter.say(f"Flower: {line['nodes']} nodes have joined")
            if line["what"] == "done":
                run.exchanges = int(line["exchanges"])

    def _status(self) -> tuple[str, str]:
        for run in self._flwr("ls", CONNECTION, "--format", "json")["runs"]:
            if str(run["run-id"]) == self._run_id:
                return str(run["status"]), str(run["status-details"])
        raise ProcessFailed(f"the SuperLink does not know the run: {tail(self._log)}")

    def _explain(self) -> str:
        done = self._command("log", self._run_id, CONNECTION, "--show")
        return "\n".join((done.stdout + done.stderr).splitlines()[-TELL_LINES:])

    def _flwr(self, *arguments: str) -> dict[str, Any]:
        done = self._command(*arguments)
        try:
            answer = json.loads(done.stdout[done.stdout.index("{") :])
        except ValueError as error:
            said = (done.stdout + done.stderr).strip()[-2000:]
            raise ProcessFailed(f"flwr {arguments[0]} failed: {said}") from error
        if not isinstance(answer, dict) or not answer.get("success"):
            raise ProcessFailed(f"flwr {arguments[0]} failed: {answer}")
        return answer

    def _command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(programs() / "flwr"), *arguments],
            capture_output=True,
            text=True,
            env=self._environment,
            cwd=self._empty,
            check=False,
            timeout=COMMAND_SECONDS,
            stdin=subprocess.DEVNULL,
        )


def environment(home: Path) -> dict[str, str]:
    """Our environment for Flower's programs: their own home, and nobody called.

    ``PATH`` comes first to where they are installed, since they start each other by name;
    ``PYTHONPATH`` is left out, so that an app runs from its bundle.
    """
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    path = os.pathsep.join((str(programs()), kept.get("PATH", os.defpath)))
    return {**kept, **QUIET, **FAIR, "PATH": path, "FLWR_HOME": str(home), "PYTHONUNBUFFERED": "1"}


def free_port() -> int:
    """A port of loopback that nobody listens at now."""
    with socket.socket() as found:
        found.bind((LOOPBACK, 0))
        return int(found.getsockname()[1])


def listens(port: int) -> bool:
    """Whether somebody answers at a port of loopback."""
    with socket.socket() as tried:
        tried.settimeout(1.0)
        return tried.connect_ex((LOOPBACK, port)) == 0


def tail(log: Path) -> str:
    """The end of a log, for a message."""
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return "no log"
    return "\n".join(lines[-TELL_LINES:])


def programs() -> Path:
    """Where this interpreter's programs are installed."""
    return Path(sys.executable).parent
