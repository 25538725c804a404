"""The ServerApp of a deployment: the courier, at the coordinator's gRPC service.

Its run configuration:

=================== ============================================================================
``coordinator``     HOST:PORT of the coordinator's service
``authority``       PEM file of its TLS authority; empty for the public authorities
``insecure``        plaintext, on loopback only
``folder``          where the mirrors of the nodes' exchange folders are
``rounds``          identifiers of the rounds to wait for, with blanks between; empty for all
``seconds``         after which it stops, whatever is left
``exchange-seconds`` how long an exchange waits for replies
``pause-seconds``   between two exchanges
``nodes``           how many SuperNodes to wait for before the first exchange
=================== ============================================================================

It stops when the named rounds have ended and every node has got what there is for it.
"""

from __future__ import annotations

import logging
from pathlib import Path

from flwr.app import Context
from flwr.app.user_config import UserConfig
from flwr.serverapp import Grid, ServerApp

from enterprise_node.gateway.client import CoordinatorClient
from enterprise_node.gateway.flower.courier import Courier, Errand
from protocols.files import read_limited
from protocols.service.authority import MAX_PEM_BYTES
from protocols.service.channel import Target
from protocols.service.flower.post import Post, show_log

LOG = logging.getLogger("cefed.flower")
FIRST_WAIT_SECONDS = 120.0

app = ServerApp()


@app.main()
def main(grid: Grid, context: Context) -> None:
    """Carry until the rounds have ended, or the time is over."""
    show_log()
    settings = context.run_config
    post = Post(grid)
    post.wait_for(int(settings.get("nodes", 1)), FIRST_WAIT_SECONDS)
    with CoordinatorClient(target(settings)) as client:
        courier = Courier(post, client, Path(str(settings["folder"])))
        outcome = courier.run(errand(settings), post.nodes)
    LOG.info("%d exchanges; rounds: %s", outcome.exchanges, outcome.states)


def target(settings: UserConfig) -> Target:
    """Where the coordinator is. :raises StorageError: the authority's file is missing."""
    insecure = bool(settings.get("insecure", False))
    path = str(settings.get("authority", ""))
    authority = read_limited(Path(path), MAX_PEM_BYTES) if path and not insecure else None
    return Target(str(settings["coordinator"]), authority, insecure)


def errand(settings: UserConfig, *, every_time: bool = True) -> Errand:
    """What the run configuration asks for."""
    return Errand(
        rounds=frozenset(str(settings.get("rounds", "")).split()),
        exchange_seconds=float(settings.get("exchange-seconds", Errand.exchange_seconds)),
        pause_seconds=float(settings.get("pause-seconds", Errand.pause_seconds)),
        seconds=float(settings.get("seconds", Errand.seconds)),
        every_time=every_time,
    )
