"""Two network namespaces: one with a link to this machine that is recorded, one with nothing."""

from __future__ import annotations

import json
import os
import secrets
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
NOWHERE = ("unshare", "--net")
ETH_P_ALL = 3
PACKET_BYTES = 1 << 17


@dataclass
class Link:
    """The gateway's link. ``address`` is this machine's end of it."""

    namespace: str
    address: str
    seen: bytearray = field(default_factory=bytearray)

    @property
    def enter(self) -> tuple[str, ...]:
        """The command that starts another one at the gateway's end."""
        return ("ip", "netns", "exec", self.namespace)


def permitted() -> str | None:
    """Why namespaces cannot be made here; None if they can."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "network namespaces need Linux and root"
    try:
        subprocess.run([*NOWHERE, "true"], check=True, capture_output=True)
        with recorded_link():
            return None
    except (OSError, subprocess.CalledProcessError) as error:
        return f"network namespaces cannot be made here: {error}"


@contextmanager
def recorded_link() -> Iterator[Link]:
    """A namespace with one link to this machine, and everything that goes over it."""
    tag = secrets.token_hex(3)
    name, near, far = f"cefed-{tag}", f"cfa{tag}", f"cfb{tag}"
    net = f"10.213.{secrets.randbelow(256)}"
    try:
        _ip("netns", "add", name)
        _ip("link", "add", near, "type", "veth", "peer", "name", far, "netns", name)
        _ip("addr", "add", f"{net}.1/30", "dev", near)
        _ip("link", "set", near, "up")
        _ip("-n", name, "addr", "add", f"{net}.2/30", "dev", far)
        _ip("-n", name, "link", "set", far, "up")
        link = Link(name, f"{net}.1")
        with _recording(near, link.seen):
            yield link
    finally:
        for arguments in (("link", "del", near), ("netns", "del", name)):
            with suppress(subprocess.CalledProcessError):
                _ip(*arguments)


@contextmanager
def _recording(interface: str, seen: bytearray) -> Iterator[None]:
    listener = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    listener.bind((interface, 0))
    listener.settimeout(0.2)
    stop = threading.Event()

    def listen() -> None:
        while not stop.is_set():
            with suppress(TimeoutError):
                seen.extend(listener.recv(PACKET_BYTES))

    thread = threading.Thread(target=listen, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
        listener.close()


def run_inside(
    enter: Sequence[str], side: str, commands: Sequence[Sequence[object]], folder: Path
) -> dict[str, Any]:
    """Run commands of a node's side behind ``enter``; what :mod:`tests.isolation.inside` says."""
    file = folder / f"{side}-commands.json"
    file.write_text(json.dumps([[str(a) for a in arguments] for arguments in commands]))
    command = [*enter, sys.executable, "-m", "tests.isolation.inside", side, str(file)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    document: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return document


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)
