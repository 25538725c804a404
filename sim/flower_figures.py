"""What the nodes of a Flower run say of themselves with each answer, added up as it comes.

The lines are those that the app tells (:mod:`sim.flower.server`); the engine hands them on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sim.costs import NodeCosts

ANSWER = "answer"


@dataclass
class Figures:
    """What all nodes of a run used. ``peak_rss``: the largest process that hosted nodes.

    ``engine_peak_rss``: all processes of the engine together, at their highest.
    """

    peak_rss: int = 0
    cpu_seconds: float = 0.0
    engine_peak_rss: int = 0


@dataclass
class Answers:
    """Adds up the answers of a run.

    :param names: of the nodes' folders, by their partition numbers.
    """

    names: list[str]
    costs: NodeCosts
    figures: Figures = field(default_factory=Figures)
    errors: Counter[str] = field(default_factory=Counter)
    count: int = 0

    def add(self, line: Mapping[str, Any]) -> str:
        """Add a line; returns the name of the node's folder, empty if it is no node's answer."""
        if line["what"] != ANSWER or "partition" not in line:
            return ""
        name = self.names[int(line["partition"])]
        cpu = float(line["cpu_seconds"])
        self.count += 1
        self.costs.add_figures(name, int(line["up"]), int(line["down"]), cpu)
        self.figures.cpu_seconds += cpu
        self.figures.peak_rss = max(self.figures.peak_rss, int(line["peak_rss"]))
        if line["error"]:
            self.errors[str(line["error"])] += 1
        return name
