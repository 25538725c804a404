"""The trustee's release ledger: every closing statement it signed, hash-chained, durable.

One JSON object a line, each with the hash of the one before; a line is on the disk before the
trustee acts on it. Two rules rest on it (SPEC.md section 3):

* at most one closing statement a round, by the round's name and by its plan;
* an item (member key, period) stands in the closing statement of at most one round. This is the
  simple rule that makes the differencing of two releases impossible.

An item is taken when the closing is signed, not when something is opened: any two quorums share an
honest trustee, so of two rounds over one item at most one reaches its quorum, also when both are
under way at once. The price is that a round which is abandoned after its closing uses up the period
of its members. A round with too few members, of which nothing is ever opened, takes nothing.

It also notes every closing vote of the other trustees that it saw, so that it can tell one of them
that was restored from a backup what that one has signed (:mod:`trustee.startup`).

One ledger serves all ceremonies of a trustee: an item stays taken when a new key comes. A ledger
that is lost is not started again silently, or the trustee could be made to sign twice.
"""

from __future__ import annotations

import fcntl
import logging
import os
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

from protocols.errors import PolicyRefusal
from trustee.chain import CLOSING, GENESIS, SEEN, Line, canonical, follow, link
from trustee.errors import LedgerError

LOG = logging.getLogger("cefed.trustee")

OLDER = (
    "the ledger is older than that, as after a restore from a backup. Stop, restore the newest "
    "ledger.jsonl, and start again; if there is none, this trustee must not sign any more: make a "
    "new one and hold a new ceremony"
)


@dataclass(frozen=True)
class SeenVote:
    """A closing vote as it stood in a transcript: for which plan, which statement, and the head of
    its signer's ledger before it."""

    plan_hash: bytes
    statement_hash: bytes
    ledger_head: bytes


class Ledger:
    """An open ledger; holds a lock on its file until :meth:`close`.

    :param clock: seconds since 1970-01-01 UTC; a parameter for tests.
    :raises LedgerError: no such file, in use by another process, or its chain is broken.
    """

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._head = GENESIS
        self._count = 0
        self._closings: dict[str, tuple[bytes, bytes, bytes]] = {}
        self._plans: dict[bytes, str] = {}
        self._taken: dict[tuple[bytes, str], str] = {}
        self._seen: dict[bytes, dict[SeenVote, None]] = {}
        self._file = _lock(path)
        self._load(path)

    @staticmethod
    def create(path: Path) -> None:
        """Start an empty ledger, once, when the trustee's folder is made."""
        try:
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        except OSError as error:
            raise LedgerError(f"cannot create {path}: {error.strerror}") from error

    @property
    def head(self) -> bytes:
        """The hash of the last line; goes into the closing vote."""
        return self._head

    @property
    def count(self) -> int:
        """How many lines it has."""
        return self._count

    def close(self) -> None:
        """Give the file back."""
        self._file.close()

    def record_closing(
        self,
        round_id: str,
        plan_hash: bytes,
        statement_hash: bytes,
        period: str,
        members: Iterable[bytes],
    ) -> bytes:
        """Note that the trustee is about to sign this closing statement, and take its items.

        :param members: the keys of the members that are counted; none if nothing will be opened.
        :returns: the head before the note, which the vote carries; the same for a repetition.
        :raises PolicyRefusal: it signed another one in this round or for this plan, or one that
            holds an item of this one in another round.
        """
        known = self._closings.get(round_id)
        if known is not None:
            if known[:2] != (plan_hash, statement_hash):
                raise PolicyRefusal(f"another closing statement of round {round_id} was signed")
            return known[2]
        if plan_hash in self._plans:
            raise PolicyRefusal(f"this plan was closed before as round {self._plans[plan_hash]}")
        items = list(members)
        self._check_items(round_id, period, items)
        before = self._head
        self._append(
            {
                "event": CLOSING,
                "round": round_id,
                "plan": plan_hash.hex(),
                "statement": statement_hash.hex(),
                "period": period,
                "members": [member.hex() for member in items],
            }
        )
        return before

    def note_seen(self, signer: bytes, vote: SeenVote) -> None:
        """Note, once, that a transcript held this vote by another trustee.

        :param signer: that trustee's Ed25519 public key.
        :raises LedgerError: it cannot be written.
        """
        if vote in self._seen.get(signer, {}):
            return
        self._append(
            {
                "event": SEEN,
                "signer": signer.hex(),
                "plan": vote.plan_hash.hex(),
                "statement": vote.statement_hash.hex(),
                "head": vote.ledger_head.hex(),
            }
        )

    def seen(self, signer: bytes) -> tuple[SeenVote, ...]:
        """Every vote of another trustee that was noted, in the order they were seen."""
        return tuple(self._seen.get(signer, {}))

    def holds(self, vote: SeenVote) -> bool:
        """Whether this trustee's own vote is in the ledger, at the very place that it names."""
        round_id = self._plans.get(vote.plan_hash)
        if round_id is None:
            return False
        return self._closings[round_id] == (vote.plan_hash, vote.statement_hash, vote.ledger_head)

    def _check_items(self, round_id: str, period: str, members: Iterable[bytes]) -> None:
        taken = [
            self._taken[member, period] for member in members if (member, period) in self._taken
        ]
        if taken:
            raise PolicyRefusal(
                f"round {round_id}: {len(taken)} members' data of {period} was closed before, in "
                f"round {sorted(taken)[0]}; the difference of the two would expose them"
            )

    def _append(self, record: Line) -> None:
        record = {
            "number": self._count,
            "time": int(self._clock()),
            **record,
            "previous": self._head.hex(),
        }
        record["hash"] = link(record).hex()
        left = memoryview(canonical(record) + b"\n")
        try:
            while left:
                # Without a buffer: what a full disk did not take must not be written on closing.
                left = left[self._file.write(left) :]
            os.fsync(self._file.fileno())
        except OSError as error:
            raise LedgerError(
                f"cannot write the ledger: {error.strerror}. Nothing was signed; make room and "
                "start again"
            ) from error
        self._take(record)

    def _take(self, record: Line) -> None:
        before, self._head = self._head, bytes.fromhex(record["hash"])
        self._count += 1
        plan_hash, statement = bytes.fromhex(record["plan"]), bytes.fromhex(record["statement"])
        if record["event"] == SEEN:
            vote = SeenVote(plan_hash, statement, bytes.fromhex(record["head"]))
            self._seen.setdefault(bytes.fromhex(record["signer"]), {})[vote] = None
            return
        round_id = record["round"]
        self._closings[round_id] = (plan_hash, statement, before)
        self._plans[plan_hash] = round_id
        for member in record["members"]:
            self._taken[bytes.fromhex(member), record["period"]] = round_id

    def _load(self, path: Path) -> None:
        self._file.seek(0)
        lines = self._file.read().splitlines(keepends=True)
        if lines and not lines[-1].endswith(b"\n"):
            # Cut off while it was written: the trustee had not acted on it yet.
            LOG.warning("ledger %s: dropping an unfinished last line", path)
            lines.pop()
            self._file.truncate(sum(map(len, lines)))
        for record in follow(lines, path):
            try:
                self._take(record)
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                raise LedgerError(f"{path}: line {self._count} is not a record") from error
        self._file.seek(0, os.SEEK_END)


def _lock(path: Path) -> FileIO:
    try:
        file = path.open("r+b", buffering=0)
    except FileNotFoundError:
        raise LedgerError(
            f"{path} is missing. Without it this trustee could be made to sign twice: restore it "
            "from a backup, or make a new trustee and hold a new ceremony"
        ) from None
    except OSError as error:
        raise LedgerError(f"cannot open {path}: {error.strerror}") from error
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise LedgerError(f"{path} is in use: another process serves this trustee") from None
    return file
