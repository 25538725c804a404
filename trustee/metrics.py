"""What a trustee's /metrics shows: how it does, never whose figures. No label names a round."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge


class Metrics:
    """The counters of one process, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.posted = Counter(
            "cefed_trustee_posted",
            "Statements posted to transcripts.",
            ["kind"],
            registry=self.registry,
        )
        self.refused = Counter(
            "cefed_trustee_refused",
            "Rounds left, by the class of the reason.",
            ["reason"],
            registry=self.registry,
        )
        self.rounds_done = Counter(
            "cefed_trustee_rounds_done", "Rounds followed to their end.", registry=self.registry
        )
        self.polls = Counter(
            "cefed_trustee_polls",
            "Looks at the coordinator, by how they ended.",
            ["outcome"],
            registry=self.registry,
        )
        self._serving = Gauge(
            "cefed_trustee_rounds_serving", "Rounds being served.", registry=self.registry
        )
        self._ledger = Gauge(
            "cefed_trustee_ledger_lines", "Lines of the ledger.", registry=self.registry
        )

    def serving(self, rounds: int, ledger_lines: int) -> None:
        """Note how much there is, after every look at the coordinator."""
        self._serving.set(rounds)
        self._ledger.set(ledger_lines)
