"""The trustees' relay for ledger questions and answers: in memory, newest only, bounded.

A trustee that starts asks the others which closing votes of it they ever saw (SPEC.md section 4).
What is kept of each ceremony is one question a trustee and one answer a pair, so a trustee can fill
nothing but its own places. Lost on a restart: the trustee asks again. Used by
:class:`coordinator.board.Board`.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from protocols.ceremony import Ceremony
from protocols.errors import InvalidSignature, PolicyRefusal
from protocols.signing import VerifyKey, open_signed
from protocols.wire import messages_pb2 as pb
from protocols.wire.codec import MAX_SMALL, decode

QUESTION, ANSWER = "ledger-question", "ledger-answer"
MAX_ANSWER = 1 << 21
"""Room for every vote of 10,000 rounds, twice."""

MIN_NONCE, MAX_NONCE = 16, 64


@dataclass
class _Circle:
    """What is kept for the trustees of one ceremony."""

    questions: dict[int, tuple[bytes, bytes]] = field(default_factory=dict)
    """Nonce and statement, by the index of who asks."""
    answers: dict[tuple[int, int], bytes] = field(default_factory=dict)
    """Statements, by the indexes of who asked and who answers."""


class Peers:
    """Questions and answers of all ceremonies that the board has rounds of."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._circles: dict[bytes, tuple[Ceremony, _Circle]] = {}

    def know(self, ceremony: Ceremony) -> None:
        """Relay for the trustees of ``ceremony`` from now on."""
        with self._lock:
            self._circles.setdefault(ceremony.key_id, (ceremony, _Circle()))

    def post(self, data: bytes, caller: VerifyKey) -> None:
        """Keep a question or an answer in place of the one before.

        :raises PolicyRefusal: about a key, trustee or question that is not known.
        :raises ProtocolError: malformed, oversize, or not signed by ``caller``, a trustee.
        """
        kind = decode(pb.Signed, data, MAX_ANSWER).kind
        if kind not in (QUESTION, ANSWER):
            raise PolicyRefusal(f"{kind[:40]!r} statements are not relayed between trustees")
        statement = open_signed(data, kind, MAX_ANSWER)
        if statement.signer != caller:
            raise InvalidSignature(
                f"the {kind} is not signed by {caller.fingerprint}, who sends it"
            )
        with self._lock:
            if kind == QUESTION:
                question = decode(pb.LedgerQuestion, statement.payload, MAX_SMALL)
                ceremony, circle = self._circle(question.key_id)
                asker = ceremony.trustee(caller).index
                if not MIN_NONCE <= len(question.nonce) <= MAX_NONCE:
                    raise PolicyRefusal(f"a nonce has {MIN_NONCE} to {MAX_NONCE} bytes")
                if circle.questions.get(asker, (b"", b""))[1] != data:
                    circle.questions[asker] = question.nonce, data
                    for pair in [pair for pair in circle.answers if pair[0] == asker]:
                        del circle.answers[pair]
                return
            answer = decode(pb.LedgerAnswer, statement.payload, MAX_ANSWER)
            ceremony, circle = self._circle(answer.key_id)
            index = ceremony.trustee(caller).index
            nonce, _ = circle.questions.get(answer.subject, (None, b""))
            if index == answer.subject or answer.nonce != nonce:
                raise PolicyRefusal("the answer is to no question that is asked now")
            circle.answers[answer.subject, index] = data

    def statements(self, key_id: bytes, caller: VerifyKey) -> list[bytes]:
        """The questions, then the answers, for a trustee of the ceremony.

        :raises PolicyRefusal: no such ceremony. :raises InvalidSignature: the caller is another.
        """
        with self._lock:
            ceremony, circle = self._circle(key_id)
            ceremony.trustee(caller)
            questions = [data for _, (_, data) in sorted(circle.questions.items())]
            return questions + [data for _, data in sorted(circle.answers.items())]

    def _circle(self, key_id: bytes) -> tuple[Ceremony, _Circle]:
        try:
            return self._circles[key_id]
        except KeyError:
            raise PolicyRefusal("no round here uses that key") from None
