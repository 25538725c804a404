"""What a trustee owes a round: a state machine without socket, file or clock but its ledger.

The caller feeds it the transcript (:meth:`Duties.read`) and the sealed envelopes of the phases it
wants (:meth:`Duties.receive`), and carries out what :meth:`Duties.step` returns. The order of a
round is SPEC.md section 4: recompute from the log what is counted, hold it against the ledger of
everything opened before and vote on the closing; with q
equal votes open the counts, then the classes, among trustees; vote on the certificate; with q equal
certificates give shares of the certified sums, unless the members mask their values; check the
release and endorse it. A trustee that is
restarted reads the transcript again and continues: whatever it signed before it signs again, byte
for byte.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from protocols import atom_classes, certificate, closing, opening, release
from protocols.aggregate import Aggregates
from protocols.atom_classes import AtomClasses
from protocols.atoms import Declared
from protocols.certificate import BandCertificate, Classes, Counts
from protocols.closing import ClosingStatement, Proposal
from protocols.errors import (
    OpeningInconsistent,
    PackingError,
    PolicyRefusal,
    QuorumMissing,
)
from protocols.federated import keybook, masked
from protocols.items import Item
from protocols.notices import REFUSAL
from protocols.plan import Mode
from protocols.release import Release
from protocols.shared_measures import published
from protocols.signing import VerifyKey
from protocols.terms import Terms
from protocols.transcript import Entry
from trustee.errors import LedgerError
from trustee.exchange import Exchange, Holder, Send
from trustee.ledger import OLDER, Ledger
from trustee.record import Record
from trustee.releases import Parts
from trustee.rosters import SeenRoster
from trustee.votes import read_closing_vote

LOG = logging.getLogger("cefed.trustee")

INCONSISTENT = "the opened counts and classes contradict each other"
"""Reason of a certificate that withholds a cohort in which a contribution was not well-formed."""


@dataclass(frozen=True)
class Post:
    """To do: post a signed statement to the transcript."""

    kind: str
    statement: bytes


Action = Post | Send


class Duties:
    """One trustee in one round.

    :param seen: the enterprises behind the round's roster, which this trustee approved.
    :raises ProtocolError: from :meth:`read` and :meth:`step`, when the trustee refuses to go on;
        the caller logs it and leaves the round.
    """

    def __init__(self, terms: Terms, holder: Holder, ledger: Ledger, seen: SeenRoster) -> None:
        self.finished = False
        """Nothing is left to do: its endorsement is in the log, or the round was cancelled."""
        self._terms = terms
        self._holder = holder
        self._ledger = ledger
        self._record = Record(terms)
        self._posts: dict[str, Post] = {}
        self._done: set[str] = set()
        self._statement: ClosingStatement | None = None
        self._aggregates: Aggregates | None = None
        # Seen rosters are in the order of the roster that the plan names.
        self._items = {
            member.key.raw: Item.of(member.key.raw, behind.enterprise_id, behind.group)
            for member, behind in zip(terms.roster.members, seen.members, strict=True)
        }
        self._members: list[Item] = []
        self._signers: tuple[VerifyKey, ...] = ()
        self._masks_root = b""
        self._too_small: str | None = None
        self._settled = self._waited = False
        self._closed = False
        self._exchanges: dict[str, Exchange] = {}
        self._refused: set[int] = set()
        self._known: tuple[Counts, Classes] | None = None
        self._own_certificate: BandCertificate | None = None
        self._certificate: BandCertificate | None = None

    @property
    def next_index(self) -> int:
        """The first transcript entry that was not read yet."""
        return self._record.next_index

    @property
    def wants(self) -> tuple[str, ...]:
        """The phases whose sealed envelopes it waits for."""
        return tuple(p for p, exchange in self._exchanges.items() if exchange.opened is None)

    def read(self, entry: Entry) -> None:
        """Take in the next transcript entry.

        Another trustee's closing vote is noted in the ledger, so that it can be told of it later.

        :raises LedgerError: the transcript holds a closing vote of this trustee that its ledger
            does not know: the ledger is older than the vote.
        """
        self._record.read(entry)
        if entry.kind == "closing":
            self._note_vote(entry)
        elif entry.kind == REFUSAL:
            self._note_refusals()
        elif self._record.cancelled is not None:
            LOG.warning("round %s: cancelled by the coordinator", self._terms.plan.round_id)
            self._finish()

    def receive(self, phase: str, envelopes: Mapping[int, bytes]) -> None:
        """Take in the sealed envelopes of a wanted phase, by sender."""
        if phase in self._exchanges:
            self._exchanges[phase].receive(envelopes)

    def done(self, action: Action) -> None:
        """Note that an action was carried out, or was refused for good."""
        if isinstance(action, Post):
            self._done.add(action.kind)
        else:
            self._exchanges[action.phase].sent(action)

    def step(self) -> list[Action]:
        """What to do now; what was not reported done is returned again."""
        if self._record.proposal is None or self.finished:
            return []
        self._advance(self._record.proposal)
        actions: list[Action] = []
        for kind, post in list(self._posts.items()):
            if self._in_log(kind):
                del self._posts[kind]
            elif kind not in self._done:
                actions.append(post)
        for exchange in self._exchanges.values():
            actions.extend(exchange.outgoing)
        if self._in_log("endorsement"):
            self._finish()
        return actions

    def _advance(self, proposal: Proposal) -> None:
        if self._statement is None:
            self._statement = self._recompute(proposal)
        if self._waits():
            return
        self._vote_closing(self._statement)
        if not self._agreed_closing(self._statement):
            return
        if self._own_certificate is None:
            self._own_certificate = self._certify(self._statement)
        if self._own_certificate is None:
            return
        self._post("certificate", self._own_certificate.to_bytes())
        if self._agreed_certificate(self._own_certificate):
            self._give_sums()
            self._endorse()

    def _note_vote(self, entry: Entry) -> None:
        trustee, seen = read_closing_vote(entry.payload, self._terms.ceremony)
        if trustee.index != self._holder.me.index:
            self._ledger.note_seen(trustee.signing_key.raw, seen, entry.payload)
        elif not self._ledger.holds(seen):
            raise LedgerError(
                f"round {self._terms.plan.round_id} holds a closing vote signed by this trustee "
                f"that its ledger does not know: {OLDER}"
            )

    def _note_refusals(self) -> None:
        for index, reason in self._record.refusals.items():
            if index not in self._refused:
                self._refused.add(index)
                name = self._terms.ceremony.trustees[index - 1].name
                LOG.warning("round %s: %s left it: %s", self._terms.plan.round_id, name, reason)

    def _recompute(self, proposal: Proposal) -> ClosingStatement:
        """Find from the log what is counted, compare with the list, keep the products only."""
        terms = self._terms
        counted = closing.recompute(
            terms.plan,
            terms.layout,
            terms.roster,
            terms.ceremony,
            self._record.contributions,
        )
        closing.check_proposal(proposal, counted)
        declared = proposal.declared
        self._aggregates = atom_classes.with_atoms(
            counted, declared, terms.plan, terms.roster, self._record.contributions
        )
        self._record.forget_contributions()
        self._members = [self._items[member.raw] for member in counted.signers]
        self._signers = counted.signers
        if terms.plan.mode is Mode.CERTIFIED:
            self._masks_root = keybook.root_of(counted.round_keys)
        self._too_small = closing.check_cohort_size(terms.plan, len(self._members))
        LOG.info(
            "round %s: %d contributions counted, %d not",
            terms.plan.round_id,
            len(counted.members),
            len(counted.left_out),
        )
        return ClosingStatement.of(
            terms.plan.hash, counted.included, counted.aggregates.hash, declared
        )

    def _waits(self) -> bool:
        """Whether an earlier closing over data of this round has no certificate yet.

        The data of both is compared by size classes, which come with the certificate. So nothing of
        this round is closed before, and all that sign it know the same of the other.
        """
        plan = self._terms.plan
        if self._settled or self._too_small is not None:
            return False
        awaited = self._ledger.awaited(plan.round_id, plan.period, self._members)
        self._settled = not awaited
        if awaited and not self._waited:
            self._waited = True
            LOG.warning(
                "round %s: waits until round %s is certified, which holds data of its members",
                plan.round_id,
                awaited[0],
            )
        return bool(awaited)

    def _vote_closing(self, statement: ClosingStatement) -> None:
        """Sign the statement: once a round, by the ledger, and again the same after a restart.

        The ledger takes the members' data for this round before the signature exists, unless the
        difference to an earlier round could expose one; of a round that is too small nothing is
        opened, and nothing taken.
        """
        if "closing" in self._posts or self._closed:
            return
        plan = self._terms.plan
        members = self._members if self._too_small is None else []
        head = self._ledger.record_closing(
            plan.round_id,
            plan.hash,
            statement.hash,
            plan.period,
            members,
            policy=plan.policy,
            declared=statement.declared,
            parts=Parts.of(plan),
            noise=plan.noise,
            measures=published(plan),
        )
        vote = closing.vote(statement, head, self._holder.signing)
        self._posts["closing"] = Post("closing", vote)

    def _agreed_closing(self, own: ClosingStatement) -> bool:
        if not self._closed:
            terms = self._terms
            try:
                agreed = closing.tally(self._record.votes["closing"], terms.plan, terms.ceremony)
            except QuorumMissing:
                return False
            if agreed != own:
                raise PolicyRefusal("the other trustees closed the round with another list")
            self._closed = True
        return True

    def _certify(self, statement: ClosingStatement) -> BandCertificate | None:
        """This trustee's own certificate; None while shares of others are missing."""
        plan, layout, declared = self._terms.plan, self._terms.layout, statement.declared
        members = len(self._members)
        if self._too_small is not None:
            return certificate.withhold(plan, statement.hash, members, self._too_small)
        try:
            opened = self._opened(opening.COUNTS, statement.hash, layout.count_labels())
            if opened is None:
                return None
            counts = certificate.read_counts(plan, layout, opened, members)
            counts = atom_classes.one_part(plan, counts, declared)
            labels = certificate.class_labels(layout, counts)
            labels += atom_classes.labels(layout, declared)
            opened = self._opened(opening.CLASSES, statement.hash, labels)
            if opened is None:
                return None
            classes = certificate.read_classes(layout, counts, opened)
            atoms = atom_classes.read_classes(layout, declared, opened)
        except (OpeningInconsistent, PackingError) as error:
            LOG.error("round %s: withheld: %s", plan.round_id, error)
            return certificate.withhold(plan, statement.hash, members, INCONSISTENT)
        self._known = counts, classes
        own = certificate.certify(plan, layout, statement.hash, counts, classes, self._masks_root)
        own = atom_classes.restrict(own, plan, counts, classes, declared, atoms)
        if not own.withheld and (reason := self._why_corrected(declared, atoms)):
            own = certificate.withhold(plan, statement.hash, members, reason)
        if not own.withheld:
            known = atom_classes.known_classes(plan, classes)
            self._ledger.record_classes(plan.round_id, plan.hash, statement.hash, known)
        return own

    def _why_corrected(self, declared: Declared, atoms: Sequence[AtomClasses]) -> str:
        """Why the cohort is withheld if members of an earlier round sent other data; else empty.

        Whoever signed that round's closing has its classes by now (:meth:`_waits`). Any two quorums
        share an honest trustee, so no certificate reaches its quorum against this comparison.
        """
        plan, reason = self._terms.plan, ""
        for earlier in self._ledger.same_data(plan.round_id, plan.period, self._members):
            inside = [
                own
                for own, atom in zip(atoms, declared.atoms, strict=True)
                if earlier.members.issuperset(atom)
            ]
            known = earlier.classes
            if known is not None and not known:
                continue  # withheld: there is nothing to subtract
            # The declaration cuts along it, or this trustee had not signed the closing.
            if known is None or not inside or not atom_classes.comparable(plan, known, inside):
                reason = reason or atom_classes.INCOMPARABLE
            if known and inside and atom_classes.corrected(plan, known, inside):
                reason = atom_classes.CORRECTED
        return reason

    def _opened(self, phase: str, basis: bytes, labels: list[str]) -> dict[str, int] | None:
        """The plaintexts of one sealed step by label; None while shares are missing."""
        if phase not in self._exchanges:
            if self._aggregates is None:
                raise PolicyRefusal("nothing is opened before the aggregates are recomputed")
            self._exchanges[phase] = Exchange(
                self._terms, self._holder, self._aggregates, phase, basis, tuple(labels)
            )
        opened = self._exchanges[phase].opened
        return None if opened is None else release.plaintexts(opened)

    def _agreed_certificate(self, own: BandCertificate) -> bool:
        if self._certificate is None:
            terms = self._terms
            try:
                agreed = certificate.tally(
                    self._record.votes["certificate"], terms.plan, terms.ceremony
                )
            except QuorumMissing:
                return False
            if agreed.to_bytes() != own.to_bytes():
                raise PolicyRefusal("the other trustees certified other bands")
            if agreed.withheld and self._too_small is None:
                self._ledger.record_classes(
                    terms.plan.round_id, terms.plan.hash, own.statement_hash, {}
                )
            self._certificate = agreed
        return True

    def _give_sums(self) -> None:
        """Shares for exactly the certified sums, to the coordinator, unless it has released.

        None in a federated round: its members mask their values for the certificate.
        """
        agreed, terms = self._certificate, self._terms
        if agreed is None or agreed.withheld or self._aggregates is None:
            return
        if terms.plan.mode is Mode.CERTIFIED:
            return
        if "sums" in self._done or "sums" in self._posts or self._record.release is not None:
            return
        if self._in_log("sums"):
            return
        shares = opening.make_share_set(
            terms.plan,
            terms.ceremony,
            self._aggregates,
            self._holder.share,
            opening.SUMS,
            agreed.hash,
            certificate.sum_labels(terms.plan, terms.layout, agreed),
        )
        self._post("sums", shares)

    def _endorse(self) -> None:
        """Check the release from its openings to its last byte, then endorse it."""
        statement, agreed, terms = self._record.release, self._certificate, self._terms
        if statement is None or agreed is None or self._aggregates is None:
            return
        self._posts.pop("sums", None)
        if "endorsement" in self._posts or self._in_log("endorsement"):
            return
        released = release.Release.from_bytes(
            statement.payload, terms.ceremony.key.public.modulus_bytes
        )
        if terms.plan.mode is Mode.CERTIFIED:
            self._check_masked(released, agreed)
        else:
            release.check(released, terms.plan, terms.layout, agreed, self._aggregates)
            if not agreed.withheld and self._known is not None:
                opened = release.plaintexts(released.openings)
                release.check_against_classes(
                    terms.plan, terms.layout, agreed, opened, *self._known
                )
        self._post("endorsement", release.endorse_payload(statement.hash))

    def _check_masked(self, released: Release, agreed: BandCertificate) -> None:
        """Add the logged masked vectors up, and hold the release against their sum."""
        plan, total = self._terms.plan, masked.NOTHING
        if not agreed.withheld:
            roster, statements = self._terms.roster, self._record.masked
            total = masked.add_up(statements, plan, agreed, roster, self._signers)
        release.check_masked(released, plan, agreed, total)
        if not agreed.withheld and self._known is not None:
            release.check_masked_against_classes(plan, agreed, total, *self._known)

    def _post(self, kind: str, payload: bytes) -> None:
        if kind not in self._posts and kind not in self._done and not self._in_log(kind):
            self._posts[kind] = Post(kind, self._holder.signing.sign(kind, payload))

    def _in_log(self, kind: str) -> bool:
        return self._record.voted(kind, self._terms.ceremony, self._holder.me.index)

    def _finish(self) -> None:
        self.finished = True
        self._aggregates = None
        self._exchanges.clear()
        self._posts.clear()
