"""What can be configured about a trustee's service; docs/operating.md has the file and the order.

Read by :func:`protocols.service.settings.load` from ``/etc/cefed/trustee.toml``, its ``.d`` folder,
``trustee.toml`` in the trustee's own folder and ``CEFED_TRUSTEE_...`` variables; options of
``cefed trustee serve`` override them. What a trustee accepts is not configuration: it stands in its
limits.toml (:mod:`trustee.limits`).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, field_validator

from protocols.errors import ProtocolError, StorageError
from protocols.files import read_limited
from protocols.service import settings
from protocols.service.channel import Target
from protocols.service.settings import HostPort
from protocols.signing import VerifyKey
from trustee.errors import SettingsError

ROLE = "trustee"
MAX_PEM_BYTES = 1 << 16


class TrusteeSettings(BaseModel):
    """One trustee's configuration.

    ``coordinator``: its HOST:PORT. ``coordinator_key``: its public key, 64 hexadecimal digits.
    ``tls_authority``: certificate (PEM) that vouches for it; none for the public authorities.
    ``insecure``: plaintext, loopback only. ``passphrase_file``: of the private keys; a systemd
    credential ``trustee-passphrase`` serves as well. ``probes_listen``: HOST:PORT on loopback.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    coordinator: HostPort = ""
    coordinator_key: str = ""
    tls_authority: Path | None = None
    insecure: bool = False
    passphrase_file: Path | None = None
    probes_listen: HostPort = ""
    log_json: bool = True
    log_file: Path | None = None

    @field_validator("coordinator_key")
    @classmethod
    def _key(cls, value: str) -> str:
        if value:
            try:
                parse_key(value)
            except SettingsError as error:
                raise ValueError("not a key of 64 hexadecimal digits") from error
        return value


@dataclass(frozen=True)
class Coordinator:
    """Where the coordinator is, and the key that this trustee pins."""

    target: Target
    key: VerifyKey


def load(folder: Path, config: Path | None = None, **options: Any) -> TrusteeSettings:
    """The configuration of the trustee in ``folder``.

    :param options: fields given on the command line; None where an option was not given.
    :raises ServiceError: a file or variable that is wrong. :raises SettingsError: an option is.
    """
    found = settings.load(TrusteeSettings, ROLE, config, folder)
    given = {name: value for name, value in options.items() if value is not None}
    try:
        return TrusteeSettings.model_validate({**found.model_dump(), **given})
    except ValueError as error:
        raise SettingsError(f"the options do not hold: {_first(error)}") from None


def coordinator_of(found: TrusteeSettings) -> Coordinator:
    """Whom to dial. :raises SettingsError: not configured, or the authority cannot be read."""
    if not found.coordinator or not found.coordinator_key:
        raise SettingsError(
            "no coordinator is configured: give coordinator and coordinator_key in trustee.toml, "
            "or --coordinator and --coordinator-key"
        )
    authority = None
    if found.tls_authority is not None:
        try:
            authority = read_limited(found.tls_authority, MAX_PEM_BYTES)
        except StorageError as error:
            raise SettingsError(f"the TLS authority: {error}") from error
    target = Target(found.coordinator, authority, found.insecure)
    return Coordinator(target, parse_key(found.coordinator_key))


def parse_key(text: str) -> VerifyKey:
    """A public key from 64 hexadecimal digits. :raises SettingsError: anything else."""
    try:
        return VerifyKey(bytes.fromhex(text))
    except (ValueError, ProtocolError) as error:
        raise SettingsError(f"{text[:80]!r} is not a key of 64 hexadecimal digits") from error


def _first(error: ValueError) -> str:
    errors = getattr(error, "errors", None)
    if errors is None:
        return str(error)
    item = errors(include_url=False, include_input=False, include_context=False)[0]
    return f"{'.'.join(map(str, item['loc']))}: {item['msg']}"
