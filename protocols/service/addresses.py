"""``HOST:PORT``, and whether it can be reached from another machine."""

from __future__ import annotations

import ipaddress
import re

from protocols.service.errors import SettingsError

_ADDRESS = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):([0-9]{1,5})", re.ASCII)


def split(address: str) -> tuple[str, int]:
    """Host and port; an IPv6 host loses its brackets. :raises SettingsError: not ``HOST:PORT``."""
    match = _ADDRESS.fullmatch(address)
    if match is None or int(match[2]) > 65_535:
        raise SettingsError(f"{address[:200]!r} is not HOST:PORT; for example 127.0.0.1:7443")
    return match[1].strip("[]"), int(match[2])


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches ``host``. A name other than localhost counts as not."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def check_loopback(address: str, what: str) -> None:
    """Refuse what would speak unprotected to other machines.

    :raises SettingsError: saying that ``what`` is for loopback only.
    """
    host, _ = split(address)
    if not is_loopback(host):
        raise SettingsError(f"{what} is for loopback only, and {host} is not: use 127.0.0.1")
