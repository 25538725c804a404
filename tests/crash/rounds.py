"""One round of a crash run: proposed, contributed to, perhaps corrected, closed, and what it owes.

Looks at the database and the folders only, so it goes on whatever was just killed. What the
operator and the owners do is done by the same functions as their commands call.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path

import grpc

from coordinator.errors import CoordinatorError
from coordinator.operator import connected
from coordinator.roundfiles import CeremonyFiles, prepare
from coordinator.states import FINAL, State
from coordinator.store import Store
from enterprise_node.errors import NodeError
from enterprise_node.private.rounds import RoundFolder
from enterprise_node.private.side import approve_round
from protocols import notices
from protocols.errors import ProtocolError
from protocols.plan import Plan
from protocols.roster import Member, Roster
from protocols.service import channel
from protocols.signing import open_signed
from protocols.template import PlanTemplate
from protocols.wire import service_pb2 as pb
from tests.crash import inputs
from tests.crash.killer import Killer
from tests.crash.supervisor import Supervisor
from tests.crash.world import Enterprise, Period, World

OPEN_SECONDS = 6 * 3600
CALL_SECONDS = 20.0
RETRY_SECONDS = 0.5
REASON = "cancelled by the crash run"


class Kind(StrEnum):
    """What happens in a round beside the killing."""

    PLAIN = "plain"
    CORRECTED = "corrected"
    """Some members correct, while another one holds the closing up."""
    RACING = "racing"
    """Some members correct while the round closes: some come in time, others are refused."""
    ABSENT = "absent"
    """One member never contributes; the operator ends the collection."""
    CANCELLED = "cancelled"


class Trial:
    """One round; :meth:`step` is called often and returns True when nothing is left to happen."""

    def __init__(
        self,
        world: World,
        supervisor: Supervisor,
        killer: Killer,
        period: Period,
        kind: Kind,
        chance: random.Random,
    ) -> None:
        self.kind = kind
        self.period = period
        self.round_id = f"{inputs.COHORT}-{period.name}"
        self.state = ""
        self.values: dict[tuple[int, int], dict[str, int]] = {}
        """What each member's contribution of each version says, by the member's number."""
        self.progress: object = None
        """Changes whenever something has happened."""
        self._world = world
        self._supervisor = supervisor
        self._killer = killer
        members = list(world.members)
        chance.shuffle(members)
        waits = kind in (Kind.CORRECTED, Kind.ABSENT, Kind.CANCELLED)
        self._held: Enterprise | None = members.pop() if waits else None
        corrects = kind in (Kind.CORRECTED, Kind.RACING)
        several = chance.randint(1, max(1, len(members) // 2)) if corrects else 0
        self._targets = {
            member.number: chance.randint(2, inputs.MAX_VERSIONS) for member in members[:several]
        }
        self.absent = {self._held.number} if kind is Kind.ABSENT and self._held else set()
        self._ended = False
        self.plan = self._propose()

    def folder(self, member: Enterprise) -> RoundFolder:
        """What the member's private side keeps of this round."""
        return member.store.round(self.round_id)

    def step(self, store: Store) -> bool:
        """Look at everything once, and do what owners and operator do now."""
        row = next(row for row in store.rounds() if row.round_id == self.round_id)
        if row.state != self.state:
            self.state = row.state
            self._killer.busy("coordinator")
            self._killer.busy("trustee")
        receipts = {m.number: self.folder(m).receipts() for m in self._world.members}
        released = [m.number for m in self._world.members if self._has_release(m)]
        progress = (row.state, row.entries, receipts, released)
        if progress != self.progress:
            self.progress = progress
            self._killer.busy("private")
            self._killer.busy("gateway")
        if State(row.state) in FINAL:
            self._release_held()
            return State(row.state) is State.CANCELLED or len(released) == len(self._world.members)
        waiting = self._correct(receipts)
        others = [m for m in self._world.members if self._held is None or m != self._held]
        if all(receipts[m.number] for m in others):
            self._end_of_collection(row.state, corrected=not waiting)
        return False

    def _propose(self) -> Plan:
        """Import the members' figures of this period, and propose the round."""
        for member in self._world.members:
            self._import(member, 1)
        if self._held is not None:
            self._supervisor.hold(f"private-{self._held.name}")
        world, period = self._world, self.period
        template = world.base / "plan.toml"
        template.write_text(inputs.TEMPLATE, encoding="utf-8")
        roster = Roster.of(Member(m.key, f"group {m.name}") for m in world.members)
        record = prepare(
            PlanTemplate.load(template),
            roster,
            CeremonyFiles(period.ceremony.received, period.countersignatures),
            world.key,
            cohort=inputs.COHORT,
            round_id=self.round_id,
            period=period.name,
            deadline=int(time.time()) + OPEN_SECONDS,
        )
        request = pb.CreateRoundRequest(
            plan=record.plan,
            roster=record.roster,
            ceremony=record.ceremony,
            ceremony_countersignatures=list(record.countersignatures),
        )
        self._killer.busy("coordinator")
        refused = self._ask("CreateRound", request)
        if refused is not None:
            raise AssertionError(f"round {self.round_id} cannot be proposed: {refused}")
        return Plan.from_bytes(open_signed(record.plan, "plan").payload)

    def _import(self, member: Enterprise, version: int) -> None:
        values = inputs.figures(member.number, version, self.period.number)
        self.values[member.number, version] = values
        member.import_figures(values)

    def _correct(self, receipts: dict[int, list[int]]) -> bool:
        """Have the next version approved where one is due; True while any is not acknowledged."""
        waiting = False
        for number, target in list(self._targets.items()):
            member = self._world.members[number]
            folder = self.folder(member)
            acknowledged = max(receipts[number], default=0)
            refusal = folder.refusal()
            if acknowledged >= target or (refusal is not None and refusal.version > 1):
                del self._targets[number]
                continue
            waiting = True
            approval = folder.approval()
            asked = approval.version if approval is not None else 0
            if not acknowledged or folder.version() > acknowledged or asked > acknowledged:
                continue
            self._import(member, acknowledged + 1)
            try:
                approve_round(member.store, self.round_id, int(time.time()), correct=True)
            except (NodeError, ProtocolError):
                continue  # what came in between changed the answer: asked again at the next look
            self._killer.busy("private")
        return waiting

    def _end_of_collection(self, state: str, *, corrected: bool) -> None:
        if self._ended or state not in (State.OPEN, State.PROPOSED) or not corrected:
            return
        now = int(time.time())
        if self.kind is Kind.CORRECTED:
            self._release_held()
            self._ended = True
        elif self.kind is Kind.ABSENT:
            self._announce(
                lambda plan: notices.make_deadline(plan, now, now, "all are here", self._world.key)
            )
        elif self.kind is Kind.CANCELLED:
            self._announce(
                lambda plan: notices.make_cancellation(plan, now, REASON, self._world.key)
            )

    def _announce(self, make: Callable[[Plan], bytes]) -> None:
        self._killer.busy("coordinator")
        statement = make(self.plan)
        refused = self._ask(
            "Announce", pb.AnnounceRequest(round_id=self.round_id, statement=statement)
        )
        if refused is not None:
            raise AssertionError(f"round {self.round_id}: an announcement is refused: {refused}")
        self._ended = True

    def _ask(self, method: str, request: object) -> str | None:
        """Make the operator's call until it is answered; the reason if it is refused."""
        until = time.monotonic() + 180.0
        while True:
            try:
                with connected(self._world.office) as (stub, metadata):
                    getattr(stub, method)(request, timeout=CALL_SECONDS, metadata=metadata)
                return None
            except grpc.RpcError as error:
                failure = channel.failure(error)
                if failure.kind is channel.Kind.REFUSED:
                    return failure.text
                reason = failure.text
            except CoordinatorError as error:
                reason = str(error)  # it has never listened yet
            if time.monotonic() > until:
                return f"no answer for three minutes: {reason}"
            time.sleep(RETRY_SECONDS)

    def _release_held(self) -> None:
        if self._held is not None:
            self._supervisor.release(f"private-{self._held.name}")

    def _has_release(self, member: Enterprise) -> bool:
        path: Path = self.folder(member).release_path
        return path.exists()
