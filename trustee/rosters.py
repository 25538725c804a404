"""Which rosters this trustee has seen and approved; remembered on disk, one file a plan.

The service writes what it saw, a person may approve it from another process: neither needs the
other to be running, and no file is changed in place.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from protocols.enrolment import folded
from protocols.errors import StorageError
from protocols.files import read_limited, replace_file
from trustee.errors import FolderError, SettingsError

FOLDER = "rosters"
SCHEMA = "cefed.trustee-roster/1"
MAX_BYTES = 1 << 24


@dataclass(frozen=True)
class SeenMember:
    """One enterprise behind a roster's pseudonym, as its certificate names it."""

    enterprise_id: str
    group: str
    fingerprint: str


@dataclass(frozen=True)
class SeenRoster:
    """A roster whose certificates held. Hashes in hexadecimal; ``approved``: seconds, or None."""

    round_id: str
    cohort: str
    period: str
    plan: str
    roster: str
    members: tuple[SeenMember, ...]
    approved: int | None = None
    by_hand: bool = False


class Rosters:
    """The rosters in a trustee's folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / FOLDER

    def get(self, plan_hash: bytes) -> SeenRoster | None:
        """What is remembered of a plan's roster. :raises FolderError: its file is damaged."""
        path = self._path(plan_hash.hex())
        return _read(path) if path.exists() else None

    def keep(self, seen: SeenRoster) -> None:
        """Remember ``seen``, in the place of what was remembered of its plan."""
        document = {"schema": SCHEMA, **asdict(seen)}
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            replace_file(
                self._path(seen.plan), (json.dumps(document, indent=1) + "\n").encode("utf-8")
            )
        except (OSError, StorageError) as error:
            raise FolderError(f"cannot write to {self._folder}: {error}") from error

    def approve(self, seen: SeenRoster, now: int, *, by_hand: bool) -> SeenRoster:
        """Remember that a roster was approved, by a person or by the rules alone."""
        approved = dataclasses.replace(seen, approved=now, by_hand=by_hand)
        self.keep(approved)
        return approved

    def changes(self, seen: SeenRoster) -> dict[SeenMember, list[str]]:
        """The members of ``seen`` with another key than on every roster approved before.

        :returns: with the fingerprints that their enterprise had there.
        """
        before: dict[str, set[str]] = {}
        for other in self.all():
            if other.approved is not None and other.plan != seen.plan:
                for member in other.members:
                    before.setdefault(folded(member.enterprise_id), set()).add(member.fingerprint)
        held = {member: before.get(folded(member.enterprise_id), set()) for member in seen.members}
        return {m: sorted(keys) for m, keys in held.items() if keys and m.fingerprint not in keys}

    def all(self) -> list[SeenRoster]:
        """Every roster that was seen, by round."""
        found = [_read(path) for path in self._folder.glob("*.json")]
        return sorted(found, key=lambda seen: (seen.round_id, seen.plan))

    def find(self, round_id: str) -> SeenRoster:
        """The roster of one round.

        :raises SettingsError: none was seen, or the coordinator showed two plans of that name.
        """
        found = [seen for seen in self.all() if seen.round_id == round_id]
        if not found:
            raise SettingsError(
                f"no roster of round {round_id} was seen; it is fetched by: cefed trustee serve"
            )
        if len(found) > 1:
            raise SettingsError(
                f"the coordinator showed {len(found)} plans of a round {round_id}; approve none"
            )
        return found[0]

    def _path(self, plan: str) -> Path:
        return self._folder / f"{plan}.json"


def _read(path: Path) -> SeenRoster:
    try:
        document = json.loads(read_limited(path, MAX_BYTES))
        if document.pop("schema") != SCHEMA or document["plan"] != path.stem:
            raise ValueError("another schema or plan")
        members = tuple(SeenMember(**member) for member in document.pop("members"))
        seen = SeenRoster(members=members, **document)
    except (StorageError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise FolderError(f"{path} is not a remembered roster; remove it to see it anew") from error
    if not (seen.approved is None or type(seen.approved) is int):
        raise FolderError(f"{path} is not a remembered roster; remove it to see it anew")
    return seen
