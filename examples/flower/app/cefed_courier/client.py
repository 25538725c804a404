"""The ClientApp: the gateway's end of an exchange folder."""

from enterprise_node.gateway.flower.client import app

__all__ = ["app"]
