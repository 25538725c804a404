"""The ClientApp of a simulation: a node's exchange folder and its private side in one process.

In a deployment the private side runs apart, as another user (docs/flower.md). Here it takes its
step between a letter's arrival and the answer to it, so that one exchange is one step of every
node. Each node has its own folder, found by its partition number. Faults are put where real ones
happen: on what leaves (:mod:`sim.misconduct`).
"""

from __future__ import annotations

import resource
import sys
import time
from pathlib import Path

from flwr.app import Context, Message
from flwr.clientapp import ClientApp

from enterprise_node.errors import NodeError
from enterprise_node.gateway.flower.box import carried_after, collect, deliver
from enterprise_node.gateway.flower.client import recall, remember
from enterprise_node.private import events
from enterprise_node.private.events import Event
from enterprise_node.private.side import PrivateSide
from enterprise_node.private.store import NodeStore
from protocols.errors import ProtocolError
from protocols.service.flower.letters import Letter
from protocols.service.flower.records import from_content, to_content
from sim.flower.faulty import Faulty
from sim.flower.members import folder_of

TASK, ROOT, EMPTY = "task", "root", "empty"
"""Keys of the run configuration, and the task that only measures the engine."""

PARTITION = "partition-id"
MAX_TEXT = 2000

app = ClientApp()


@app.query("carry")
def carry(message: Message, context: Context) -> Message:
    """Take what came, let the private side work, and send what it made.

    :raises SimulationError: the node has no folder.
    """
    if context.run_config[TASK] == EMPTY:
        return Message(to_content(Letter()), reply_to=message)
    started, used = time.perf_counter(), time.process_time()
    partition = int(context.node_config[PARTITION])
    folder = folder_of(Path(str(context.run_config[ROOT])), partition)
    letter, carried, error = from_content(message.content), recall(context), ""
    reply = Letter()
    try:
        reply, happened = _turn(folder, letter, carried)
        error = "; ".join(e.text for e in happened if e.kind in (events.REFUSED, events.DAMAGED))
    except (NodeError, ProtocolError) as problem:
        error = f"{type(problem).__name__}: {problem}"
    remember(context, carried_after(reply, carried))
    figures: dict[str, int | float | str] = {
        "partition": partition,
        "error": error[:MAX_TEXT],
        "kinds": " ".join(item.kind for item in reply.items),
        "up": len(reply.to_bytes()),
        "down": len(letter.to_bytes()),
        "cpu_seconds": time.process_time() - used,
        "seconds": time.perf_counter() - started,
        "peak_rss": peak_rss(),
    }
    return Message(to_content(reply, figures), reply_to=message)


def _turn(folder: Path, letter: Letter, carried: list[bytes]) -> tuple[Letter, list[Event]]:
    """One node's turn. A node that a fault has removed says nothing, and hears nothing."""
    store = NodeStore(folder)
    faulty = Faulty(folder, store.key)
    if faulty.is_gone(letter):
        return Letter(), []
    exchange = store.exchange()
    deliver(exchange, letter)
    with PrivateSide(store, exchange) as side:
        happened = side.step()
    return faulty.outgoing(letter, collect(exchange, carried, again=letter.again)), happened


def peak_rss() -> int:
    """Most resident memory of this process so far, in bytes."""
    scale = 1 if sys.platform == "darwin" else 1024  # Linux counts kibibytes here
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale
