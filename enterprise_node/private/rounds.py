"""What a node keeps of one round: a folder with the terms, the own contribution and its receipt.

::

    description       the coordinator's words about the round, as they came
    previewed         the hash of the plan that the owner was shown last
    approval.json     what the owner approved
    contribution-1    the signed bytes of version 1, until its receipt came
    receipt-1         the coordinator's receipt for version 1
    mask-seed-1       secret: the round key of version 1, in certified rounds; mode 0600
    masked            the signed masked figures, once they were made
    totals-...        what a round of totals keeps (enterprise_node.private.totals_files)
    refusal.json      what the coordinator said against the last version
    release.json      the checked release document
    warning           what is wrong with the place of the own contribution, if anything
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeVar

from enterprise_node.errors import NodeStoreError, NodeUsageError
from enterprise_node.exchange import safe_name
from enterprise_node.private.secret_files import read_secret, replace_secret
from protocols.errors import StorageError
from protocols.files import read_limited, replace_file
from protocols.hashing import domain_hash
from protocols.terms import MemberDescription
from protocols.wire import service_pb2
from protocols.wire.codec import MAX_LARGE, decode, encode

T = TypeVar("T")

_ROUND_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
"""What a plan allows as a round's identifier; nothing else becomes a part of a path."""

_VERSIONED = re.compile(r"(contribution|receipt)-([1-9][0-9]{0,3})", re.ASCII)
MAX_NOTE_BYTES = 1 << 16


@dataclass(frozen=True)
class Offer:
    """A round as the gateway brought it, unchecked. ``state`` is a hint and never believed."""

    description: MemberDescription
    state: str
    roster_votes: tuple[bytes, ...]
    notices: tuple[bytes, ...]

    @property
    def digest(self) -> str:
        """Hexadecimal; names plan, place, ceremony and its countersignatures together."""
        told = self.description
        parts = (told.plan, told.place, told.ceremony, *told.countersignatures)
        return domain_hash("cefed/offer/v2", *parts).hex()


@dataclass(frozen=True)
class Approval:
    """What the owner approved: this plan, with these records, as this version.

    ``replace_plan``: in the place of the period's earlier plan.
    """

    plan_hash: str
    measures: str
    version: int
    replace_plan: bool = False


@dataclass(frozen=True)
class Refusal:
    """The coordinator's refusal of one version. ``time`` in seconds since 1970-01-01 UTC."""

    version: int
    reason_name: str
    text: str
    time: int

    @property
    def late(self) -> bool:
        """Whether a correction came after the round was closed, in the coordinator's words."""
        return "after the closing" in self.text


class RoundFolder:
    """One round's files. The folder is made when the first of them is written.

    :raises NodeUsageError: an identifier that would lead elsewhere.
    """

    def __init__(self, rounds: Path, round_id: str) -> None:
        if not _ROUND_ID.fullmatch(round_id):
            raise NodeUsageError(
                f"{round_id[:80]!r} is not a round's identifier: 1 to 64 letters, digits, '.', '_' "
                "and '-', beginning with a letter or digit"
            )
        self.round_id = round_id
        self.folder = rounds / safe_name("round", round_id)

    def keep(self, name: str, data: bytes) -> None:
        """Write one of the files durably, in one step. :raises StorageError: it cannot be."""
        self.make()
        replace_file(self.folder / name, data)

    def keep_secret(self, name: str, data: bytes) -> None:
        """As :meth:`keep`, for the owner's eyes only. :raises StorageError: it cannot be."""
        self.make()
        replace_secret(self.folder / name, data)

    def secret(self, name: str, most: int) -> bytes | None:
        """What :meth:`keep_secret` kept; None if there is none. :raises NodeStoreError: damaged."""
        try:
            return read_secret(self.folder / name, most)
        except StorageError as error:
            raise NodeStoreError(str(error)) from error

    def make(self) -> None:
        """Make the folder, if it is not there."""
        try:
            self.folder.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise NodeStoreError(f"cannot make {self.folder}: {error.strerror}") from error

    def drop(self, name: str) -> None:
        """Remove one of the files, if it is there."""
        try:
            (self.folder / name).unlink(missing_ok=True)
        except OSError as error:
            raise NodeStoreError(f"cannot remove {self.folder / name}: {error.strerror}") from error

    def drop_unfinished(self) -> None:
        """Remove what a crash left of files that were being written: it may be part of a secret."""
        try:
            for left in self.folder.glob("*.partial"):
                left.unlink(missing_ok=True)
        except OSError as error:
            raise NodeStoreError(f"cannot tidy {self.folder}: {error.strerror}") from error

    def offered(self) -> bytes | None:
        """The description's bytes, None if there is none yet."""
        return self._read("description", MAX_LARGE)

    def offer(self) -> Offer | None:
        """The description. :raises ProtocolError: bytes that are none."""
        data = self.offered()
        return None if data is None else read_offer(data)

    def approval(self) -> Approval | None:
        """What the owner approved last."""
        return self._json("approval.json", Approval)

    def approve(self, approval: Approval) -> None:
        """Keep what the owner approved."""
        self._keep_json("approval.json", asdict(approval))

    def previewed(self) -> str | None:
        """The hash of the plan that the owner was shown last, hexadecimal."""
        data = self._read("previewed", MAX_NOTE_BYTES)
        return data.decode("ascii", "replace") if data else None

    def keep_previewed(self, plan_hash: str) -> None:
        """Keep the hash of the plan that the owner was shown."""
        self.keep("previewed", plan_hash.encode("ascii"))

    def refusal(self) -> Refusal | None:
        """What the coordinator said against the last version."""
        return self._json("refusal.json", Refusal)

    def keep_refusal(self, refusal: Refusal) -> None:
        """Keep what the coordinator said."""
        self._keep_json("refusal.json", asdict(refusal))

    def version(self) -> int:
        """The highest version that was ever signed here; 0 before the first."""
        return max((number for _, number in self._versions()), default=0)

    def receipts(self) -> list[int]:
        """The versions that have their receipt, ascending."""
        return sorted(number for kind, number in self._versions() if kind == "receipt")

    def contribution(self, version: int) -> bytes | None:
        """The signed bytes of a version that waits for its receipt."""
        return self._read(f"contribution-{version}", MAX_LARGE)

    def receipt(self, version: int) -> bytes | None:
        """The receipt of a version."""
        return self._read(f"receipt-{version}", MAX_NOTE_BYTES)

    def last_receipt(self) -> bytes | None:
        """The receipt of the highest version that has one."""
        versions = self.receipts()
        return self.receipt(versions[-1]) if versions else None

    def masked(self) -> bytes | None:
        """The signed masked figures of this round, once they were made."""
        return self._read("masked", MAX_LARGE)

    @property
    def release_path(self) -> Path:
        """Where the checked release document is."""
        return self.folder / "release.json"

    def warning(self) -> str | None:
        """What was wrong with the own contribution's place when the release came."""
        data = self._read("warning", MAX_NOTE_BYTES)
        return data.decode("utf-8", "replace") if data else None

    def _versions(self) -> Iterator[tuple[str, int]]:
        try:
            names = [path.name for path in self.folder.iterdir()]
        except FileNotFoundError:
            return
        except OSError as error:
            raise NodeStoreError(f"cannot read {self.folder}: {error.strerror}") from error
        for name in names:
            found = _VERSIONED.fullmatch(name)
            if found:
                yield found[1], int(found[2])

    def _read(self, name: str, most: int) -> bytes | None:
        path = self.folder / name
        if not path.exists():
            return None
        try:
            return read_limited(path, most)
        except StorageError as error:
            raise NodeStoreError(str(error)) from error

    def _json(self, name: str, kind: type[T]) -> T | None:
        data = self._read(name, MAX_NOTE_BYTES)
        if data is None:
            return None
        try:
            return kind(**json.loads(data))
        except (ValueError, TypeError, RecursionError) as error:
            raise NodeStoreError(f"{self.folder / name}: damaged; remove it") from error

    def _keep_json(self, name: str, document: dict[str, object]) -> None:
        text = json.dumps(document, ensure_ascii=False, indent=1) + "\n"
        self.keep(name, text.encode("utf-8"))


def read_offer(data: bytes) -> Offer:
    """A round's description in the coordinator's own message. :raises ProtocolError: it is none."""
    message = decode(service_pb2.RoundDescription, data)
    return Offer(
        MemberDescription(
            message.plan,
            encode(message.place),
            message.ceremony,
            tuple(message.ceremony_countersignatures),
        ),
        message.state.lower(),
        tuple(message.roster_votes),
        tuple(message.notices),
    )
