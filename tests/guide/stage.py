"""Where the guide is played: a folder and, when run as root, a user for every role."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import sysconfig
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from protocols.signing import VerifyKey
from tests.guide.blocks import Block

SOURCE = Path(__file__).resolve().parents[2]
TRUSTEES = ["1", "2", "3", "4"]
ENTERPRISES = [f"{number:02}" for number in range(1, 8)]
NAMES = [
    "operator",
    "dealer",
    "authority",
    *(f"trustee-{number}" for number in TRUSTEES),
    *(f"{role}-{number}" for number in ENTERPRISES for role in ("enterprise", "gateway")),
]
"""Every role's folder; its place here is its user's number."""

PORT = "7443"

FIRST_USER = 61_000
FIRST_GROUP = 62_000
COMMAND_SECONDS = 240
UNTIL_SECONDS = 240
AT_ONCE = 3


class GuideError(AssertionError):
    """A block of the guide did not do what the guide says."""


@dataclass(frozen=True)
class Actor:
    """Somebody who types: a folder below the stage's, and its user if there are users."""

    folder: Path
    user: int | None
    group: int | None
    number: str = ""


class Stage:
    """Plays blocks in order; :meth:`close` ends every process and removes the folder."""

    def __init__(self, base: Path) -> None:
        self.base = base
        base.chmod(0o755)
        self.program, self.separate = self._install()
        with socket.socket() as chosen:
            chosen.bind(("127.0.0.1", 0))
            self._port = str(chosen.getsockname()[1])
        self._serving: dict[Path, subprocess.Popen[bytes]] = {}

    def play(self, block: Block) -> None:
        """Do what a block says. :raises GuideError: a command failed."""
        if block.role in ("root", "carry"):
            for number in self._numbers(block, [""]):
                self._run(block, Actor(self.base, None, None, number))
            self._hand_over()
            return
        actors = self._actors(block)
        if "stop" in block.flags:
            for actor in actors:
                self._stop(actor.folder)
        if "serve" in block.flags:
            for actor in actors:
                self._serve(block, actor)
        elif "each" in block.options:
            for actor in actors:
                self._run(block, actor)
        else:
            with ThreadPoolExecutor(AT_ONCE) as pool:
                list(pool.map(lambda actor: self._run(block, actor), actors))

    def close(self) -> None:
        """End what still runs, and remove everything."""
        for folder in list(self._serving):
            self._stop(folder)
        shutil.rmtree(self.base)

    def _numbers(self, block: Block, usual: list[str]) -> list[str]:
        numbers = ENTERPRISES if "each" in block.options else usual
        only = block.options.get("only")
        return [number for number in numbers if only in (None, number)]

    def _actors(self, block: Block) -> list[Actor]:
        usual = {"trustee": TRUSTEES, "enterprise": ENTERPRISES, "gateway": ENTERPRISES}
        own = block.role in usual
        return [
            self._actor(f"{block.role}-{number}" if own else block.role, number)
            for number in self._numbers(block, usual.get(block.role, [""]))
        ]

    def _actor(self, name: str, number: str = "") -> Actor:
        if not self.separate:
            return Actor(self.base / name, None, None, number)
        role, _, of = name.partition("-")
        shares = role in ("enterprise", "gateway")
        user = FIRST_USER + NAMES.index(name)
        group = FIRST_GROUP + int(of) if shares else user
        return Actor(self.base / name, user, group, number)

    def _hand_over(self) -> None:
        """What was carried into a role's folder belongs to the receiver."""
        if not self.separate:
            return
        for folder in self.base.iterdir():
            if folder.name.startswith("exchange-"):
                owner = self._actor(folder.name.replace("exchange", "enterprise"))
                os.chown(folder, owner.user or 0, owner.group or 0)
                folder.chmod(0o2770)
            elif folder.name not in ("bin", "etc"):
                actor = self._actor(folder.name)
                for path in [folder, *folder.rglob("*")]:
                    os.chown(path, actor.user or 0, actor.group or 0)

    def _run(self, block: Block, actor: Actor) -> None:
        deadline = time.monotonic() + UNTIL_SECONDS
        word = block.options.get("until")
        while True:
            done = subprocess.run(
                ["/bin/sh", "-eu", "-c", self._script(block)],
                cwd=actor.folder,
                env=self._environment(actor),
                input=self._typed(block, actor),
                capture_output=True,
                text=True,
                timeout=COMMAND_SECONDS,
                check=False,
                **self._as(actor),  # type: ignore[call-overload]
            )
            if done.returncode != 0:
                raise GuideError(
                    f"{block.title} {actor.number}: exit code {done.returncode}\n{block.text}\n"
                    f"{done.stdout}\n{done.stderr}"
                )
            if word is None or word in done.stdout.split("\n")[0]:
                return
            if time.monotonic() > deadline:
                raise GuideError(f"{block.title}: never {word!r}\n{done.stdout}\n{self._logs()}")
            time.sleep(1)

    def _serve(self, block: Block, actor: Actor) -> None:
        log = (actor.folder / "served.log").open("wb")
        self._serving[actor.folder] = subprocess.Popen(
            ["/bin/sh", "-eu", "-c", "exec " + self._script(block).strip()],
            cwd=actor.folder,
            env=self._environment(actor),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            **self._as(actor),  # type: ignore[call-overload]
        )
        log.close()
        deadline = time.monotonic() + UNTIL_SECONDS
        path = actor.folder / "served.log"
        while not any(word in path.read_text() for word in ("listening on", "serving")):
            if self._serving[actor.folder].poll() is not None or time.monotonic() > deadline:
                raise GuideError(f"{block.title} {actor.number} does not serve\n{path.read_text()}")
            time.sleep(0.1)

    def _stop(self, folder: Path) -> None:
        process = self._serving.pop(folder)
        process.terminate()
        if process.wait(timeout=60) != 0:
            raise GuideError(f"{folder.name} did not end cleanly\n{self._logs()}")

    def _typed(self, block: Block, actor: Actor) -> str:
        answer = block.options.get("types", "")
        if answer in ("pseudonym", "next"):
            return self._read_out(actor.number, next_key=answer == "next") + "\n"
        return answer.replace("-", " ") + "\n"

    def _read_out(self, number: str, *, next_key: bool) -> str:
        """What the enterprise reads to the operator on the telephone."""
        actor = self._actor(f"enterprise-{number}", number)
        done = subprocess.run(
            ["cefed", "node", "status", "node", "--json"],
            cwd=actor.folder,
            env=self._environment(actor),
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            check=True,
            **self._as(actor),  # type: ignore[call-overload]
        )
        status = json.loads(done.stdout)
        if next_key:
            return VerifyKey(bytes.fromhex(status["next_key"])).fingerprint
        return str(status["pseudonym"])

    def _script(self, block: Block) -> str:
        return block.text.replace(PORT, self._port)

    def _as(self, actor: Actor) -> dict[str, object]:
        mask = {"umask": 0o007} if actor.folder.name[:4] in ("ente", "gate") else {}
        if actor.user is None:
            return dict(mask)
        return {"user": actor.user, "group": actor.group, "extra_groups": [], **mask}

    def _environment(self, actor: Actor) -> dict[str, str]:
        return {
            "PATH": f"{self.base / 'bin'}:/usr/bin:/bin",
            "HOME": str(actor.folder),
            "LANG": "C.UTF-8",
            "N": actor.number,
            "SOURCE": str(SOURCE),
            "CEFED_ETC": str(self.base / "etc"),
        }

    def _logs(self) -> str:
        tails = []
        for path in sorted(self.base.glob("*/served.log")):
            tails.append(f"{path.parent.name}: " + "\n".join(path.read_text().split("\n")[-6:]))
        return "\n".join(tails)

    def _install(self) -> tuple[Path, bool]:
        """Put ``cefed`` on the roles' path; whether other users can run it too.

        An interpreter in somebody's home is out of their reach; the system's one of the same
        version takes its place then.
        """
        program = self.base / "bin" / "cefed"
        program.parent.mkdir()
        version = f"python{sys.version_info.major}.{sys.version_info.minor}"
        packages = f"{SOURCE}:{sysconfig.get_path('purelib')}"
        found = [sys.executable, f"/usr/bin/{version}"]
        interpreters = [path for path in found if Path(path).exists()]
        separate = hasattr(os, "geteuid") and os.geteuid() == 0
        for interpreter in interpreters if separate else []:
            self._write(program, interpreter, packages)
            try:
                done = subprocess.run(
                    [str(program), "--help"],
                    user=FIRST_USER,
                    group=FIRST_USER,
                    extra_groups=[],
                    cwd=self.base,
                    capture_output=True,
                    check=False,
                )
            except PermissionError:
                continue
            if done.returncode == 0:
                return program, True
        self._write(program, sys.executable, packages)
        return program, False

    @staticmethod
    def _write(program: Path, interpreter: str, packages: str) -> None:
        program.write_text(
            f"#!/bin/sh\nPYTHONDONTWRITEBYTECODE=1 PYTHONPATH={packages} "
            f'exec {interpreter} -m cefed "$@"\n'
        )
        program.chmod(0o755)
