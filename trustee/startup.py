"""Before a trustee serves: does its ledger hold everything that the others saw it sign?

A trustee that is restored from a backup has forgotten the closings that it signed since; asked
again, it would sign a second one. So at every start it puts a signed question with a fresh nonce to
the others, over the coordinator's relay, and each answers with the closing votes of the asking
trustee that it saw in transcripts, as that trustee signed them; of very many, with the newest
(:meth:`trustee.ledger.Ledger.shown`). The trustee serves a ceremony's rounds once ``q - 1`` others
have answered and its ledger holds every vote they show, at the place in the ledger that the vote
itself names. Answering needs no such check. All answers are read, also those that come after the
quorum: one that shows a vote which the ledger does not hold ends the trustee at any time.

What this proves: every vote of this trustee that one of the answering trustees, if that one is
honest, has seen in a transcript is in this ledger. The relay can neither forge an answer (signed,
bound to question, key and trustee) nor use an old one (nonce); it can only keep answers back, and
then the trustee waits. Nor can a trustee that lies end another one: it would have to show a vote
that the other signed. An answer without such a signature counts for nothing, and who sent it is
named in the log.

What it does not prove: a vote that no honest trustee among those who answered ever saw. At most
``n - q`` others have not answered. If only these saw the vote, or none did because it was never
shown, this trustee may sign another statement for that round, and for that round counts as a
corrupt one: the promise of SPEC.md section 3 then holds as long as it and the corrupt ones together
are fewer than t.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterable

from protocols.ceremony import Ceremony, Trustee
from protocols.errors import InvalidSignature, MalformedMessage, ProtocolError
from protocols.signing import SigningKey, Statement, open_signed, statement_hash
from protocols.wire import messages_pb2 as pb
from protocols.wire.codec import decode, encode
from trustee.errors import LedgerError
from trustee.ledger import OLDER, Ledger, SeenVote
from trustee.votes import read_closing_vote

LOG = logging.getLogger("cefed.trustee")

QUESTION, ANSWER = "ledger-question", "ledger-answer"
NONCE_BYTES = 32
MAX_PASSED_OVER = 100
MAX_QUESTION_BYTES = 1 << 10
MAX_ANSWER_BYTES = 1 << 21
"""What the relay takes, too; :data:`trustee.ledger.MAX_SHOWN_BYTES` leaves room in it."""


class LedgerCheck:
    """One trustee's question for one ceremony, and its answers to the others' questions.

    :param nonce: fresh for every start; a parameter for tests.
    """

    def __init__(
        self,
        ceremony: Ceremony,
        me: Trustee,
        signing: SigningKey,
        ledger: Ledger,
        *,
        nonce: bytes | None = None,
    ) -> None:
        self._ceremony = ceremony
        self._me = me
        self._signing = signing
        self._ledger = ledger
        self._nonce = secrets.token_bytes(NONCE_BYTES) if nonce is None else nonce
        self._confirmed = {me.index}
        self._checked: dict[int, bytes] = {}
        self._passed_over: set[bytes] = set()
        message = pb.LedgerQuestion(key_id=ceremony.key_id, nonce=self._nonce)
        self._question = signing.sign(QUESTION, encode(message))

    @property
    def key_id(self) -> bytes:
        """Whose trustees are asked."""
        return self._ceremony.key_id

    @property
    def passed(self) -> bool:
        """Whether q trustees, this one among them, confirmed the ledger."""
        return len(self._confirmed) >= self._ceremony.closing_quorum

    @property
    def waiting_for(self) -> list[str]:
        """The trustees that have not answered; empty once enough have."""
        if self.passed:
            return []
        return [t.name for t in self._ceremony.trustees if t.index not in self._confirmed]

    def read(self, statements: Iterable[bytes]) -> list[bytes]:
        """Take in what the relay holds for this ceremony.

        What does not belong there is passed over: it may be the relay's doing.

        :returns: what is to be posted: the own question while it waits, answers to the others'.
        :raises LedgerError: another trustee saw a vote of this one that its ledger does not hold.
        """
        forgotten: list[str] = []
        confirmed: set[int] = set()
        questions: dict[int, bytes] = {}
        answered: set[tuple[int, bytes]] = set()
        for data in statements:
            try:
                trustee, statement = self._open(data)
                if statement.kind == QUESTION:
                    questions[trustee.index] = self._read_question(statement)
                elif trustee.index == self._me.index:
                    answered.add(self._read_own_answer(statement))
                elif self._checked.get(trustee.index) != statement.hash:
                    forgotten += self._read_answer(trustee, statement, confirmed)
            except ProtocolError as error:
                self._pass_over(data, error)
        # Only now: an answer that contradicts the ledger may stand behind enough that do not.
        if forgotten:
            raise LedgerError("; ".join(forgotten))
        self._confirmed |= confirmed
        asked = questions.pop(self._me.index, None) == self._nonce
        posts = [] if self.passed or asked else [self._question]
        posts += [
            self._answer(index, nonce)
            for index, nonce in questions.items()
            if (index, nonce) not in answered
        ]
        return posts

    def _open(self, data: bytes) -> tuple[Trustee, Statement]:
        kind = decode(pb.Signed, data, MAX_ANSWER_BYTES).kind
        if kind not in (QUESTION, ANSWER):
            raise MalformedMessage(f"{kind[:40]!r} is neither question nor answer")
        statement = open_signed(data, kind, MAX_ANSWER_BYTES)
        return self._ceremony.trustee(statement.signer), statement

    def _read_question(self, statement: Statement) -> bytes:
        message = decode(pb.LedgerQuestion, statement.payload, MAX_QUESTION_BYTES)
        if message.key_id != self._ceremony.key_id or len(message.nonce) != NONCE_BYTES:
            raise MalformedMessage("a question for another key, or with another nonce length")
        return message.nonce

    def _read_own_answer(self, statement: Statement) -> tuple[int, bytes]:
        message = decode(pb.LedgerAnswer, statement.payload, MAX_ANSWER_BYTES)
        return message.subject, message.nonce

    def _read_answer(
        self, trustee: Trustee, statement: Statement, confirmed: set[int]
    ) -> list[str]:
        """What the ledger should hold and does not, in words.

        :param confirmed: gets the trustee, if its answer is one to count.
        """
        message = decode(pb.LedgerAnswer, statement.payload, MAX_ANSWER_BYTES)
        if message.subject != self._me.index:
            return []
        if (message.key_id, message.nonce) != (self._ceremony.key_id, self._nonce):
            raise MalformedMessage("an answer to another question")
        votes = [self._read_own_vote(trustee, vote.vote) for vote in message.votes]
        LOG.info("%s answers: it saw %d votes of this trustee", trustee.name, len(votes))
        self._checked[trustee.index] = statement.hash
        confirmed.add(trustee.index)
        return [
            f"trustee {trustee.name} saw a closing vote of this trustee, for the plan "
            f"{vote.plan_hash.hex()[:16]}, that its ledger does not hold: {OLDER}"
            for vote in votes
            if not self._ledger.holds(vote)
        ][:1]

    def _read_own_vote(self, trustee: Trustee, data: bytes) -> SeenVote:
        """A vote that this trustee signed, out of the answer of another one."""
        try:
            signer, vote = read_closing_vote(data, self._ceremony)
        except ProtocolError as error:
            raise InvalidSignature(
                f"trustee {trustee.name} answers with what is no closing vote: {error}"
            ) from error
        if signer.index != self._me.index:
            raise InvalidSignature(
                f"trustee {trustee.name} answers with a vote that this trustee did not sign"
            )
        return vote

    def _answer(self, subject: int, nonce: bytes) -> bytes:
        asking = self._ceremony.trustees[subject - 1]
        votes = self._ledger.shown(asking.signing_key.raw)
        LOG.info("telling %s of the %d votes seen of it", asking.name, len(votes))
        message = pb.LedgerAnswer(
            key_id=self._ceremony.key_id,
            nonce=nonce,
            subject=subject,
            votes=[pb.SeenVote(vote=vote) for vote in votes],
        )
        return self._signing.sign(ANSWER, encode(message))

    def _pass_over(self, data: bytes, error: ProtocolError) -> None:
        # Once each, and of a bounded number: a relay may show the same rubbish for days.
        digest = statement_hash(data)
        if digest not in self._passed_over and len(self._passed_over) < MAX_PASSED_OVER:
            self._passed_over.add(digest)
            LOG.warning("passing over what the relay shows: %s", error)
