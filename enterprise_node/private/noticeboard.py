"""``notices.jsonl``: what gateway and coordinator had to say, for the owner's eyes.

A notice is a hint from outside: nothing is believed because of one. Shown by ``cefed node status``.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from enterprise_node.errors import EnvelopeDamaged, NodeStoreError
from enterprise_node.private.lines import append_line, read_lines

MAX_TEXT = 1000


@dataclass(frozen=True)
class GatewayNotice:
    """One notice. ``about``: "refused", "unreachable", "reachable", "damaged" or "waiting".

    ``what`` is the kind of the envelope it concerns, ``sha256`` the payload's hash if one was
    refused, ``reason_name`` the coordinator's class of error. ``time`` is the gateway's, in seconds
    since 1970-01-01 UTC.
    """

    about: str
    what: str
    round_id: str
    sha256: str
    reason_name: str
    text: str
    time: int

    @classmethod
    def from_payload(cls, payload: bytes) -> GatewayNotice:
        """Read what a gateway wrote. :raises EnvelopeDamaged: something else."""
        try:
            fields = json.loads(payload)
            texts = {
                name: _printable(fields[name])
                for name in ("about", "what", "round_id", "sha256", "reason_name", "text")
            }
            return cls(**texts, time=int(fields["time"]))
        except (ValueError, TypeError, KeyError, OverflowError, RecursionError) as error:
            raise EnvelopeDamaged("not a notice") from error


class Noticeboard:
    """Every notice that came, once each."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def add(self, payload: bytes) -> GatewayNotice | None:
        """Keep a notice; None if it came before. :raises NodeError: it is none, or no space."""
        notice = GatewayNotice.from_payload(payload)
        digest = hashlib.sha256(payload).hexdigest()
        if any(known == digest for known, _ in self._all()):
            return None
        line = json.dumps({"id": digest} | asdict(notice), ensure_ascii=False)
        append_line(self.path, line.encode("utf-8"))
        return notice

    def all(self) -> list[GatewayNotice]:
        """Every notice in the order in which they came."""
        return [notice for _, notice in self._all()]

    def _all(self) -> list[tuple[str, GatewayNotice]]:
        found = []
        try:
            for line in read_lines(self.path):
                fields = json.loads(line)
                found.append((str(fields.pop("id")), GatewayNotice(**fields)))
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise NodeStoreError(f"{self.path}: damaged; move it away") from error
        return found


def _printable(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("a text is needed")
    return "".join(c if c.isprintable() else " " for c in value[:MAX_TEXT])
