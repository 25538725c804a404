"""A process that hosts several nodes, one after the other: ``python -m sim.worker ADDRESS ...``.

Each node is a private side and a relay over an exchange folder of its own, as in a deployment; what
the nodes of one process share is the interpreter, the connection, and what is derived from public
bytes (the key's window table). Jobs come as JSON lines on standard input, answers go to standard
output; the end of input ends the process.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from enterprise_node.errors import NodeError, PlanRefused
from enterprise_node.gateway.client import CoordinatorClient
from enterprise_node.gateway.errors import CoordinatorRefused, CoordinatorUnreachable
from enterprise_node.gateway.relay import Relay
from enterprise_node.private import events
from enterprise_node.private.events import Event
from enterprise_node.private.side import PrivateSide
from enterprise_node.private.store import NodeStore
from protocols.service.channel import Target

R = TypeVar("R")

PATIENCE_SECONDS = 600.0
"""For a coordinator that is busy, and for the trustees' votes on the roster."""

FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 2.0


def serve(target: Target) -> None:
    """Answer jobs until standard input ends."""
    with CoordinatorClient(target) as client:
        for line in sys.stdin:
            job = json.loads(line)
            for folder in job["folders"]:
                print(json.dumps(take_part(client, job["round"], folder)), flush=True)


def take_part(client: CoordinatorClient, round_id: str, folder: str) -> dict[str, Any]:
    """Run one node's part of a round; a refusal is an answer, not a failure of the process."""
    started, used = time.perf_counter(), time.process_time()
    answer: dict[str, Any] = {"folder": folder, "round": round_id, "error": None, "bytes": 0}
    try:
        sent = _contribute(client, NodeStore(Path(folder)), round_id)
        if sent is not None:
            answer |= {"bytes": sent.bytes, "ciphertexts": sent.ciphertexts}
    except Exception as error:
        # Whatever the exception is, the orchestrator has to hear of it.
        code = getattr(error, "exit_code", 1)
        answer |= {"error": f"{type(error).__name__}: {error}", "exit_code": code}
    answer["seconds"] = time.perf_counter() - started
    answer["cpu_seconds"] = time.process_time() - used
    # Linux counts kibibytes here, macOS bytes.
    scale = 1 if sys.platform == "darwin" else 1024
    answer["peak_rss"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale
    return answer


def _contribute(client: CoordinatorClient, store: NodeStore, round_id: str) -> Event | None:
    """Private side and gateway take turns until the receipt is here.

    :returns: the contribution's event; None if an earlier run of the node made it.
    """
    exchange = store.exchange()
    relay = Relay(exchange, client)
    with PrivateSide(store, exchange) as side:
        side.step()
        sent = _patiently(lambda: _answer(store, side, relay, round_id))
        _patiently(relay.deliver_outbox)
        happened = [event for event in side.step() if event.round_id == round_id]
    if not store.round(round_id).receipts():
        text = "; ".join(event.text for event in happened) or "no receipt came"
        raise CoordinatorRefused(text)
    return sent


def _answer(store: NodeStore, side: PrivateSide, relay: Relay, round_id: str) -> Event | None:
    """Fetch the round and let the node decide about it."""
    relay.fetch_round(round_id)
    for event in side.step():
        if event.round_id != round_id:
            continue
        if event.kind == events.CONTRIBUTED:
            return event
        if event.kind == events.WAITING:
            raise CoordinatorUnreachable(event.text)
        if event.kind == events.REFUSED:
            raise PlanRefused(round_id, [event.text])
    if not store.round(round_id).version():
        raise NodeError(f"the node did nothing about round {round_id}")
    return None


def _patiently(call: Callable[[], R]) -> R:
    """Repeat a call for as long as it may help. :raises CoordinatorUnreachable: it did not."""
    until, pause = time.monotonic() + PATIENCE_SECONDS, FIRST_PAUSE_SECONDS
    while True:
        try:
            return call()
        except CoordinatorUnreachable:
            if time.monotonic() + pause > until:
                raise
        time.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE_SECONDS)


def main() -> None:
    """Read where the coordinator is, and serve."""
    parser = argparse.ArgumentParser(prog="sim.worker")
    parser.add_argument("address", help="HOST:PORT of the coordinator")
    parser.add_argument("--authority", type=Path, help="PEM file of its TLS authority")
    parser.add_argument("--insecure", action="store_true", help="plaintext on loopback")
    options = parser.parse_args()
    authority = options.authority.read_bytes() if options.authority is not None else None
    serve(Target(options.address, authority, options.insecure))


if __name__ == "__main__":
    main()
