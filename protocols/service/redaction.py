"""Takes out of a log what looks like a key, before anything is written.

A second line of defence: secrets have no readable form (:mod:`protocols.secrets`) and are never
passed to a logger. Fingerprints (16 hexadecimal digits) and round names stay readable; the hashes
and keys of 32 digits and more do not, since a public and a private key look alike.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

REDACTED = "[redacted]"
MAX_DEPTH = 6

_NAMES = re.compile(
    r"secret|passphrase|password|passwd|token|seed|private|share|credential|authorization", re.I
)
_PEM = re.compile(r"-----BEGIN [A-Z0-9 ]+-----.*?(-----END [A-Z0-9 ]+-----|\Z)", re.S)
_HEX = re.compile(r"(?<![0-9A-Za-z])(0x)?[0-9A-Fa-f]{32,}(?![0-9A-Za-z])")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{40,}={0,2}")
_URL_PASSWORD = re.compile(r"(://[^/@\s:]*:)[^/@\s]+@")
_ESCAPED_BYTES = re.compile(r"(?:\\x[0-9a-f]{2}|\\[tnr]){4,}")


def redact(value: Any, depth: int = 0) -> Any:
    """``value`` without what looks like key material; containers are walked, bytes are counted."""
    if isinstance(value, str):
        return redact_text(value)
    if isinstance(value, bool | int | float | None):
        return value if not isinstance(value, int) or abs(value) < 1 << 64 else REDACTED
    if isinstance(value, bytes | bytearray | memoryview):
        return f"[{len(value)} bytes]"
    if depth >= MAX_DEPTH:
        return REDACTED
    if isinstance(value, Mapping):
        return redact_fields(value, depth + 1)
    if isinstance(value, Sequence | set | frozenset):
        return [redact(item, depth + 1) for item in value]
    return redact_text(str(value))


def redact_fields(fields: Mapping[Any, Any], depth: int = 0) -> dict[str, Any]:
    """A mapping, whose fields with a telling name go whatever they hold."""
    return {
        str(name): REDACTED if _NAMES.search(str(name)) else redact(value, depth)
        for name, value in fields.items()
    }


def redact_text(text: str) -> str:
    """Text without PEM blocks, long hexadecimal or base64 runs, and passwords in URLs."""
    text = _PEM.sub(REDACTED, text)
    text = _URL_PASSWORD.sub(rf"\1{REDACTED}@", text)
    text = _HEX.sub(REDACTED, text)
    text = _ESCAPED_BYTES.sub(REDACTED, text)
    return _BASE64.sub(lambda match: REDACTED if _random_looking(match[0]) else match[0], text)


def _random_looking(run: str) -> bool:
    """Forty random base64 characters hold some of each; a long path or name seldom does."""
    return (
        sum(c.isupper() for c in run) >= 4
        and sum(c.islower() for c in run) >= 4
        and sum(c.isdigit() for c in run) >= 2
    )
