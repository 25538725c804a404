"""The gateway as a service: steps of the relay, with pauses that grow while nobody answers."""

from __future__ import annotations

import logging
import secrets
import threading
import time
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge

from enterprise_node.errors import NodeError
from enterprise_node.gateway.errors import CoordinatorUnreachable
from enterprise_node.gateway.relay import Relay, Report
from protocols.errors import StorageError

LOG = logging.getLogger("cefed.gateway")

FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 300.0
JITTER = 0.25


@dataclass
class Backoff:
    """Pauses between steps: regular, and longer with every failure; all with some jitter.

    Many gateways that lost the same coordinator must not come back at the same moment.
    """

    interval: float
    failures: int = 0

    def pause(self) -> float:
        """Seconds until the next step."""
        base = self.interval
        if self.failures:
            base = min(FIRST_PAUSE_SECONDS * 2 ** (self.failures - 1), LONGEST_PAUSE_SECONDS)
        return base * secrets.SystemRandom().uniform(1 - JITTER, 1 + JITTER)


class Service:
    """Runs a relay until it is told to stop. ``registry`` holds what ``/metrics`` shows."""

    def __init__(self, relay: Relay, interval: float) -> None:
        self._relay = relay
        self._backoff = Backoff(interval)
        self._trouble = "no step was made yet"
        self.registry = CollectorRegistry()
        self._envelopes = Counter(
            "cefed_gateway_envelopes",
            "Envelopes carried, by direction",
            ["direction"],
            registry=self.registry,
        )
        self._failures = Counter(
            "cefed_gateway_failed_steps", "Steps that did not get through", registry=self.registry
        )
        self._contact = Gauge(
            "cefed_gateway_last_success_seconds",
            "When the last step got through, in seconds since 1970-01-01 UTC",
            registry=self.registry,
        )

    def run(self, stop: threading.Event) -> None:
        """Step until ``stop`` is set."""
        while not stop.is_set():
            self.step()
            stop.wait(self._backoff.pause())

    def step(self) -> Report | None:
        """One step; None if it did not get through, which is logged and told the private side."""
        try:
            report = self._relay.step()
            self._relay.found()
        except (NodeError, StorageError) as error:
            self._fail(error)
            return None
        self._backoff.failures = 0
        self._trouble = ""
        self._envelopes.labels("out").inc(report.out)
        self._envelopes.labels("in").inc(report.inward)
        self._contact.set(time.time())
        if report.out or report.inward:
            LOG.info("carried %d envelopes out and %d in", report.out, report.inward)
        return report

    def trouble(self) -> list[str]:
        """Why the gateway does not get through now; for ``/readyz``."""
        return [self._trouble] if self._trouble else []

    def _fail(self, error: Exception) -> None:
        self._backoff.failures += 1
        self._failures.inc()
        self._trouble = type(error).__name__
        LOG.warning("%s", error)
        if isinstance(error, CoordinatorUnreachable):
            try:
                self._relay.lost(str(error))
            except (NodeError, StorageError) as further:
                LOG.warning("cannot tell the private side: %s", further)
