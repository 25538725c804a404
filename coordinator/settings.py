"""What can be configured about a coordinator; docs/operating.md has the file and the order.

Read by :func:`protocols.service.settings.load` from ``/etc/cefed/coordinator.toml``, its ``.d``
folder, the coordinator's own folder and ``CEFED_COORDINATOR_...`` variables, in this order.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, field_validator
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from coordinator.errors import SettingsError
from coordinator.limits import Allowance
from protocols.service.addresses import is_loopback, split
from protocols.service.settings import HostPort

ROLE = "coordinator"

Count = Annotated[int, Field(ge=1, le=1_000_000)]
Rate = Annotated[float, Field(gt=0, le=1e9)]


class Rates(BaseModel):
    """How much one caller may ask; bytes are counted in both directions. A member's by default."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    calls_per_second: Rate = 20
    calls_burst: Rate = 200
    megabytes_per_second: Rate = 4
    megabytes_burst: Rate = 256
    active: Count = 2

    def allowance(self) -> Allowance:
        """As :class:`coordinator.limits.Meter` takes it."""
        return Allowance(
            self.calls_per_second,
            self.calls_burst,
            self.megabytes_per_second * 1e6,
            self.megabytes_burst * 1e6,
            self.active,
        )


class TrusteeRates(Rates):
    """A trustee, and the operator: they look at every round, and read all of it."""

    calls_per_second: Rate = 1000
    calls_burst: Rate = 10_000
    megabytes_per_second: Rate = 500
    megabytes_burst: Rate = 4000
    active: Count = 4


class OpenRates(Rates):
    """An address that asks to enrol: no pass is shown, and little is needed."""

    calls_per_second: Rate = 2
    calls_burst: Rate = 60
    megabytes_per_second: Rate = 0.1
    megabytes_burst: Rate = 4
    active: Count = 2


class CoordinatorSettings(BaseModel):
    """One coordinator's configuration.

    ``listen`` and ``probes_listen``: HOST:PORT, port 0 for any; probes on loopback, empty for none.
    ``address``: HOST:PORT under which members and trustees reach it, for invitations.
    ``database``: an SQLAlchemy URL without a password; empty for SQLite in the folder.
    ``threads`` do members' work, ``trustee_threads`` that of trustees and the operator;
    ``max_calls``: how many calls of either may run or wait, more are refused at once.
    ``workers``: processes that check proofs, 0 for none beside the serving one.
    ``threshold`` and ``quorum``: of the trustees, as invitations name them for nodes to pin.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    listen: HostPort = "127.0.0.1:7443"
    address: HostPort = ""
    probes_listen: HostPort = ""
    database: str = ""
    database_password_file: Path | None = None
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    tls_authority: Path | None = None
    threads: Annotated[int, Field(ge=2, le=256)] = 32
    trustee_threads: Annotated[int, Field(ge=2, le=256)] = 16
    max_calls: Annotated[int, Field(ge=4, le=65_536)] = 512
    workers: Annotated[int, Field(ge=0, le=256)] = Field(
        default_factory=lambda: max(1, (os.cpu_count() or 1) - 1)
    )
    close_when_complete: bool = True
    threshold: Count = 2
    quorum: Count = 3
    invitation_days: Annotated[int, Field(ge=1, le=366)] = 30
    log_json: bool = True
    log_file: Path | None = None
    member_rates: Rates = Rates()
    trustee_rates: TrusteeRates = TrusteeRates()
    open_rates: OpenRates = OpenRates()

    @field_validator("database")
    @classmethod
    def _without_password(cls, value: str) -> str:
        if not value:
            return value
        try:
            url = make_url(value)
        except ArgumentError:
            # The URL may hold a password, and the library's message repeats it.
            raise ValueError(
                "write sqlite:///FILE or postgresql+psycopg://USER@HOST/NAME"
            ) from None
        if url.password is not None:
            raise ValueError(
                "a password does not belong into the URL: put it into a file of mode 0600 and name "
                "that under database_password_file"
            )
        return value


def check_listen(listen: str, *, insecure: bool) -> str:
    """The host of ``listen``.

    :raises SettingsError: plaintext that other machines could reach.
    """
    host, _ = split(listen)
    if insecure and not is_loopback(host):
        raise SettingsError(
            f"{host} can be reached from other machines: --insecure is for loopback only; leave it "
            "out, the coordinator then speaks TLS"
        )
    return host
