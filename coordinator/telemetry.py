"""What a monitoring system may know of a coordinator's calls: method, outcome, time, bytes.

No enterprise, cohort, round or key is ever a label; methods and outcomes are fixed words. Shown
under ``/metrics`` together with what the board counts (:mod:`coordinator.metrics`).
"""

from __future__ import annotations

from functools import cache

from prometheus_client import CollectorRegistry, Counter, Histogram

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60)


class Telemetry:
    """The call metrics of one coordinator.

    :param registry: where they are shown, with those of the board.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._seconds = Histogram(
            "cefed_call_seconds",
            "Calls by method and outcome, and how long they took",
            ["method", "outcome"],
            buckets=SECONDS,
            registry=registry,
        )
        self._bytes = Counter(
            "cefed_call_bytes", "Bytes of messages", ["method", "direction"], registry=registry
        )
        # Methods and outcomes are few, and looking a label up costs more than counting.
        self._ended = cache(self._seconds.labels)
        self._passed = cache(self._bytes.labels)

    def called(self, method: str, outcome: str, seconds: float) -> None:
        """A call has ended; ``outcome`` is the name of a gRPC status."""
        self._ended(method, outcome).observe(seconds)

    def received(self, method: str, size: int) -> None:
        """A call's message has come."""
        self._passed(method, "in").inc(size)

    def sent(self, method: str, size: int) -> None:
        """A reply goes out."""
        self._passed(method, "out").inc(size)
