"""A process that hosts several nodes, one after the other: ``python -m sim.worker [ADDRESS] ...``.

Each node is a private side and a relay over an exchange folder of its own, as in a deployment; what
the nodes of one process share is the interpreter, the connection, and what is derived from public
bytes (the key's window table). Jobs come as JSON lines on standard input, answers go to standard
output; the end of input ends the process.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import json
import resource
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from enterprise_node.gateway.client import CoordinatorClient
from protocols.service.channel import Target
from sim.errors import ProcessFailed
from sim.nodes import Task
from sim.visits import Outcome, Visit


def serve(client: CoordinatorClient | None) -> None:
    """Answer jobs until standard input ends.

    :param client: None where nodes dial nobody.
    """
    for line in sys.stdin:
        job = json.loads(line)
        task = Task(job["task"])
        given = [base64.b64decode(text) for text in job["given"]] or [b""] * len(job["folders"])
        for folder, data in zip(job["folders"], given, strict=True):
            answer = take_part(client, task, job["round"], folder, data)
            print(json.dumps(answer), flush=True)


def take_part(
    client: CoordinatorClient | None, task: Task, round_id: str, folder: str, given: bytes
) -> dict[str, Any]:
    """Run one node's part; a refusal is an answer, not a failure of the process."""
    started, used = time.perf_counter(), time.process_time()
    answer: dict[str, Any] = {"folder": folder, "round": round_id, "error": None, "sent": 0}
    visit: Visit | None = None
    try:
        visit = Visit(Path(folder), round_id)
        with visit:
            outcome = _visit(visit, client, task, given)
        answer |= {
            "sent": outcome.sent,
            "gone": outcome.gone,
            "reply": base64.b64encode(outcome.reply).decode("ascii"),
        }
    except Exception as error:
        # Whatever the exception is, the orchestrator has to hear of it.
        code = getattr(error, "exit_code", 1)
        answer |= {"error": f"{type(error).__name__}: {error}", "exit_code": code}
    if visit is not None:
        answer |= {"up": visit.outbox.bytes, "down": visit.inbox.bytes}
    answer["seconds"] = time.perf_counter() - started
    answer["cpu_seconds"] = time.process_time() - used
    # Linux counts kibibytes here, macOS bytes.
    scale = 1 if sys.platform == "darwin" else 1024
    answer["peak_rss"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale
    return answer


def _visit(visit: Visit, client: CoordinatorClient | None, task: Task, given: bytes) -> Outcome:
    if task is Task.STEP:
        return visit.step(given)
    if task is Task.TAKE:
        return visit.take(given)
    if client is None:
        raise ProcessFailed(f"this process knows no coordinator to {task} at")
    if task is Task.MASK:
        return visit.mask(client)
    return visit.fetch(client) if task is Task.FETCH else visit.contribute(client)


@contextlib.contextmanager
def _client(options: argparse.Namespace) -> Iterator[CoordinatorClient | None]:
    if not options.address:
        yield None
        return
    authority = options.authority.read_bytes() if options.authority is not None else None
    with CoordinatorClient(Target(options.address, authority, options.insecure)) as client:
        yield client


def main() -> None:
    """Read where the coordinator is, and serve."""
    parser = argparse.ArgumentParser(prog="sim.worker")
    parser.add_argument("address", nargs="?", default="", help="HOST:PORT of the coordinator")
    parser.add_argument("--authority", type=Path, help="PEM file of its TLS authority")
    parser.add_argument("--insecure", action="store_true", help="plaintext on loopback")
    with _client(parser.parse_args()) as client:
        serve(client)


if __name__ == "__main__":
    main()
