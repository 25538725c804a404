"""The relay: what lies in the outbox goes to the coordinator, what it says goes into the inbox.

:meth:`Relay.step` does everything once. It removes nothing from the outbox, so it may stop anywhere
and begin again. It pushes all that concerns the private side; nobody asks it. SPEC.md section 7.
"""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from enterprise_node.exchange import Envelope, Exchange, pack
from enterprise_node.gateway.client import CoordinatorClient, Summary
from enterprise_node.gateway.errors import CoordinatorRefused, NotAdmitted
from enterprise_node.gateway.state import FILE, State
from protocols.errors import MalformedMessage, RoundNotOpen
from protocols.passes import InvalidPass, expiry
from protocols.wire import messages_pb2
from protocols.wire import service_pb2 as pb
from protocols.wire.codec import MAX_SMALL, decode

LOG = logging.getLogger("cefed.gateway")

TAIL_ENTRIES = 8
TAIL_ENTRIES_PER_TRUSTEE = 10
"""How much of a log's end holds the closing and the release: after the contributions come the
inclusion list, the release, and five kinds of statements by each trustee, each counted twice in
case some were interleaved with others."""

ASK_AGAIN_SECONDS = 600.0
"""Between two questions about a request that was refused: an operator may approve it after all."""

ENDED = frozenset({"released", "withheld", "cancelled"})
PUBLISHED = frozenset({"released", "withheld"})


@dataclass
class Report:
    """What one step did: envelopes handed to the coordinator and to the private side.

    ``refused``: what the coordinator said no to, in its words.
    """

    out: int = 0
    inward: int = 0
    refused: list[str] = field(default_factory=list)


class Relay:
    """One exchange folder and one coordinator.

    :param clock: seconds since 1970-01-01 UTC; a parameter for tests.
    """

    def __init__(
        self,
        exchange: Exchange,
        client: CoordinatorClient,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._exchange = exchange
        self._client = client
        self._clock = clock
        self._state = State(exchange.folder / FILE)
        self._serial = 0
        self._report = Report()
        self._refused: dict[str, tuple[str, float]] = {}
        """By kind, the request that was refused and when; a gateway that is started asks at once.
        """

    def step(self) -> Report:
        """Carry everything out and in that there is.

        :raises CoordinatorUnreachable: nothing is lost; call again later.
        :raises NodeError: the exchange folder cannot be used.
        :raises StorageError: likewise.
        """
        self._report = Report()
        try:
            self._carry()
        finally:
            self._state.save()
        return self._report

    def deliver_outbox(self) -> Report:
        """The outward half of :meth:`step`. Simulations call it, which know their one round."""
        self._report = Report()
        out = self._read_outbox()
        bearer = _newest(out, "pass")
        if bearer is not None:
            self._submit(bearer.payload, [e for e in out if e.kind == "contribution"])
        self._state.save()
        return self._report

    def fetch_round(self, round_id: str) -> Report:
        """Bring one round's description. Simulations call it instead of the inward half."""
        self._report = Report()
        bearer = _newest(self._read_outbox(), "pass")
        if bearer is not None:
            self._describe(bearer.payload, round_id)
        self._state.save()
        return self._report

    def note(self, about: str, text: str, *, once: str) -> None:
        """Tell the private side something about ``once``, unless it was the last thing told."""
        if not self._state.is_done(once, about):
            self._notice(about, what="gateway", text=text)
            self._state.done(once, about)
            self._state.save()

    def lost(self, text: str) -> None:
        """The coordinator is not reached: the private side hears of it once."""
        self.note("unreachable", text, once="line")

    def found(self) -> None:
        """The coordinator is reached again: the private side hears of it if it heard the other."""
        if self._state.is_done("line", "unreachable"):
            self.note("reachable", "the coordinator answers again", once="line")

    def _carry(self) -> None:
        out = self._read_outbox()
        waiting = changing = False
        for kind in ("enrolment", "rotation"):
            request = _newest(out, kind)
            if request is not None:
                state = self._enrol(request)
                waiting = waiting or (state == "waiting" and kind == "enrolment")
                changing = changing or state == "enrolled"
        bearer = _newest(out, "pass")
        if bearer is None:
            LOG.info("no pass in the outbox: waiting for the private side")
            return
        if waiting:
            return  # nobody to the coordinator until its operator has approved
        try:
            self._submit(bearer.payload, [e for e in out if e.kind == "contribution"])
            summaries = self._client.rounds(bearer.payload)
        except (NotAdmitted, CoordinatorRefused) as error:
            if not changing:  # else the pass is of the key before, until the private side ran
                self._report.refused.append(str(error))
            self.note("refused", str(error), once="pass")
            return
        self._state.forget("pass")
        followed = {e.subject: e.payload for e in out if e.kind == "receipt"}
        for summary in summaries:
            if summary.member:
                self._follow(bearer.payload, summary, followed.get(summary.round_id))

    def _read_outbox(self) -> list[Envelope]:
        out, damaged = self._exchange.outbox.read()
        for item in damaged:
            text = f"{item.name} in the outbox {item.reason}"
            LOG.warning("%s", text)
            if item.aside:
                text += "; the private side writes it again"
                self._notice("damaged", what="envelope", text=text)
        bearer = _newest(out, "pass")
        self._serial = bearer.serial if bearer is not None else 0
        self._state.begin(self._serial)
        return out

    def _enrol(self, request: Envelope) -> str:
        deed, content = f"{request.kind}", request.digest
        if self._state.is_done(deed, f"enrolled {content}"):
            return "enrolled"
        refused, asked = self._refused.get(deed, ("", 0.0))
        if refused == content and 0 <= self._clock() - asked < ASK_AGAIN_SECONDS:
            return "refused"
        try:
            answer = self._client.enrol(request.payload)
            state, reason = answer.state, answer.reason
        except (CoordinatorRefused, NotAdmitted) as error:
            state, reason = "refused", str(error)
        self._report.out += 1
        asked_for = hashlib.sha256(request.payload).hexdigest()
        if state == "enrolled":
            self._put("certificate", "", answer.certificate)
        elif state == "refused":
            text = reason or "no reason given"
            self._refused[deed] = (content, self._clock())
            self._report.refused.append(f"{request.kind} refused: {text}")
            if not self._state.is_done(deed, f"{state} {content}"):
                self._notice("refused", what=request.kind, text=text, sha256=asked_for)
        elif not self._state.is_done(deed, f"{state} {content}"):
            text = "the coordinator has the request; its operator has to approve it"
            self._notice("waiting", what=request.kind, text=text, sha256=asked_for)
        self._state.done(deed, f"{state} {content}")
        return state

    def _submit(self, bearer: bytes, contributions: list[Envelope]) -> None:
        # One that comes back after it was gone is handed in again: its node was restored from a
        # backup, and waits for the receipt once more.
        self._state.keep_only("contribution", {_deed(envelope) for envelope in contributions})
        for envelope in contributions:
            # A medium that was used twice may leave an older copy beside it: each goes in once.
            content, deed = envelope.digest, _deed(envelope)
            if self._state.is_done(deed, content):
                continue
            try:
                receipt = self._client.submit(bearer, envelope.subject, envelope.payload)
            except CoordinatorRefused as error:
                if error.reason_name == RoundNotOpen.__name__:
                    # By the coordinator's clock it is too early; the same bytes are taken later.
                    self.note("waiting", str(error), once=deed)
                    continue
                self._report.refused.append(f"round {envelope.subject}: {error}")
                self._notice(
                    "refused",
                    what="contribution",
                    text=str(error),
                    round_id=envelope.subject,
                    sha256=hashlib.sha256(envelope.payload).hexdigest(),
                    reason_name=error.reason_name,
                )
            else:
                self._put("receipt", envelope.subject, receipt, label=f"{content[:8]}-")
                self._state.done(f"index {envelope.subject}", str(_index_of(receipt)))
            self._report.out += 1
            self._state.done(deed, content)

    def _follow(self, bearer: bytes, summary: Summary, receipt: bytes | None) -> None:
        """Bring what is new about a round that the private side is on the roster of."""
        round_id = summary.round_id
        ended = f"ended as {summary.state}"
        if not self._state.is_done(f"round {round_id}", ended):
            try:
                told = self._describe(bearer, round_id)
                if summary.state in PUBLISHED:
                    self._bring_release(bearer, summary, told, receipt)
            except CoordinatorRefused as error:
                LOG.warning("round %s: the coordinator refuses: %s", round_id, error)
                return
            if summary.state in ENDED:
                self._state.done(f"round {round_id}", ended)

    def _describe(self, bearer: bytes, round_id: str) -> pb.RoundDescription:
        told = self._client.describe(bearer, round_id)
        payload = told.SerializeToString(deterministic=True)
        content = hashlib.sha256(payload).hexdigest()
        if not self._state.is_done(f"description {round_id}", content):
            self._put("round", round_id, payload)
            self._state.done(f"description {round_id}", content)
        return told

    def _bring_release(
        self, bearer: bytes, summary: Summary, told: pb.RoundDescription, receipt: bytes | None
    ) -> None:
        """The end of the log, and before it the entry that the private side's receipt is for."""
        length = TAIL_ENTRIES + TAIL_ENTRIES_PER_TRUSTEE * len(told.ceremony_countersignatures)
        start = max(0, summary.entries - length)
        parts = self._client.read(bearer, summary.round_id, start)
        index = _index_of(receipt) or self._state.number(f"index {summary.round_id}")
        if index is not None and index < start:
            parts = self._client.read(bearer, summary.round_id, index, most=1) + parts
        self._put("release", summary.round_id, pack(parts))

    def _put(self, kind: str, subject: str, payload: bytes, label: str = "") -> None:
        self._exchange.inbox.put(Envelope(kind, subject, payload, self._serial), label)
        self._report.inward += 1

    def _notice(
        self,
        about: str,
        *,
        what: str,
        text: str,
        round_id: str = "",
        sha256: str = "",
        reason_name: str = "",
    ) -> None:
        notice = {
            "about": about,
            "what": what,
            "round_id": round_id,
            "sha256": sha256,
            "reason_name": reason_name,
            "text": text,
            "time": int(self._clock()),
        }
        payload = json.dumps(notice, sort_keys=True).encode("utf-8")
        # Named by content, so that none takes the place of another.
        self._put("notice", hashlib.sha256(payload).hexdigest()[:16], payload)


def _deed(contribution: Envelope) -> str:
    """What handing in a contribution is remembered as."""
    return f"contribution {contribution.subject} {contribution.digest[:16]}"


def _newest(envelopes: list[Envelope], kind: str) -> Envelope | None:
    """The envelope of a kind that the private side wrote last, as far as can be told.

    Of several passes, as a medium that was used before leaves them, the one that is valid longest.
    """
    found = [envelope for envelope in envelopes if envelope.kind == kind]
    return max(found, key=lambda envelope: (envelope.serial, _ends(envelope)), default=None)


def _ends(envelope: Envelope) -> int:
    """When a pass ends; 0 for anything else."""
    if envelope.kind != "pass":
        return 0
    try:
        return expiry(envelope.payload)
    except InvalidPass:
        return 0


def _index_of(receipt: bytes | None) -> int | None:
    """The place that a receipt names; None without one, or for bytes that are none."""
    if receipt is None:
        return None
    try:
        signed = decode(messages_pb2.Signed, receipt, MAX_SMALL)
        return int(decode(messages_pb2.Receipt, signed.payload, MAX_SMALL).index)
    except MalformedMessage:
        return None
