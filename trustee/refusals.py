"""The rounds this trustee left, and why: one durable file a plan, so that each is told once."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from protocols.errors import StorageError
from protocols.files import read_limited, replace_file
from trustee.errors import FolderError

FOLDER = "refusals"
SCHEMA = "cefed.trustee-refusal/1"
MAX_BYTES = 1 << 16


@dataclass(frozen=True)
class Refusal:
    """One round left. ``statement``: the signed refusal; ``told``: the coordinator has it."""

    round_id: str
    plan: str
    reason: str
    time: int
    statement: str
    told: bool = False


class Refusals:
    """The refusals in a trustee's folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / FOLDER

    def add(self, refusal: Refusal) -> bool:
        """Remember a refusal, unless one for its plan is remembered; True if it was new."""
        if self._path(refusal.plan).exists():
            return False
        self._write(refusal)
        return True

    def holds(self, plan_hash: bytes) -> bool:
        """Whether a refusal of this plan is remembered."""
        return self._path(plan_hash.hex()).exists()

    def tell(self, refusal: Refusal) -> None:
        """Remember that the coordinator has it."""
        self._write(dataclasses.replace(refusal, told=True))

    def all(self) -> list[Refusal]:
        """Every refusal, the oldest first."""
        found = [_read(path) for path in self._folder.glob("*.json")]
        return sorted(found, key=lambda refusal: (refusal.time, refusal.plan))

    def untold(self) -> list[Refusal]:
        """Those that the coordinator does not have yet."""
        return [refusal for refusal in self.all() if not refusal.told]

    def _write(self, refusal: Refusal) -> None:
        document = {"schema": SCHEMA, **asdict(refusal)}
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            replace_file(
                self._path(refusal.plan), (json.dumps(document, indent=1) + "\n").encode("utf-8")
            )
        except (OSError, StorageError) as error:
            raise FolderError(f"cannot write to {self._folder}: {error}") from error

    def _path(self, plan: str) -> Path:
        return self._folder / f"{plan}.json"


def _read(path: Path) -> Refusal:
    try:
        document = json.loads(read_limited(path, MAX_BYTES))
        if document.pop("schema") != SCHEMA or document["plan"] != path.stem:
            raise ValueError("another schema or plan")
        refusal = Refusal(**document)
        bytes.fromhex(refusal.statement)
    except (StorageError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise FolderError(f"{path} is not a remembered refusal; remove it") from error
    return refusal
