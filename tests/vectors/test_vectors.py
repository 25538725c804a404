"""The frozen vectors: known answers are met, and every negative is refused for its own defect."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Any

import pytest
from phe import paillier as phe_paillier

import protocols.errors
from protocols import closing, contribution
from protocols.bins import bin_of
from protocols.ceremony import Ceremony
from protocols.encoding import size_class, to_integer
from protocols.knowledge import KnowledgeProof, verify
from protocols.layout import Layout
from protocols.packing import Packing
from protocols.paillier import PublicKey, encryptor_for
from protocols.plan import Plan, Policy
from protocols.policy import check_cell
from protocols.roster import Roster
from protocols.signing import SigningKey, VerifyKey, open_signed
from protocols.threshold import DecryptionShare, verify_share
from protocols.transcript import replay
from protocols.verification import Report, verify_round
from tests.strategies import UNLIMITED
from tests.vectors.write_vectors import FOLDER, Vector, render

POSITIVE: Vector = json.loads((FOLDER / "positive.json").read_text())
NEGATIVE: list[Vector] = json.loads((FOLDER / "negative.json").read_text())
ROUND: Vector = POSITIVE["round"]


@lru_cache(maxsize=1)
def ceremony() -> Ceremony:
    return Ceremony.from_signed(bytes.fromhex(ROUND["ceremony"]))


@lru_cache(maxsize=1)
def plan() -> Plan:
    kind, payload = ROUND["entries"][0]
    return Plan.from_bytes(open_signed(bytes.fromhex(payload), kind).payload)


@lru_cache(maxsize=1)
def layout() -> Layout:
    return Layout(plan(), ceremony().key.public.bits)


def roster() -> Roster:
    return Roster.from_bytes(bytes.fromhex(ROUND["roster"]))


@dataclass(frozen=True)
class LoggedItem:
    """A contribution as the inclusion rule sees it."""

    member: VerifyKey
    version: int
    hash: bytes
    marks: tuple[bytes, ...] | None


def verify_entries(entries: list[tuple[str, bytes]]) -> Report:
    return verify_round(
        ROUND["round_id"],
        bytes.fromhex(ROUND["ceremony"]),
        [bytes.fromhex(data) for data in ROUND["countersignatures"]],
        bytes.fromhex(ROUND["roster"]),
        entries,
    )


def honest_entries() -> list[tuple[str, bytes]]:
    return [(kind, bytes.fromhex(payload)) for kind, payload in ROUND["entries"]]


def test_files_are_what_the_script_writes() -> None:
    for name, text in render().items():
        assert (FOLDER / name).read_text() == text, f"{name}: run the writer and review the change"


def test_rounding_classes_bins_and_packing() -> None:
    for case in POSITIVE["rounding"]:
        assert to_integer(Fraction(case["value"])) == int(case["integer"])
    for case in POSITIVE["classes"]:
        assert size_class(case["value"]) == case["class"]
    edges = [Fraction(edge) for edge in POSITIVE["edges"]]
    for case in POSITIVE["bins"]:
        assert bin_of(case["numerator"], case["denominator"], edges) == case["bin"]
    held = POSITIVE["packing"]
    packing = Packing(tuple(held["bounds"]), held["participants"], held["capacity_bits"])
    assert packing.pack(held["values"]) == tuple(int(p) for p in held["plaintexts"])


def test_what_a_log_comes_to() -> None:
    for case in POSITIVE["selection"]:
        log = [
            LoggedItem(
                VerifyKey(bytes([item["member"]]) * 32),
                item["version"],
                bytes([place]) * 32,
                None if item["marks"] is None else tuple(m.encode() for m in item["marks"]),
            )
            for place, item in enumerate(case["log"])
        ]
        selected = closing.select(log, lambda item: item.marks)
        assert [item.hash[0] for item in selected] == case["counted"], case["name"]


def test_paillier_base_and_ciphertexts() -> None:
    held = POSITIVE["paillier"]
    key = PublicKey.from_modulus(int(held["n"], 16))
    assert (hex(key.base), hex(key.base_powered)) == (held["h"], held["h_s"])
    private = phe_paillier.PaillierPrivateKey(key.phe_key, *(int(p, 16) for p in held["primes"]))
    for case in held["ciphertexts"]:
        plaintext, ciphertext = int(case["plaintext"], 16), int(case["ciphertext"], 16)
        assert encryptor_for(key).encrypt(plaintext, int(case["exponent"], 16)) == ciphertext
        assert private.raw_decrypt(ciphertext) == plaintext


def test_proof_share_and_signature() -> None:
    key = ceremony().key
    held = POSITIVE["proof"]
    ciphertexts = [int(c["ciphertext"], 16) for c in POSITIVE["paillier"]["ciphertexts"]]
    names = ("commitment", "plaintext_response", "randomness_response")
    proof = KnowledgeProof(*(int(held[name], 16) for name in names))
    verify(encryptor_for(key.public), bytes.fromhex(held["context"]), ciphertexts, proof)
    verify_share(key, ciphertexts[1], share_from(POSITIVE["share"]))
    signed = POSITIVE["signature"]
    signer = SigningKey.from_seed(bytes.fromhex(signed["seed"]))
    assert signer.sign(signed["kind"], bytes.fromhex(signed["payload"])).hex() == signed["signed"]


def test_round_verifies_and_gives_the_plain_sums() -> None:
    report = verify_entries(honest_entries())
    assert report.accepted, report.failed
    assert report.document is not None
    document = json.loads(report.document)
    assert document == ROUND["document"]
    for name in ("output", "emissions", "electricity"):
        total = sum(own[name] for own in ROUND["measures"])
        assert document["measures"][name]["value"] == str(total)
    assert (plan().hash.hex(), roster().hash.hex(), ceremony().key_id.hex()) == (
        ROUND["plan_hash"],
        ROUND["roster_hash"],
        ROUND["key_id"],
    )
    assert replay(ROUND["round_id"], honest_entries()).head.hex() == ROUND["transcript_head"]


def share_from(inputs: Vector) -> DecryptionShare:
    return DecryptionShare(
        *(int(inputs[name], 16) for name in ("index", "value", "challenge", "response"))
    )


def check_modulus(inputs: Vector) -> None:
    PublicKey.from_modulus(int(inputs["modulus"], 16))


def check_ciphertext(inputs: Vector) -> None:
    ceremony().key.public.check_ciphertext(int(inputs["ciphertext"], 16))


def check_encode(inputs: Vector) -> None:
    layout().encode(inputs["measures"])


def check_sums(inputs: Vector) -> None:
    labels = layout().sum_labels(0, 1)
    layout().decode_sums(labels, {labels[0]: int(inputs["plaintext"], 16)})


def check_contribution(inputs: Vector) -> None:
    """What a coordinator, trustee and verifier do with a contribution."""
    key, data = ceremony().key.public, bytes.fromhex(inputs["contribution"])
    held = contribution.read(data, plan(), layout(), roster(), key)
    contribution.verify_proof(held, encryptor_for(key))


def check_share(inputs: Vector) -> None:
    verify_share(ceremony().key, int(inputs["ciphertext"], 16), share_from(inputs))


def check_closing(inputs: Vector) -> None:
    closing.tally([bytes.fromhex(vote) for vote in inputs["votes"]], plan(), ceremony())


CHECKS: dict[str, Callable[[Vector], None]] = {
    "modulus": check_modulus,
    "ciphertext": check_ciphertext,
    "encode": check_encode,
    "sums": check_sums,
    "contribution": check_contribution,
    "share": check_share,
    "closing": check_closing,
}


def of(*checks: str) -> list[Any]:
    return [pytest.param(v, id=v["name"]) for v in NEGATIVE if v["check"] in checks]


@pytest.mark.parametrize("vector", of(*CHECKS))
def test_refused_with_the_named_error(vector: Vector) -> None:
    error = getattr(protocols.errors, vector["error"])
    with pytest.raises(protocols.errors.ProtocolError) as caught:
        CHECKS[vector["check"]](vector["inputs"])
    assert caught.type is error, caught.value


@pytest.mark.parametrize("vector", of("cell"))
def test_cells_break_the_policy_for_one_measure(vector: Vector) -> None:
    histograms = vector["inputs"]["histograms"]
    violations = check_cell(histograms, Policy(), UNLIMITED)
    assert violations
    if vector["name"] == "band-that-fails-p-percent-for-one-measure-only":
        assert [(v.measure, v.rule) for v in violations] == [("emissions", "dominance")]
        assert not check_cell({"output": histograms["output"]}, Policy(), UNLIMITED)
    else:
        assert {v.rule for v in violations} == {"minimum-cohort"}


@pytest.mark.parametrize("vector", of("round"))
def test_tampered_rounds_fail_their_condition(vector: Vector) -> None:
    honest = honest_entries()
    entries = [
        honest[item] if isinstance(item, int) else (item[0], bytes.fromhex(item[1]))
        for item in vector["inputs"]["entries"]
    ]
    assert vector["error"] in verify_entries(entries).failed


def test_every_vector_is_checked_and_named_once() -> None:
    names = [vector["name"] for vector in NEGATIVE]
    assert len(names) == len(set(names))
    assert {vector["check"] for vector in NEGATIVE} == {*CHECKS, "cell", "round"}
