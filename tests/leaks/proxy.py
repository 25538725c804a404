"""A TCP relay on loopback that keeps every byte a node sends."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field


@dataclass
class Recording:
    """``address`` to connect to, and what clients sent through it so far."""

    address: str
    sent: bytearray = field(default_factory=bytearray)


@contextmanager
def recording_proxy(target: str) -> Iterator[Recording]:
    """Relay connections to ``target`` (``HOST:PORT``) and record the clients' side."""
    host, _, port = target.rpartition(":")
    listener = socket.create_server(("127.0.0.1", 0))
    recording = Recording(f"127.0.0.1:{listener.getsockname()[1]}")
    open_sockets: list[socket.socket] = [listener]

    def relay(source: socket.socket, sink: socket.socket, keep: bool) -> None:
        with suppress(OSError):
            while data := source.recv(1 << 16):
                if keep:
                    recording.sent += data
                sink.sendall(data)
        with suppress(OSError):
            sink.shutdown(socket.SHUT_WR)

    def accept() -> None:
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                server = socket.create_connection((host, int(port)))
                open_sockets.extend((client, server))
                threading.Thread(target=relay, args=(client, server, True), daemon=True).start()
                threading.Thread(target=relay, args=(server, client, False), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield recording
    finally:
        for held in open_sockets:
            held.close()
