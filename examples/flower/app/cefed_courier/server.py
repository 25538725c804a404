"""The ServerApp: the courier at the coordinator's service."""

from enterprise_node.gateway.flower.server import app

__all__ = ["app"]
