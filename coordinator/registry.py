"""The registry: members with their certificates, invitations, trustees, revocations.

The serving process asks it who a caller is (:meth:`Registry.standing`, from memory that is at most
:data:`FRESH_SECONDS` old) and hands it the requests that arrive over ``Admission.Enrol``; the
operator's commands change it in the same database, so they work while the process serves. SPEC.md
section 7.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from sqlalchemy import Connection, Engine, delete, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from coordinator import admission
from coordinator import registry_schema as schema
from coordinator.admission import Answer
from coordinator.errors import SettingsError
from coordinator.registry_rows import (
    InvitationRow,
    MemberRow,
    MemberState,
    Standing,
    TrusteeRow,
    find_by_key,
    members_in,
    translated,
)
from protocols import enrolment
from protocols.enrolment import Invitation
from protocols.errors import PolicyRefusal
from protocols.signing import SigningKey, VerifyKey
from protocols.wire import messages_pb2 as pb
from protocols.wire.codec import MAX_SMALL, decode

FRESH_SECONDS = 1.0

Clock = Callable[[], int]


def wall_clock() -> int:
    """Seconds since 1970-01-01 UTC."""
    return int(time.time())


@dataclass(frozen=True)
class _Known:
    """What :meth:`Registry.standing` answers from."""

    members: dict[bytes, int]
    """When the certificate of each enrolled key ends."""
    trustees: frozenset[bytes]
    revoked: frozenset[bytes]
    loaded: float


class Registry:
    """Everybody a coordinator knows. Safe to share between threads.

    :param engine: the store's (:attr:`coordinator.store.Store.engine`), migrated.
    :param key: the coordinator's, which issues certificates and revocation lists.
    :param clock: seconds since 1970; a parameter for tests.
    :raises StoreError: every method, when the database cannot be used.
    """

    def __init__(self, engine: Engine, key: SigningKey, *, clock: Clock = wall_clock) -> None:
        self._engine = engine
        self._key = key
        self._clock = clock
        self._lock = threading.Lock()
        self._held: _Known | None = None

    # What the serving process asks

    def standing(self, key: VerifyKey) -> Standing:
        """Who ``key`` is, as of at most a second ago."""
        return self._standing_in(self._known(), key)

    def remembered(self, key: VerifyKey) -> Standing:
        """Who ``key`` was when the database was last read: never waits, and decides nothing."""
        return self._standing_in(self._held, key)

    @property
    def fresh(self) -> bool:
        """Whether :meth:`standing` answers without asking the database."""
        return self._held is not None and _is_fresh(self._held)

    def refresh(self) -> None:
        """Read again who is known, unless that is fresh; for threads that may wait."""
        self._known()

    def revoked(self, key: VerifyKey) -> bool:
        """Whether ``key`` was a member and may submit no more: revoked, replaced, withdrawn."""
        return key.raw in self._known().revoked

    def certificates(self, keys: Sequence[VerifyKey]) -> list[bytes]:
        """The certificate of each key that has one, in the order of ``keys``; DER.

        One that was revoked is among them: the revocation list says so.
        """
        wanted = {key.raw for key in keys}
        query = select(schema.members.c.key, schema.members.c.certificate).where(
            schema.members.c.certificate.is_not(None)
        )
        with translated(), self._engine.connect() as connection:
            found = {key: der for key, der in connection.execute(query) if key in wanted}
        return [found[key.raw] for key in keys if key.raw in found]

    def revocations(self, now: int) -> bytes:
        """The signed list of every revoked certificate; DER."""
        query = select(schema.revocations.c.serial, schema.revocations.c.time)
        with translated(), self._engine.connect() as connection:
            revoked = [(serial, time_) for serial, time_ in connection.execute(query)]
        return enrolment.revocation_list(self._key, revoked, now=now)

    def check_enrolled(self, keys: Iterable[VerifyKey]) -> None:
        """Refuse a roster that trustees would refuse. :raises PolicyRefusal: naming the keys."""
        now, known = self._clock(), self._known(fresh=True)
        missing = [key.fingerprint for key in keys if known.members.get(key.raw, 0) <= now]
        if missing:
            more = f" and {len(missing) - 5} more" if len(missing) > 5 else ""
            raise PolicyRefusal(
                f"not enrolled: {', '.join(missing[:5])}{more}; a roster names members that were "
                "approved (cefed coordinator member list)"
            )

    # What the operator does to members

    def members(self, *states: MemberState) -> list[MemberRow]:
        """Members by state, all by default, in the order in which they asked."""
        with translated(), self._engine.connect() as connection:
            return members_in(connection, states)

    def find(self, who: str) -> list[MemberRow]:
        """Every row of an enterprise id, or of the key with that fingerprint."""
        return [row for row in self.members() if who in (row.enterprise_id, row.key.fingerprint)]

    def approve(self, row: MemberRow, listed_in: Sequence[str] = ()) -> bytes:
        """Issue the certificate of a key that waits, or was rejected; DER.

        :param listed_in: unfinished rounds whose roster has the key that this one replaces.
        :raises PolicyRefusal: the old key is in use, or the enterprise has an enrolled key.
        """
        if row.state not in (MemberState.WAITING, MemberState.REJECTED):
            raise SettingsError(f"{row.key.fingerprint} is {row.state}: nothing to approve")
        if row.replaces is not None and listed_in:
            raise PolicyRefusal(
                f"{row.replaces.fingerprint} is on the roster of {', '.join(listed_in[:5])}: a key "
                "is replaced when these rounds are finished, or revoked if it is compromised"
            )
        with self._changing():
            try:
                with self._engine.begin() as connection:
                    self._replace(connection, row)
                    return self._issue(connection, row)
            except IntegrityError:
                raise PolicyRefusal(
                    f"{row.enterprise_id} has an enrolled key already: it changes by rotation, or "
                    "revoke that key first"
                ) from None

    def reject(self, row: MemberRow, reason: str) -> None:
        """Refuse a key that waits; its node is told why. :raises SettingsError: decided already."""
        query = (
            update(schema.members)
            .where(schema.members.c.serial == row.serial)
            .where(schema.members.c.state == MemberState.WAITING)
            .values(state=MemberState.REJECTED, reason=reason)
        )
        with self._changing(), self._engine.begin() as connection:
            if connection.execute(query).rowcount == 0:
                raise SettingsError(f"{row.key.fingerprint} is {row.state}: nothing to reject")

    def revoke(self, row: MemberRow, reason: str) -> None:
        """End a membership now. What is logged stays. :raises SettingsError: not enrolled."""
        with self._changing(), self._engine.begin() as connection:
            if not admission.end(connection, row, MemberState.REVOKED, reason, self._clock()):
                raise SettingsError(f"{row.key.fingerprint} is {row.state}: nothing to revoke")

    def depart(self, row: MemberRow, reason: str) -> None:
        """Let an enterprise withdraw. What is logged stays. :raises SettingsError: not enrolled."""
        with self._changing(), self._engine.begin() as connection:
            if not admission.end(connection, row, MemberState.WITHDRAWN, reason, self._clock()):
                raise SettingsError(f"{row.key.fingerprint} is {row.state}: nothing to withdraw")

    def admit_many(self, admitted: Iterable[tuple[VerifyKey, str, str]]) -> None:
        """Enrol keys without invitation or request: (key, enterprise id, group).

        For simulations, where one program plays the operator and every enterprise. Keys that are
        known stay as they are.
        """
        now = self._clock()
        with self._changing(), self._engine.begin() as connection:
            known = {row.key.raw for row in members_in(connection, ())}
            for key, enterprise_id, group in admitted:
                if key.raw in known:
                    continue
                details = (enterprise_id, group)
                serial = admission.add_member(connection, key, *details, enterprise_id, "", now)
                admission.issue(connection, self._key, serial, key, *details, now)

    # Invitations and what nodes answer

    def invite(self, invitation: Invitation, name: str) -> None:
        """Remember an invitation, so that it can be used once.

        :param name: what people call the enterprise.
        """
        row = {
            "id": invitation.id,
            "enterprise_id": invitation.enterprise_id,
            "corporate_group": invitation.group,
            "name": name,
            "cohort": invitation.cohort,
            "expires": invitation.expires,
            "secret": invitation.secret,
        }
        with translated(), self._engine.begin() as connection:
            connection.execute(insert(schema.invitations).values(**row))

    def invitations(self) -> list[InvitationRow]:
        """Every invitation, by enterprise."""
        c = schema.invitations.c
        query = select(
            c.id, c.enterprise_id, c.corporate_group, c.name, c.cohort, c.expires, c.taken_by
        ).order_by(c.enterprise_id, c.expires)
        with translated(), self._engine.connect() as connection:
            return [
                InvitationRow(*row[:-1], None if row[-1] is None else VerifyKey(row[-1]))
                for row in connection.execute(query)
            ]

    def withdraw(self, what: str) -> list[str]:
        """Forget unused invitations, by their id or the enterprise's; the ids of those.

        :raises SettingsError: there is none.
        """
        c = schema.invitations.c
        unused = (c.taken_by.is_(None), or_(c.id == what, c.enterprise_id == what))
        query = delete(schema.invitations).where(*unused).returning(c.id)
        with translated(), self._engine.begin() as connection:
            withdrawn = sorted(connection.execute(query).scalars())
        if not withdrawn:
            raise SettingsError(
                f"no unused invitation is {what!r} or for it; see: cefed coordinator member list"
            )
        return withdrawn

    def enrol(self, data: bytes) -> Answer:
        """What a node's request for enrolment or rotation comes to, now.

        :raises ProtocolError: bytes that are no such request.
        """
        kind = decode(pb.Signed, data, MAX_SMALL).kind
        take = admission.rotate if kind == "rotation" else admission.admit
        with translated():
            try:
                with self._engine.begin() as connection:
                    return take(connection, data, self._clock())
            except IntegrityError:
                # Two copies at the same time: the first is stored by now.
                with self._engine.begin() as connection:
                    return take(connection, data, self._clock())

    # Trustees

    def add_trustee(self, key: VerifyKey, name: str) -> None:
        """Register a trustee, who may then post; the same key again changes its name."""
        with self._changing(), self._engine.begin() as connection:
            connection.execute(delete(schema.trustees).where(schema.trustees.c.key == key.raw))
            connection.execute(
                insert(schema.trustees).values(key=key.raw, name=name, added_at=self._clock())
            )

    def remove_trustee(self, key: VerifyKey) -> None:
        """Forget a trustee. :raises SettingsError: there is none with this key."""
        with self._changing(), self._engine.begin() as connection:
            found = connection.execute(
                delete(schema.trustees).where(schema.trustees.c.key == key.raw)
            )
        if found.rowcount == 0:
            raise SettingsError(f"no trustee has the key {key.fingerprint}")

    def trustees(self) -> list[TrusteeRow]:
        """Every registered trustee, in the order in which they were added."""
        c = schema.trustees.c
        query = select(c.key, c.name, c.added_at).order_by(c.added_at, c.name)
        with translated(), self._engine.connect() as connection:
            return [
                TrusteeRow(VerifyKey(key), name, added)
                for key, name, added in connection.execute(query)
            ]

    # Inside

    def _issue(self, connection: Connection, row: MemberRow) -> bytes:
        return admission.issue(
            connection,
            self._key,
            row.serial,
            row.key,
            row.enterprise_id,
            row.group,
            self._clock(),
        )

    def _replace(self, connection: Connection, row: MemberRow) -> None:
        """End the key that ``row`` rotates away from."""
        if row.replaces is None:
            return
        old = find_by_key(connection, row.replaces)
        now = self._clock()
        if old is None or not admission.end(
            connection, old, MemberState.REPLACED, "replaced by another key", now
        ):
            raise PolicyRefusal(
                f"{row.replaces.fingerprint}, which {row.key.fingerprint} is to replace, is not "
                "enrolled any more; reject this key and invite the enterprise again"
            )

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """Around every change: foreign exceptions translated, memory read again afterwards."""
        try:
            with translated():
                yield
        finally:
            with self._lock:
                if self._held is not None:
                    self._held = replace(self._held, loaded=-math.inf)

    def _standing_in(self, known: _Known | None, key: VerifyKey) -> Standing:
        if key == self._key.public:
            return Standing.OPERATOR
        if known is not None and key.raw in known.trustees:
            return Standing.TRUSTEE
        if known is not None and known.members.get(key.raw, 0) > self._clock():
            return Standing.MEMBER
        return Standing.NOBODY

    def _known(self, *, fresh: bool = False) -> _Known:
        # Asked twice a call: what is fresh is read without the lock, being replaced as a whole.
        held = self._held
        if held is not None and not fresh and _is_fresh(held):
            return held
        with self._lock:
            held = self._held
            if held is None or fresh or not _is_fresh(held):
                held = self._held = self._load()
            return held

    def _load(self) -> _Known:
        loaded = time.monotonic()
        c = schema.members.c
        with translated(), self._engine.connect() as connection:
            rows = connection.execute(select(c.key, c.state, c.not_after)).all()
            trustees = connection.execute(select(schema.trustees.c.key)).scalars().all()
        ended = (MemberState.REVOKED, MemberState.REPLACED, MemberState.WITHDRAWN)
        return _Known(
            {key: not_after for key, state, not_after in rows if state == MemberState.ENROLLED},
            frozenset(trustees),
            frozenset(key for key, state, _ in rows if state in ended),
            loaded,
        )


def _is_fresh(held: _Known) -> bool:
    return time.monotonic() - held.loaded <= FRESH_SECONDS
