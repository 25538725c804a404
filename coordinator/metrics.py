"""What the board counts, for ``/metrics``. No label holds a name or a value of anybody."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

COMMIT_BUCKETS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5)
BATCH_BUCKETS = (1, 2, 4, 8, 16, 32, 64, 128, 256)


class Metrics:
    """The counters of one board.

    :ivar registry: to be shown, alone or as a part of the process's own registry.
    """

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self.arrivals = Counter(
            "cefed_board_arrivals",
            "Contributions that arrived, by what became of them",
            ["result"],  # accepted, repeated, refused or failed
            registry=registry,
        )
        self.commit_seconds = Histogram(
            "cefed_board_commit_seconds",
            "Time to make one batch of entries durable",
            buckets=COMMIT_BUCKETS,
            registry=registry,
        )
        self.batch_entries = Histogram(
            "cefed_board_batch_entries",
            "Entries made durable by one transaction",
            buckets=BATCH_BUCKETS,
            registry=registry,
        )
        self.store_failures = Counter(
            "cefed_board_store_failures", "Transactions that failed", registry=registry
        )
        self.verdicts = Counter(
            "cefed_board_verdicts",
            "Contributions whose form and proof were checked",
            ["result"],  # valid or invalid
            registry=registry,
        )
        self.verdict_seconds = Counter(
            "cefed_board_verdict_seconds",
            "Time spent on checking contributions, of all workers together",
            registry=registry,
        )
        self.unexamined = Gauge(
            "cefed_board_unexamined", "Logged contributions without a verdict", registry=registry
        )
        self.workers_lost = Counter(
            "cefed_board_workers_lost",
            "Times that proof workers died and were replaced",
            registry=registry,
        )
        self.rounds = Gauge("cefed_board_rounds", "Rounds by state", ["state"], registry=registry)
