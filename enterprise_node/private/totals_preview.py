"""Exactly what leaves the node in a round of totals, shown to its owner before it leaves.

As :mod:`enterprise_node.private.preview`, for rounds that have no trustees and no ciphertexts: the
figures leave as words under masks. SPEC.md section 11.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

from enterprise_node.private.backends import NO_DOMINANCE, Backend
from enterprise_node.private.intake import OwnMeasures
from enterprise_node.private.totals_terms import describe_totals
from protocols.federated.masks import WORD_BYTES
from protocols.federated.offer import TotalsTerms
from protocols.signing import SigningKey

STEPS = (
    "your public keys for this round, signed",
    "shares of the secrets that your masks come from, sealed to each of your neighbours",
    "your figures under the masks, signed",
    "if you are on the committee, your signature under the list of who stayed; you sign one list",
    "for each neighbour one share: of what hides a figure of nobody who stayed, or of the keys of "
    "one who left",
)


@dataclass(frozen=True)
class Masked:
    """A measure that travels under masks."""

    name: str
    unit: str
    opened_for: str = "opened as the total of all members who stay, never alone"


@dataclass(frozen=True, repr=False)
class TotalsPreview:
    """The preview of a round of totals. Sizes in bytes.

    ``left_out``: measures that the plan names and does not publish; they do not leave.
    ``held_against``: why a run would refuse this plan although it fits, or None.
    """

    coordinator: str
    round_id: str
    plan_hash: str
    pseudonym: str
    backend: str
    dominance_controlled: bool
    terms: dict[str, str]
    steps: tuple[str, ...]
    vector_bytes: int
    inside: tuple[Masked, ...]
    left_out: tuple[str, ...]
    held_against: str | None

    def document(self) -> dict[str, object]:
        """As JSON."""
        return asdict(self)

    def lines(self) -> list[str]:
        """As text for a terminal."""
        return [
            f"What leaves this node for round {self.round_id}",
            f"  to            the coordinator {self.coordinator}, by way of the gateway",
            f"  plan          sha256 {self.plan_hash}",
            *([f"  REFUSED       {self.held_against}"] if self.held_against else []),
            *(f"  {name:<13} {text}" for name, text in self.terms.items()),
            "",
            "In answers to five steps, the last of them for who is still there:",
            *(f"  {number}. {text}" for number, text in enumerate(self.steps, 1)),
            "",
            f"Under the masks, {self.vector_bytes} bytes whatever your figures are:",
            f"  {'a count':<18} {'':<10} 1, so that the members of the total are known",
            *(f"  {m.name:<18} {m.unit:<10} {m.opened_for}" for m in self.inside),
            *([f"  does not leave: {', '.join(self.left_out)}"] if self.left_out else []),
            "",
            f"{NO_DOMINANCE}.",
        ]


def preview_totals(
    terms: TotalsTerms, own: OwnMeasures, signer: SigningKey, held_against: str | None = None
) -> TotalsPreview:
    """What taking part in an accepted plan of totals means. Masks nothing and sends nothing."""
    plan = terms.plan
    published = [measure for measure in plan.measures if measure.published]
    return TotalsPreview(
        coordinator=terms.coordinator.fingerprint,
        round_id=plan.round_id,
        plan_hash=plan.hash.hex(),
        pseudonym=signer.public.fingerprint,
        backend=Backend.TOTALS.value,
        dominance_controlled=False,
        terms=dict(describe_totals(terms)),
        steps=STEPS,
        vector_bytes=WORD_BYTES * (1 + len(published)),
        inside=tuple(Masked(m.name, own.units[m.name]) for m in published),
        left_out=tuple(m.name for m in plan.measures if not m.published),
        held_against=held_against,
    )
