"""A gateway's configuration: where the coordinator is, and what proves that it is there.

Read by :func:`protocols.service.settings.load`: ``/etc/cefed/gateway.toml`` and its ``.d`` folder,
``gateway.toml`` in the exchange folder, ``--config``, and ``CEFED_GATEWAY_...`` variables.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from protocols.files import read_limited
from protocols.service.authority import MAX_PEM_BYTES
from protocols.service.channel import Target

ROLE = "gateway"
AUTHORITY = "ca.pem"


class GatewaySettings(BaseModel):
    """One gateway's configuration.

    ``coordinator``: HOST:PORT. ``authority``: a PEM file, taken from the exchange folder on; empty
    for the public authorities. ``interval_seconds``: between two looks when all is well.
    ``probes_listen``: HOST:PORT on loopback, empty for none.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    coordinator: str
    authority: str = AUTHORITY
    insecure: bool = False
    interval_seconds: Annotated[float, Field(ge=0.05, le=86_400)] = 30.0
    probes_listen: str = ""
    log_json: bool = True
    log_file: Path | None = None

    def target(self, exchange: Path, *, insecure: bool = False) -> Target:
        """Where to dial.

        :param insecure: plaintext for this run, whatever the file says.
        :raises StorageError: the authority's file is missing.
        """
        plain = self.insecure or insecure
        authority = None
        if self.authority and not plain:
            authority = read_limited(exchange / self.authority, MAX_PEM_BYTES)
        return Target(self.coordinator, authority, plain)
