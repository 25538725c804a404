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

from enterprise_node.exchange import Envelope, Exchange
from enterprise_node.gateway.client import CoordinatorClient, Summary
from enterprise_node.gateway.envelopes import deed_of, index_of, newest
from enterprise_node.gateway.errors import CoordinatorRefused, NotAdmitted
from enterprise_node.gateway.state import FILE, State
from protocols.errors import RoundNotOpen

LOG = logging.getLogger("cefed.gateway")

ASK_AGAIN_SECONDS = 600.0
"""Between two questions about a request that was refused: an operator may approve it after all."""

REFUSED = "refused"
"""Before the digest of a masked vector that the coordinator refused: it is not handed in again."""

OPEN = "open"
MASKING = "masking"
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
        bearer = newest(out, "pass")
        if bearer is not None:
            self._hand_in(bearer.payload, out)
        self._state.save()
        return self._report

    def fetch_round(self, round_id: str) -> Report:
        """Bring one round's description. Simulations call it instead of the inward half."""
        self._report = Report()
        bearer = newest(self._read_outbox(), "pass")
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
            request = newest(out, kind)
            if request is not None:
                state = self._enrol(request)
                waiting = waiting or (state == "waiting" and kind == "enrolment")
                changing = changing or state == "enrolled"
        bearer = newest(out, "pass")
        if bearer is None:
            LOG.info("no pass in the outbox: waiting for the private side")
            return
        if waiting:
            return  # nobody to the coordinator until its operator has approved
        try:
            self._hand_in(bearer.payload, out)
            summaries = self._client.rounds(bearer.payload)
        except (NotAdmitted, CoordinatorRefused) as error:
            if not changing:  # else the pass is of the key before, until the private side ran
                self._report.refused.append(str(error))
            self.note("refused", str(error), once="pass")
            return
        self._state.forget("pass")
        for summary in summaries:
            if summary.member:
                self._follow(bearer.payload, summary, out)

    def _read_outbox(self) -> list[Envelope]:
        out, damaged = self._exchange.outbox.read()
        for item in damaged:
            text = f"{item.name} in the outbox {item.reason}"
            LOG.warning("%s", text)
            if item.aside:
                text += "; the private side writes it again"
                self._notice("damaged", what="envelope", text=text)
        bearer = newest(out, "pass")
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

    def _hand_in(self, bearer: bytes, out: list[Envelope]) -> None:
        """Hand in every contribution and every masked vector of the outbox, once each."""
        for kind, submit in (("contribution", self._submit), ("masked", self._submit_masked)):
            held = [envelope for envelope in out if envelope.kind == kind]
            # One that comes back after it was gone is handed in again: its node was restored from
            # a backup, and waits for the receipt once more.
            self._state.keep_only(kind, {deed_of(envelope) for envelope in held})
            for envelope in held:
                # A medium that was used twice may leave an older copy beside it: each once.
                done = (envelope.digest, f"{REFUSED} {envelope.digest}")
                if not any(self._state.is_done(deed_of(envelope), content) for content in done):
                    submit(bearer, envelope)

    def _submit(self, bearer: bytes, envelope: Envelope) -> None:
        content, deed = envelope.digest, deed_of(envelope)
        try:
            receipt = self._client.submit(bearer, envelope.subject, envelope.payload)
        except CoordinatorRefused as error:
            if error.reason_name == RoundNotOpen.__name__:
                # By the coordinator's clock it is too early; the same bytes are taken later.
                self.note("waiting", str(error), once=deed)
                return
            self._tell_refusal(envelope, error)
        else:
            self._put("receipt", envelope.subject, receipt, label=f"{content[:8]}-")
            self._state.done(f"index {envelope.subject}", str(index_of(receipt)))
        self._report.out += 1
        self._state.done(deed, content)

    def _submit_masked(self, bearer: bytes, envelope: Envelope) -> None:
        """No receipt goes in: whether the vector is still waited for is in the list of rounds."""
        content, deed = envelope.digest, deed_of(envelope)
        try:
            self._client.submit_masked(bearer, envelope.subject, envelope.payload)
        except CoordinatorRefused as error:
            self._tell_refusal(envelope, error)
            content = f"{REFUSED} {content}"
        self._report.out += 1
        self._state.done(deed, content)

    def _tell_refusal(self, envelope: Envelope, error: CoordinatorRefused) -> None:
        self._report.refused.append(f"round {envelope.subject}: {error}")
        self._notice(
            "refused",
            what=envelope.kind,
            text=str(error),
            round_id=envelope.subject,
            sha256=hashlib.sha256(envelope.payload).hexdigest(),
            reason_name=error.reason_name,
        )

    def _follow(self, bearer: bytes, summary: Summary, out: list[Envelope]) -> None:
        """Bring what is new about a round that the private side is on the roster of."""
        round_id = summary.round_id
        ended = f"ended as {summary.state}"
        if not self._state.is_done(f"round {round_id}", ended):
            own = [envelope for envelope in out if envelope.subject == round_id]
            try:
                self._describe(bearer, round_id)
                if summary.masking:
                    self._hand_in_again([e for e in own if e.kind == "masked"])
                    self._bring_masking(bearer, round_id)
                if summary.state in PUBLISHED:
                    receipts = [e.payload for e in own if e.kind == "receipt"]
                    self._bring_release(bearer, round_id, receipts[-1] if receipts else None)
            except CoordinatorRefused as error:
                LOG.warning("round %s: the coordinator refuses: %s", round_id, error)
                return
            if summary.state in ENDED:
                self._state.done(f"round {round_id}", ended)

    def _hand_in_again(self, masked: list[Envelope]) -> None:
        """Have a vector that was taken, and is waited for all the same, handed in once more.

        A coordinator that was restored from a backup may have lost it.
        """
        for envelope in masked:
            if self._state.is_done(deed_of(envelope), envelope.digest):
                self._state.forget(deed_of(envelope))

    def _describe(self, bearer: bytes, round_id: str) -> None:
        """Bring a description that says something new.

        Of the state the private side only asks whether contributions are taken, and not once the
        coordinator has taken its own.
        """
        told = self._client.describe(bearer, round_id)
        payload = told.SerializeToString(deterministic=True)
        taken = self._state.number(f"index {round_id}") is not None
        told.state = OPEN if told.state == OPEN or taken else ""
        news = told.SerializeToString(deterministic=True)
        self._bring("description", "round", round_id, payload, news)

    def _bring_masking(self, bearer: bytes, round_id: str) -> None:
        masking = self._client.masking(bearer, round_id)
        self._bring("masking", "masking", round_id, masking, masking)

    def _bring_release(self, bearer: bytes, round_id: str, receipt: bytes | None) -> None:
        """The release, and what shows that the contribution of the receipt is counted in it."""
        index = index_of(receipt) or self._state.number(f"index {round_id}")
        self._put("release", round_id, self._client.outcome(bearer, round_id, index))

    def _bring(self, what: str, kind: str, round_id: str, payload: bytes, news: bytes) -> None:
        """Hand something in, unless the last of its kind about the round had the same news."""
        content = hashlib.sha256(news).hexdigest()
        if not self._state.is_done(f"{what} {round_id}", content):
            self._put(kind, round_id, payload)
            self._state.done(f"{what} {round_id}", content)

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
