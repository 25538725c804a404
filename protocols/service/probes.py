"""``/healthz``, ``/readyz`` and ``/metrics`` of a role, over HTTP on loopback.

``/healthz`` answers 200 as long as the process can answer at all; ``/readyz`` answers 200 when
there is nothing that keeps the role from its work, else 503 with the reasons; ``/metrics`` is in
Prometheus's text format. Reasons and labels hold no business values: this port has no passes.
``python -m protocols.service.probes HOST:PORT`` asks ``/readyz``, for a container's health check.
"""

from __future__ import annotations

import http.client
import json
import logging
import sys
import threading
from collections.abc import Callable, Sequence
from http.server import BaseHTTPRequestHandler, HTTPServer

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from protocols.service.addresses import check_loopback, split
from protocols.service.errors import SettingsError

LOG = logging.getLogger("cefed.probes")

REQUEST_SECONDS = 2.0
Reasons = Callable[[], Sequence[str]]


class Probes:
    """A running probe server; :meth:`stop` ends it."""

    def __init__(self, server: HTTPServer) -> None:
        self._server = server
        host, port = server.server_address[:2]
        self.address = f"{host!s}:{port}"
        self._thread = threading.Thread(
            target=server.serve_forever, kwargs={"poll_interval": 0.2}, name="probes", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Answer no more, and free the port."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def start(listen: str, ready: Reasons, registry: CollectorRegistry | None = None) -> Probes:
    """Answer on ``listen`` (``HOST:PORT``, port 0 for any that is free) in the background.

    :param ready: why the role cannot do its work now; empty when it can. Called for each question,
        in another thread; what it raises counts as a reason.
    :param registry: what ``/metrics`` shows; nothing by default.
    :raises SettingsError: not a loopback address, or the port is taken.
    """
    check_loopback(listen, "the port for probes")
    host, port = split(listen)
    shown = registry or CollectorRegistry()

    class Handler(_Handler):
        pages = {  # noqa: RUF012  # never changed
            "/healthz": lambda: (200, "text/plain; charset=utf-8", b"ok\n"),
            "/readyz": lambda: _readiness(ready),
            "/metrics": lambda: (200, CONTENT_TYPE_LATEST, generate_latest(shown)),
        }

    try:
        server = HTTPServer((host, port), Handler)
    except OSError as error:
        raise SettingsError(f"cannot listen on {listen}: {error.strerror}") from error
    return Probes(server)


def ask(address: str, path: str = "/readyz") -> tuple[int, str]:
    """Status and text of a page of somebody's probes. :raises SettingsError: nobody answers."""
    host, port = split(address)
    connection = http.client.HTTPConnection(host, port, timeout=REQUEST_SECONDS)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read(1 << 20).decode("utf-8", "replace")
    except (OSError, http.client.HTTPException) as error:
        raise SettingsError(f"nobody answers at {address}") from error
    finally:
        connection.close()


def _readiness(ready: Reasons) -> tuple[int, str, bytes]:
    try:
        reasons = list(ready())
    except Exception as error:
        LOG.exception("the readiness check stumbled")
        reasons = [f"the check itself failed ({type(error).__name__})"]
    body = json.dumps({"ready": not reasons, "reasons": reasons}, ensure_ascii=False) + "\n"
    return 503 if reasons else 200, "application/json", body.encode()


class _Handler(BaseHTTPRequestHandler):
    """Three fixed pages, whatever else is asked for is not there."""

    pages: dict[str, Callable[[], tuple[int, str, bytes]]]
    timeout = REQUEST_SECONDS
    server_version = "cefed"
    sys_version = ""

    def do_GET(self) -> None:
        page = self.pages.get(self.path.partition("?")[0])
        status, kind, body = page() if page else (404, "text/plain; charset=utf-8", b"not here\n")
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: a question every few seconds would bury the log."""


def main(arguments: Sequence[str]) -> int:
    """Ask ``/readyz`` of the probes at the one address given; 0 when ready."""
    if len(arguments) != 1:
        print("usage: python -m protocols.service.probes HOST:PORT", file=sys.stderr)
        return 2
    try:
        status, text = ask(arguments[0])
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 5
    print(text, end="")
    return 0 if status == 200 else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
