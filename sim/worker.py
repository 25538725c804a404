"""A process that hosts several nodes, one after the other: ``python -m sim.worker ADDRESS``.

Each node has its private folder, keys and connection; what the nodes of one process share is the
interpreter and what is derived from public bytes (the key's window table). Jobs come as JSON lines
on standard input, answers go to standard output; the end of input ends the process.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path
from typing import Any

from enterprise_node.node import Node
from enterprise_node.private.store import NodeStore


def serve(address: str) -> None:
    """Answer jobs until standard input ends."""
    for line in sys.stdin:
        job = json.loads(line)
        for folder in job["folders"]:
            print(json.dumps(take_part(address, job["round"], folder)), flush=True)


def take_part(address: str, round_id: str, folder: str) -> dict[str, Any]:
    """Run one node's part of a round; a refusal is an answer, not a failure of the process."""
    started, used = time.perf_counter(), time.process_time()
    answer: dict[str, Any] = {"folder": folder, "round": round_id, "error": None, "bytes": 0}
    try:
        done = Node(NodeStore(Path(folder)), address).run(round_id)
        answer |= {"bytes": done.bytes, "ciphertexts": done.ciphertexts}
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


if __name__ == "__main__":
    serve(sys.argv[1])
