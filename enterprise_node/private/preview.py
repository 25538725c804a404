"""Exactly what will leave the node in a round, shown to its owner before it leaves.

What is in the clear, what is inside ciphertexts, how many bytes, to where; and, for the owner's
eyes only, which bin and which size classes the encrypted one-hots will say. SPEC.md section 4.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass

from enterprise_node.private.backends import backend_of
from enterprise_node.private.events import moment
from enterprise_node.private.intake import OwnMeasures
from enterprise_node.private.participation import describe_terms
from protocols import contribution
from protocols.bins import bin_of
from protocols.encoding import class_lower, class_upper, size_class
from protocols.federated import keys, masked
from protocols.federated.masks import KEY_BYTES
from protocols.knowledge import KnowledgeProof
from protocols.plan import Indicator, Level, Measure, Mode, Plan
from protocols.signing import SigningKey
from protocols.terms import MemberTerms

_KINDS = {
    "N": "bin counts",
    "NT": "counts by leaf of the table",
    "K": "size classes by bin or leaf",
    "V": "values by bin or leaf",
    "KC": "size classes for the cohort",
    "VC": "values for the cohort",
}


@dataclass(frozen=True)
class Inside:
    """A measure that travels inside ciphertexts, and the finest sum that may be opened of it."""

    name: str
    unit: str
    opened_for: str


@dataclass(frozen=True, repr=False)
class OwnView:
    """What only the owner sees: bin and size classes that the ciphertexts will hold."""

    bins: dict[str, str]
    classes: dict[str, str]


@dataclass(frozen=True)
class SecondVisit:
    """What leaves in a certified round once the trustees have certified the bands. In bytes.

    ``most_bytes``: of the masked vector; how long it is follows from the certificate.
    """

    most_bytes: int
    until: int
    neighbours: int

    def lines(self) -> list[str]:
        """As text for a terminal."""
        return [
            "",
            "Later, once the trustees have certified the bands, until "
            f"{moment(self.until)} UTC at the latest:",
            f"  masked        one vector of at most {self.most_bytes} bytes: the values that are",
            "                opened as sums, under masks that this node shares with "
            f"{self.neighbours} members.",
            "                They cancel only in the sum of all that the certificate counts. Run",
            "                this node again then: without it the round is cancelled for everybody",
        ]


@dataclass(frozen=True)
class Preview:
    """The preview of one contribution. Sizes in bytes.

    ``held_against``: why a run would refuse this plan although it fits, or None.
    ``second_visit``: what leaves after the trustees' certificate, in certified rounds.
    """

    coordinator: str
    round_id: str
    plan_hash: str
    pseudonym: str
    terms: dict[str, str]
    ciphertexts: dict[str, int]
    ciphertext_bytes: int
    message_bytes: int
    clear: tuple[str, ...]
    inside: tuple[Inside, ...]
    own: OwnView
    held_against: str | None
    backend: str
    dominance_controlled: bool
    second_visit: SecondVisit | None

    @property
    def _where(self) -> str:
        """What holds the measures that are listed."""
        if self.second_visit is None:
            return "Inside the ciphertexts"
        return "Inside the ciphertexts (size classes) and the masked vector (values)"

    def document(self) -> dict[str, object]:
        """As JSON, the owner's view included."""
        return asdict(self)

    def lines(self) -> list[str]:
        """As text for a terminal."""
        total = sum(self.ciphertexts.values())
        lines = [
            f"What leaves this node for round {self.round_id}",
            f"  to            the coordinator {self.coordinator}, by way of the gateway",
            f"  plan          sha256 {self.plan_hash}",
            *([f"  REFUSED       {self.held_against}"] if self.held_against else []),
            *(f"  {name:<13} {text}" for name, text in self.terms.items()),
            "",
            f"In one message of {self.message_bytes} bytes:",
            "  in the clear  " + "; ".join(self.clear),
            f"  encrypted     {total} ciphertexts of {self.ciphertext_bytes} bytes:",
            *(f"                {n:>4}  {what}" for what, n in self.ciphertexts.items()),
            "  whatever your figures are, the message has this size and this number of ciphertexts",
            "",
            f"{self._where}, and nowhere else:",
            *(f"  {m.name:<18} {m.unit:<10} {m.opened_for}" for m in self.inside),
            *(self.second_visit.lines() if self.second_visit else []),
            "",
            "For your eyes only - this is what the ciphertexts say, and it is not sent readable:",
            *(f"  {name:<18} {text}" for name, text in self.own.bins.items()),
            *(f"  {name:<18} {text}" for name, text in self.own.classes.items()),
        ]
        return lines


def preview(
    accepted: MemberTerms,
    own: OwnMeasures,
    signer: SigningKey,
    held_against: str | None = None,
) -> Preview:
    """What a contribution to an accepted plan will be. Encrypts nothing and sends nothing."""
    plan = accepted.plan
    key = accepted.ceremony.key.public
    counted = Counter(label.split("/")[0].split("#")[0] for label in accepted.layout.labels)
    return Preview(
        coordinator=accepted.coordinator.fingerprint,
        round_id=plan.round_id,
        plan_hash=plan.hash.hex(),
        pseudonym=signer.public.fingerprint,
        terms=dict(describe_terms(accepted)),
        ciphertexts={f"{_KINDS.get(k, k)} ({k})": n for k, n in counted.items()},
        ciphertext_bytes=key.ciphertext_bytes,
        message_bytes=_message_bytes(accepted, signer),
        clear=(
            "the plan's hash",
            f"your public key (pseudonym {signer.public.fingerprint})",
            "a signature",
            "a proof that you know what is encrypted, which reveals nothing about it",
            *(["your public round key, signed"] if plan.mode is Mode.CERTIFIED else []),
        ),
        inside=tuple(Inside(m.name, m.unit, _opened_for(m)) for m in plan.measures),
        own=OwnView(
            bins={i.name: _bin_text(i, own) for i in plan.ranked_indicators} | _leaf(plan, own),
            classes={
                m.name: _class_text(own.integers[m.name], m.unit, plan.policy.classes_per_octave)
                for m in plan.measures
            },
        ),
        held_against=held_against,
        backend=backend_of(plan).value,
        dominance_controlled=True,
        second_visit=_second_visit(plan),
    )


def _second_visit(plan: Plan) -> SecondVisit | None:
    if plan.mode is not Mode.CERTIFIED or plan.aggregation is None:
        return None
    terms = plan.aggregation
    return SecondVisit(masked.max_bytes(plan), terms.until, terms.neighbours)


def _message_bytes(accepted: MemberTerms, signer: SigningKey) -> int:
    """Every contribution to a plan has the same size; this one is all zeros and never leaves."""
    key = accepted.ceremony.key.public
    blank = contribution.assemble(
        accepted.plan.hash,
        [key.n * 0] * len(accepted.layout.labels),
        KnowledgeProof(0, 0, 0),
        signer,
        key,
        round_key=_blank_round_key(accepted.plan, signer),
    )
    return len(blank)


def _blank_round_key(plan: Plan, signer: SigningKey) -> bytes:
    """As long as the one that leaves, with nothing in it."""
    if plan.mode is not Mode.CERTIFIED:
        return b""
    return keys.make_round_key(plan.hash, bytes(KEY_BYTES), b"", signer)


def _opened_for(measure: Measure) -> str:
    if not measure.published:
        return "never summed; its size class is checked so that nobody can derive it"
    if measure.level is Level.BAND:
        return "opened as the sum of a band or cell that passes the policy, never alone"
    return "opened as the sum of the whole cohort, never alone"


def _leaf(plan: Plan, own: OwnMeasures) -> dict[str, str]:
    if plan.table is None:
        return {}
    return {plan.table.name: plan.table.leaves[plan.table.leaf_of(own.category)]}


def _bin_text(indicator: Indicator, own: OwnMeasures) -> str:
    number = bin_of(
        own.integers[indicator.numerator], own.integers[indicator.denominator], indicator.edges
    )
    lower, upper = indicator.edge_value(number), indicator.edge_value(number + 1)
    low = "below" if lower is None else f"{float(lower):.6g} to"
    high = "above" if upper is None else f"{float(upper):.6g}"
    span = f"{float(lower):.6g} and above" if upper is None and lower else f"{low} {high}"
    return f"bin {number + 1} of {indicator.bins}: {span} {indicator.unit}"


def _class_text(value: int, unit: str, resolution: int) -> str:
    number = size_class(value, resolution)
    lower, upper = class_lower(number, resolution), class_upper(number, resolution)
    return f"size class {number}: {lower} to {upper} {unit}"
