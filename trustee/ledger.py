"""The trustee's release ledger: every closing statement it signed, hash-chained, durable.

One JSON object a line, each with the hash of the one before; a line is on the disk before the
trustee acts on it. Two rules rest on it (SPEC.md section 3):

* at most one closing statement a round, by the round's name and by its plan;
* everything that was ever closed parts the enterprises into atoms, and a closing is signed only if
  it declares them and none is smaller than k (:mod:`protocols.differencing`). An enterprise is
  known again by its key, its registered id or its corporate group, whichever is the same
  (:mod:`protocols.items`). Of id and group the ledger holds hashes only.

A closing counts as opened when it is signed, not when something is opened: any two quorums share an
honest trustee, so of two rounds over one enterprise one is held against the other, also when both
are under way at once. The price is that a round which is abandoned after its closing counts for
good. A round with too few members, of which nothing is ever opened, does not count.

Of a round that it certifies it keeps the size-class counts of the cohort, which trustees alone see:
whether members sent the same data again in a later round shows in nothing else. None stand for a
certificate that withholds the cohort. The atoms that a closing declared are kept for the same
reason: trustees see their size classes, and a later round must not cut them smaller than k.

It also notes every closing vote of the other trustees that it saw, with its signature, so that it
can show one of them that was restored from a backup what that one has signed
(:mod:`trustee.startup`).

One ledger serves all ceremonies of a trustee: what was closed counts under a new key, too. A ledger
that is lost is not started again silently, or the trustee could be made to sign twice.
"""

from __future__ import annotations

import base64
import fcntl
import logging
import os
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from io import FileIO
from pathlib import Path

from protocols.atom_classes import KnownClasses
from protocols.atoms import NOTHING_DECLARED, Declared
from protocols.errors import PolicyRefusal
from protocols.items import Item, Mark
from protocols.noise_terms import Noise
from protocols.plan_terms import Policy
from protocols.shared_measures import Published
from trustee.chain import CLASSES, CLOSING, GENESIS, SEEN, Line, canonical, follow, link
from trustee.errors import LedgerError
from trustee.releases import Parts, Releases, SameData

LOG = logging.getLogger("cefed.trustee")

OLDER = (
    "the ledger is older than that, as after a restore from a backup. Stop, restore the newest "
    "ledger.jsonl, and start again; if there is none, this trustee must not sign any more: make a "
    "new one and hold a new ceremony"
)

MAX_SHOWN_BYTES = 7 << 18
"""The newest votes of one signer that are kept in memory to be shown; fits into one answer."""


LISTS = {"members": "member", "enterprises": "enterprise", "groups": "group"}
"""The lists in a closing's line, and the field of an item that each holds."""

WHOLE = Policy()
"""The policy of a closing that names none."""


@dataclass(frozen=True)
class SeenVote:
    """A closing vote as it stood in a transcript: for which plan, which statement, and the head of
    its signer's ledger before it."""

    plan_hash: bytes
    statement_hash: bytes
    ledger_head: bytes


class _Seen:
    """The votes seen of one signer: all by content, the newest with their signed bytes as well."""

    def __init__(self) -> None:
        self.votes: dict[SeenVote, None] = {}
        self.shown: deque[bytes] = deque()
        self._size = 0

    def add(self, vote: SeenVote, signed: bytes) -> None:
        self.votes[vote] = None
        if not signed:
            return  # noted by an earlier version, which kept no signature
        self.shown.append(signed)
        self._size += len(signed)
        while self._size > MAX_SHOWN_BYTES:
            self._size -= len(self.shown.popleft())


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
        self._releases = Releases()
        self._seen: dict[bytes, _Seen] = {}
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
        members: Sequence[Item],
        *,
        policy: Policy = WHOLE,
        declared: Declared = NOTHING_DECLARED,
        parts: Parts = Parts.BANDS,
        noise: Noise | None = None,
        measures: tuple[Published, ...] = (),
    ) -> bytes:
        """Note that the trustee is about to sign this closing statement.

        :param members: the members that are counted, in the order of the inclusion list; none if
            nothing will be opened.
        :param declared: the atoms that the statement declares. :param parts: what is published
            beside totals where nothing forbids it. :param noise: of the plan, if any.
        :param measures: what the plan publishes.
        :returns: the head before the note, which the vote carries; the same for a repetition.
        :raises PolicyRefusal: it signed another one in this round or for this plan, or what was
            closed before forbids this one, or asks for more than it declares.
        """
        known = self._closings.get(round_id)
        if known is not None:
            if known[:2] != (plan_hash, statement_hash):
                raise PolicyRefusal(f"another closing statement of round {round_id} was signed")
            return known[2]
        if plan_hash in self._plans:
            raise PolicyRefusal(f"this plan was closed before as round {self._plans[plan_hash]}")
        if members:
            self._releases.check(
                round_id,
                period,
                members,
                policy,
                declared,
                parts=parts,
                noise=noise,
                measures=measures,
            )
        before = self._head
        self._append(
            {
                "event": CLOSING,
                "round": round_id,
                "plan": plan_hash.hex(),
                "statement": statement_hash.hex(),
                "period": period,
                "parts": (Parts.NONE if declared.totals_only else parts).value,
                **{
                    name: [getattr(i, field).hex() for i in members]
                    for name, field in LISTS.items()
                },
                **({"loss": str(noise.loss), "budget": str(noise.budget)} if noise else {}),
                **({"atoms": [list(atom) for atom in declared.atoms]} if members else {}),
                **({"measures": [[m.name, m.unit, m.tied] for m in measures]} if members else {}),
            }
        )
        return before

    def record_classes(
        self,
        round_id: str,
        plan_hash: bytes,
        statement_hash: bytes,
        classes: Mapping[str, KnownClasses],
    ) -> None:
        """Keep the class counts of a round, once, before its certificate is signed.

        :param classes: none if the cohort is withheld, by a certificate that q trustees signed.
        :raises LedgerError: they cannot be written.
        """
        if self._releases.knows_classes(round_id):
            return
        self._append(
            {
                "event": CLASSES,
                "round": round_id,
                "plan": plan_hash.hex(),
                "statement": statement_hash.hex(),
                "classes": {name: asdict(known) for name, known in classes.items()},
            }
        )

    def same_data(self, round_id: str, period: str, members: Sequence[Item]) -> list[SameData]:
        """The other rounds of this very period whose members are all among these.

        See :meth:`trustee.releases.Releases.same_data`.
        """
        return self._releases.same_data(round_id, period, members)

    def awaited(self, round_id: str, period: str, members: Sequence[Item]) -> list[str]:
        """Closings whose certificate this one has to wait for, as its data is compared with theirs.

        None once it is closed: a later closing over a part of its members is a departure.
        """
        if round_id in self._closings:
            return []
        held = self.same_data(round_id, period, members)
        return [same.round_id for same in held if same.classes is None]

    def note_seen(self, signer: bytes, vote: SeenVote, signed: bytes) -> None:
        """Note, once, that a transcript held this vote by another trustee.

        :param signer: that trustee's Ed25519 public key.
        :param signed: its signed statement, from which ``vote`` was read.
        :raises LedgerError: it cannot be written.
        """
        if signer in self._seen and vote in self._seen[signer].votes:
            return
        self._append(
            {
                "event": SEEN,
                "signer": signer.hex(),
                "plan": vote.plan_hash.hex(),
                "statement": vote.statement_hash.hex(),
                "head": vote.ledger_head.hex(),
                "vote": base64.b64encode(signed).decode("ascii"),
            }
        )

    def seen(self, signer: bytes) -> tuple[SeenVote, ...]:
        """Every vote of another trustee that was noted, in the order they were seen."""
        return tuple(self._seen[signer].votes) if signer in self._seen else ()

    def shown(self, signer: bytes) -> tuple[bytes, ...]:
        """The newest of them as they were signed, in that order; ``MAX_SHOWN_BYTES`` at most.

        Older ones need not be shown: each vote names the head of its signer's ledger, and a ledger
        that holds it there holds everything before it.
        """
        return tuple(self._seen[signer].shown) if signer in self._seen else ()

    def holds(self, vote: SeenVote) -> bool:
        """Whether this trustee's own vote is in the ledger, at the very place that it names."""
        round_id = self._plans.get(vote.plan_hash)
        if round_id is None:
            return False
        return self._closings[round_id] == (vote.plan_hash, vote.statement_hash, vote.ledger_head)

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
            signed = base64.b64decode(record.get("vote", ""), validate=True)
            self._seen.setdefault(bytes.fromhex(record["signer"]), _Seen()).add(vote, signed)
            return
        round_id = record["round"]
        if record["event"] == CLASSES:
            self._releases.add_classes(round_id, record["classes"])
            return
        self._closings[round_id] = (plan_hash, statement, before)
        self._plans[plan_hash] = round_id
        if not isinstance(record["period"], str):
            raise TypeError("a period is text")
        loss, budget = (
            Fraction(record[name]) if name in record else None for name in ("loss", "budget")
        )
        atoms = record.get("atoms", [])
        # A line of an earlier version says nothing: there were no tables, and there may be bands.
        parts = Parts(record.get("parts", Parts.BANDS))
        measures = tuple(Published(*map(str, own)) for own in record.get("measures", ()))
        self._releases.add(
            round_id, record["period"], _marks(record), loss, budget, atoms, parts, measures
        )

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
            except (
                ValueError,
                KeyError,
                TypeError,
                AttributeError,
                ZeroDivisionError,
            ) as error:
                raise LedgerError(f"{path}: line {self._count} is not a record") from error
        self._file.seek(0, os.SEEK_END)


def _marks(record: Line) -> Iterator[list[Mark]]:
    """The marks of each member in a closing's line; those of an earlier version hold keys only."""
    columns = [
        [(field, bytes.fromhex(mark)) for mark in record[name]]
        for name, field in LISTS.items()
        if name in record
    ]
    return map(list, zip(*columns, strict=True))


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
