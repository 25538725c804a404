"""What a gateway did already, so that it does not do it at every step again.

One small file in the exchange folder. If it is lost or damaged, everything is asked and handed in
once more, and both sides take repetitions for what they are.
"""

from __future__ import annotations

import json
import logging
import re
from pathlib import Path

from protocols.errors import StorageError
from protocols.files import read_limited, replace_file

LOG = logging.getLogger("cefed.gateway")
SCHEMA = "cefed.gateway-state/1"
FILE = "gateway-state.json"
MAX_BYTES = 1 << 24

_NUMBER = re.compile(r"[0-9]{1,9}", re.ASCII)
_DAMAGED = (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError)
"""What a file that somebody else wrote can do to whoever reads it as this one."""


class State:
    """Names of deeds, each with what it was done for. Saved by :meth:`save` when it changed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._serial, self._done = self._load()
        self._saved = self._text()

    def begin(self, serial: int) -> None:
        """Forget everything if the private side asks for a repetition by another serial."""
        if serial != self._serial:
            self._serial, self._done = serial, {}

    def is_done(self, deed: str, content: str) -> bool:
        """Whether ``deed`` was done for this very content."""
        return self._done.get(deed) == content

    def done(self, deed: str, content: str) -> None:
        """Remember that ``deed`` was done for ``content``."""
        self._done[deed] = content

    def number(self, deed: str) -> int | None:
        """The number that ``deed`` was done for; None if there is none."""
        content = self._done.get(deed, "")
        return int(content) if _NUMBER.fullmatch(content) else None

    def forget(self, deed: str) -> None:
        """Have a deed done again."""
        self._done.pop(deed, None)

    def keep_only(self, kind: str, deeds: set[str]) -> None:
        """Forget the deeds of a kind that are not among ``deeds``: their envelopes are gone."""
        self._done = {
            deed: content
            for deed, content in self._done.items()
            if not deed.startswith(f"{kind} ") or deed in deeds
        }

    def save(self) -> None:
        """Write the file if anything changed. :raises StorageError: it cannot be written."""
        text = self._text()
        if text != self._saved:
            replace_file(self._path, text.encode("utf-8"), durable=False)
            self._saved = text

    def _text(self) -> str:
        document = {"schema": SCHEMA, "serial": self._serial, "done": self._done}
        return json.dumps(document, sort_keys=True, indent=1) + "\n"

    def _load(self) -> tuple[int, dict[str, str]]:
        if not self._path.exists():
            return 0, {}
        try:
            document = json.loads(read_limited(self._path, MAX_BYTES))
            if document["schema"] != SCHEMA:
                raise ValueError(SCHEMA)
            done = {str(deed): str(content) for deed, content in document["done"].items()}
            return int(document["serial"]), done
        except (StorageError, *_DAMAGED):
            LOG.warning("%s is damaged; everything is done once more", self._path.name)
            return 0, {}
