"""A federated round after its band certificate: who masks for it, who has, and until when.

Made by :class:`coordinator.rounds.Round` when q trustees have certified the bands of a round in
mode ``certified``. The sum opens with the vector of every counted member and with none less, so the
coordinator waits for all of them until the plan's time, and then ends the round. SPEC.md section
11.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from protocols.certificate import BandCertificate
from protocols.errors import PlanExpired, PolicyRefusal
from protocols.federated import masked
from protocols.signing import Statement, VerifyKey, open_signed
from protocols.terms import Terms


class Masking:
    """The masked vectors of one round.

    :param included: hashes of the counted contributions, ascending.
    :param counted: the keys that signed them, in the same order.
    """

    def __init__(
        self,
        terms: Terms,
        certificate: BandCertificate,
        included: Sequence[bytes],
        counted: Sequence[bytes],
    ) -> None:
        self.certificate = certificate
        self.included = tuple(included)
        self.counted = tuple(VerifyKey(raw) for raw in counted)
        self._plan = terms.plan
        self._roster = terms.roster
        self._places = {raw: place for place, raw in enumerate(counted)}
        self._given: set[bytes] = set()

    @property
    def missing(self) -> int:
        """How many counted members have not sent their vectors."""
        return len(self._places) - len(self._given)

    @property
    def complete(self) -> bool:
        """Whether the sum can be opened."""
        return not self.missing

    @property
    def until(self) -> int:
        """How long vectors are waited for, in seconds since 1970."""
        return self._plan.aggregation.until if self._plan.aggregation else 0

    def over(self, now: int) -> bool:
        """Whether the time for masking has passed at ``now``."""
        return now >= self.until

    def due(self, member: bytes) -> bool:
        """Whether the vector of the member with this key is waited for."""
        return member in self._places and member not in self._given

    def place(self, member: VerifyKey) -> int:
        """The member's place on the list of what is counted.

        :raises PolicyRefusal: it is not counted.
        """
        place = self._places.get(member.raw)
        if place is None:
            raise PolicyRefusal(
                f"round {self._plan.round_id} does not count {member.fingerprint}: there is "
                "nothing to mask"
            )
        return place

    def check_time(self, now: int) -> None:
        """:raises PlanExpired: the time for masking has passed."""
        if self.over(now):
            raise PlanExpired(
                f"round {self._plan.round_id}: the time for masking has passed, and the round ends "
                "without a result"
            )

    def check(self, statement: Statement) -> None:
        """Whether a masked vector may be logged.

        :raises PolicyRefusal: by somebody who is not counted, another one of a member, or for
            another certificate. :raises ProtocolError: another form.
        """
        member = statement.signer
        self.place(member)
        if member.raw in self._given:
            raise PolicyRefusal(
                f"{member.fingerprint} sent another masked vector in round {self._plan.round_id}; "
                "the first stands"
            )
        masked.check_form(statement, self._plan, self.certificate, self._roster)

    def take(self, member: bytes) -> None:
        """Note a logged vector; its words stay in the store."""
        self._given.add(member)

    def why_abandoned(self) -> str:
        """The reason with which the round is cancelled once its time has passed."""
        return (
            f"{self.missing} of {len(self._places)} counted members sent no masked vector in time, "
            "and the sums open with those of all or not at all"
        )


def certificates_for(certificate: BandCertificate, signed: Iterable[bytes]) -> list[bytes]:
    """The signed statements that make up a certificate's quorum."""
    content = certificate.to_bytes()
    return [data for data in signed if open_signed(data, "certificate").payload == content]
