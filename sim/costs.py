"""What a round costs each node: bytes out and in, and processor time, added up over its visits."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping

from sim.nodes import Answer


class NodeCosts:
    """Per node, by the name of its folder. Bytes are those of its envelopes, without TLS and HTTP.

    Processor time is the node's own work: private side and gateway, without starting a process.
    """

    def __init__(self) -> None:
        self.up: Counter[str] = Counter()
        self.down: Counter[str] = Counter()
        self.cpu: defaultdict[str, float] = defaultdict(float)

    def add(self, answer: Answer) -> None:
        """Add one visit."""
        self.add_figures(answer.folder.name, answer.up, answer.down, answer.cpu_seconds)

    def add_figures(self, name: str, up: int, down: int, cpu_seconds: float) -> None:
        """Add what one node sent, got and used."""
        self.up[name] += up
        self.down[name] += down
        self.cpu[name] += cpu_seconds

    def document(self) -> dict[str, dict[str, float]]:
        """Mean and largest per node, of all that were visited."""
        return {
            "bytes_up": _spread(self.up),
            "bytes_down": _spread(self.down),
            "cpu_seconds": _spread(self.cpu),
        }


def _spread(figures: Mapping[str, float]) -> dict[str, float]:
    if not figures:
        return {"mean": 0.0, "largest": 0.0}
    values = figures.values()
    return {
        "mean": round(sum(values) / len(values), 6),
        "largest": round(max(values), 6),
    }
