"""The ServerApp of a simulation: carries for the nodes, by the run's task.

=========== ======================================================================================
``relay``   Paillier and certified rounds: the gateway's courier, at the coordinator's service
``totals``  a totals round: its conductor, without any service
``empty``   ``exchanges`` exchanges of empty letters: what the engine itself costs
=========== ======================================================================================

Run configuration, beside what :mod:`enterprise_node.gateway.flower.server` and
:mod:`coordinator.flower` read: ``task``, ``root`` (the nodes' folders, :mod:`sim.flower.members`),
``nodes`` (how many) and ``told`` (a file that gets a line of JSON for each node's answer).
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from types import TracebackType
from typing import TextIO

from flwr.app import Context
from flwr.app.user_config import UserConfig
from flwr.serverapp import Grid, ServerApp

from enterprise_node.gateway.client import CoordinatorClient
from enterprise_node.gateway.flower.courier import Courier
from enterprise_node.gateway.flower.server import errand, target
from protocols.service.flower.letters import Letter
from protocols.service.flower.post import SIMULATED_IN_FLIGHT, Post, Reply, show_log
from sim.errors import OptionError, SimulationError
from sim.flower.priority import give_way

JOIN_SECONDS = 600.0
"""For all simulated nodes to be registered; 10,000 take about half a minute."""

RELAY, TOTALS, EMPTY = "relay", "totals", "empty"

app = ServerApp()


class Told:
    """Writes down every answer, one line of JSON each, for whoever watches the run."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: TextIO | None = None
        self._started = time.monotonic()

    def __enter__(self) -> Told:
        self._file = self._path.open("a", encoding="utf-8")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._file is not None:
            self._file.close()

    def hear(self, node: int, reply: Reply) -> None:
        """One node's answer to one letter."""
        self.say("answer", **reply.figures)

    def say(self, what: str, **facts: object) -> None:
        """Any other fact."""
        if self._file is not None:
            line = {"what": what, "at": round(time.monotonic() - self._started, 3), **facts}
            self._file.write(json.dumps(line) + "\n")
            self._file.flush()


@app.main()
def main(grid: Grid, context: Context) -> None:
    """Wait for the nodes, do the task, and say how many exchanges it took.

    :raises OptionError: the configuration names no task. :raises SimulationError: not all nodes
        joined.
    """
    show_log()
    settings = context.run_config
    if (task := str(settings["task"])) not in _TASKS:
        raise OptionError(f"task {task!r}: there are {', '.join(_TASKS)}")
    post, wanted = Post(grid, SIMULATED_IN_FLIGHT), int(settings["nodes"])
    with Told(Path(str(settings["told"]))) as told:
        found = post.wait_for(wanted, JOIN_SECONDS)
        if len(found) < wanted:
            raise SimulationError(f"only {len(found)} of {wanted} nodes joined")
        told.say("joined", nodes=len(found))
        _wake(grid, found[0])
        _TASKS[task](post, settings, told)
        told.say("done", exchanges=post.exchanges)


def _wake(grid: Grid, node: int) -> None:
    """Wait until the engine has started the nodes' processes, and let them go first from then on.

    It forks them from this process, which gRPC's threads do not survive: a connection to a
    coordinator must not be there before.

    :raises SimulationError: none answers.
    """
    post = Post(grid)
    post.nodes()
    if post.deliver({node: Letter()}, JOIN_SECONDS, lambda node, reply: None):
        raise SimulationError("the engine does not start the nodes' processes")
    give_way()


def _relay(post: Post, settings: UserConfig, told: Told) -> None:
    with CoordinatorClient(target(settings)) as client:
        courier = Courier(post, client, Path(str(settings["folder"])), hear=told.hear)
        outcome = courier.run(errand(settings, every_time=False), post.nodes)
    told.say("rounds", states=outcome.states, refused=outcome.refused, silent=outcome.silent)


def _totals(post: Post, settings: UserConfig, told: Told) -> None:
    from coordinator.flower import conduct

    account = conduct(post, settings, told.hear)
    told.say("totals", **account.document())


def _empty(post: Post, settings: UserConfig, told: Told) -> None:
    nodes = post.nodes()
    for number in range(int(settings["exchanges"])):
        started = time.monotonic()
        silent = post.deliver(
            dict.fromkeys(nodes, Letter()),
            float(settings.get("exchange-seconds", 600.0)),
            lambda node, reply: None,
        )
        seconds = round(time.monotonic() - started, 3)
        told.say("exchange", number=number + 1, seconds=seconds, silent=len(silent))


_TASKS = {RELAY: _relay, TOTALS: _totals, EMPTY: _empty}
