"""Settings for the whole suite."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

from protocols.service import tls13 as tls13  # before any test imports grpc

settings.register_profile(
    "ci",
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("ci")
