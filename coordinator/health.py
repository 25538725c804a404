"""The standard gRPC health service: asking is enough, watching would hold a call for ever.

Answered by the same guarded calls as everything else (:mod:`coordinator.service`), since the
library's own service waits without end for a message that does not come.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable

from grpc_health.v1 import health_pb2  # type: ignore[import-untyped]

SERVICE = "grpc.health.v1.Health"
SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
CheckRequest = health_pb2.HealthCheckRequest


class Health:
    """Whether the services of this process serve; "" stands for all of them."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names = frozenset({"", *names})
        self._serving = threading.Event()

    def set(self, *, serving: bool) -> None:
        """From now on they do, or do not."""
        if serving:
            self._serving.set()
        else:
            self._serving.clear()

    def check(self, name: str) -> health_pb2.HealthCheckResponse | None:
        """The answer to a question about ``name``; None if there is no such service."""
        if name not in self._names:
            return None
        status = SERVING if self._serving.is_set() else NOT_SERVING
        return health_pb2.HealthCheckResponse(status=status)
