"""Flower's own SecAgg+, so that its cost and its error stand beside ours in a benchmark.

In Flower 1.41 it exists for the older workflow interface only (``flwr.server.workflow`` and
``flwr.client.mod``); the Message API that everything else here uses has none. It averages floats:
values are clipped to ``clipping-range``, rounded stochastically to 2^22 levels and
summed modulo 2^32, and its masks come from NumPy's generator seeded with 32 bits. So it cannot sum
integers exactly, and no privacy rests on it here. Run by :mod:`sim.flower.engine` as ``secagg``.
"""

from __future__ import annotations

import json
import time
from pathlib import Path

import numpy as np
from flwr.app import Context
from flwr.client import Client, NumPyClient
from flwr.client.mod import secaggplus_mod
from flwr.clientapp import ClientApp
from flwr.common import ndarrays_to_parameters
from flwr.server import LegacyContext, ServerConfig
from flwr.server.strategy import FedAvg
from flwr.server.workflow import DefaultWorkflow, SecAggPlusWorkflow
from flwr.serverapp import Grid, ServerApp

MEASURES = 8
CLIPPING = 8.0
THRESHOLD = 0.6
MOST_SHARES = 192
"""As many neighbours as a member of our own totals rounds has at most."""

PARAMETERS = "parameters"
"""Where Flower's workflow leaves the average."""

JOIN_SECONDS = 600.0
server = ServerApp()


def value_of(partition: int) -> float:
    """What a node contributes: a number within the clipping range, known to the test."""
    return (partition % 1000) / 1000.0


class _Contributor(NumPyClient):
    """A node whose model is its figures."""

    def __init__(self, partition: int) -> None:
        self._figures = [np.full(MEASURES, value_of(partition))]

    def fit(
        self, parameters: list[np.ndarray], config: dict[str, bool | bytes | float | int | str]
    ) -> tuple[list[np.ndarray], int, dict[str, bool | bytes | float | int | str]]:
        """The figures, with weight 1, so that the average is their mean."""
        return self._figures, 1, {}


def _client(context: Context) -> Client:
    return _Contributor(int(context.node_config["partition-id"])).to_client()


client = ClientApp(client_fn=_client, mods=[secaggplus_mod])


@server.main()
def main(grid: Grid, context: Context) -> None:
    """One secure aggregation over all nodes; says how long it took and how far off it was."""
    nodes = int(context.run_config["nodes"])
    end = time.monotonic() + JOIN_SECONDS
    while len(list(grid.get_node_ids())) < nodes and time.monotonic() < end:
        time.sleep(1.0)
    strategy = FedAvg(
        fraction_evaluate=0.0,
        min_fit_clients=nodes,
        min_available_clients=nodes,
        initial_parameters=ndarrays_to_parameters([np.zeros(MEASURES)]),
    )
    legacy = LegacyContext(context=context, config=ServerConfig(num_rounds=1), strategy=strategy)
    shares = min(MOST_SHARES, nodes - 1) // 2 * 2 + 1  # SecAgg+ takes odd numbers only
    workflow = SecAggPlusWorkflow(
        num_shares=shares,
        reconstruction_threshold=THRESHOLD,
        clipping_range=CLIPPING,
        max_weight=1.0,
    )
    started = time.monotonic()
    DefaultWorkflow(fit_workflow=workflow)(grid, legacy)
    seconds = time.monotonic() - started
    (mean,) = legacy.state.array_records[PARAMETERS].to_numpy_ndarrays()
    exact = sum(value_of(partition) for partition in range(nodes)) / nodes
    facts = {
        "what": "secagg",
        "at": round(seconds, 3),
        "nodes": nodes,
        "seconds": round(seconds, 3),
        "largest_error": float(np.max(np.abs(mean - exact))),
        "shares": shares,
    }
    with Path(str(context.run_config["told"])).open("a", encoding="utf-8") as told:
        told.write(json.dumps(facts) + "\n")
        told.write(json.dumps({"what": "done", "at": facts["at"], "exchanges": 5}) + "\n")
