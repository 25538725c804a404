"""The frozen known answers of the federated backend, computed again from the file alone.

Lists, key agreement and whole vectors are computed a second time with :mod:`.plain_masks`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import combinations
from typing import Any

import pytest

from protocols.bands import BinRange
from protocols.federated import masked, masks, sections
from protocols.federated.graph import MaskGraph, committee
from protocols.federated.keybook import KeyBook, graph_of, root_of
from protocols.federated.keys import make_round_key, read_round_key
from protocols.federated.masks import RoundKey
from protocols.federated.totals.release import read_release
from protocols.federated.totals.shamir import Polynomial, combine, read_share
from protocols.federated.totals.stages import Stage
from protocols.federated.totals.statements import commitment_to
from protocols.merkle import MerkleTree, check_entries
from protocols.places import Place
from protocols.roster import Roster, check_members
from protocols.signing import SigningKey
from protocols.wire import federated_pb2 as fb
from protocols.wire.codec import decode
from tests.vectors import federated
from tests.vectors.frozen_federated import (
    CERTIFIED,
    HELD,
    TOTALS,
    Vector,
    certificate,
    certified_plan,
    certified_roster,
    coordinator,
    exchanges,
    gathering_before,
    member_before,
    members,
    play_stage,
    read_reply,
    secret_keys,
    statements,
    totals_plan,
    unhexed,
    words_of,
)
from tests.vectors.plain_masks import (
    plain_agreed,
    plain_hash,
    plain_masks,
    plain_order,
    plain_root,
    plain_words,
    read_words,
    wrapped,
)
from tests.vectors.write_vectors import FOLDER


def test_file_is_what_the_script_writes() -> None:
    text = (FOLDER / federated.NAME).read_text()
    assert text == federated.render(), "run the writer and review the change"


# Known answers.


@pytest.mark.parametrize("case", HELD["merkle"], ids=lambda case: str(len(case["entries"])))
def test_merkle_trees(case: Vector) -> None:
    entries, root = unhexed(case["entries"]), bytes.fromhex(case["root"])
    tree = MerkleTree(entries)
    assert tree.root == root == plain_root(entries)
    for shown in case["proofs"]:
        proof = unhexed(shown["proof"])
        assert list(tree.prove(shown["places"])) == proof
        check_entries(root, len(entries), {at: entries[at] for at in shown["places"]}, proof)


def test_roster_and_place() -> None:
    held = HELD["roster"]
    roster = Roster.from_bytes(bytes.fromhex(held["roster"]))
    assert [(m.key.raw.hex(), m.group) for m in roster.members] == [
        (member["signing_key"], member["group"]) for member in held["members"]
    ]
    root = plain_root([member.to_bytes() for member in roster.members])
    size = len(roster.members).to_bytes(8, "big")
    assert roster.hash.hex() == held["hash"] == plain_hash(b"cefed/roster/v2", size, root).hex()
    place = Place.from_bytes(bytes.fromhex(held["place"]["bytes"]))
    assert (place.index, list(place.proof)) == (
        held["place"]["index"],
        unhexed(held["place"]["proof"]),
    )
    check_members(roster.hash, len(roster.members), {place.index: place.entry}, place.proof)
    assert roster.prove([place.index]) == place.proof


def test_graphs_and_committees() -> None:
    for case in HELD["graphs"]:
        graph = MaskGraph(bytes.fromhex(case["seed"]), case["size"], case["degree"])
        for place, neighbours in case["neighbours"].items():
            assert list(graph.neighbours(int(place))) == neighbours
            assert all(int(place) in graph.neighbours(other) for other in neighbours)
        assert case["ring"] is None or list(graph.ring) == case["ring"]
        if case["degree"] < case["size"] - 1:
            seed = bytes.fromhex(case["seed"])
            assert list(graph.ring) == plain_order(b"cefed/mask-graph/v1", seed, case["size"])
    for case in HELD["committees"]:
        found = committee(bytes.fromhex(case["seed"]), case["size"], case["members"])
        assert list(found) == case["places"]
        order = plain_order(b"cefed/committee/v1", bytes.fromhex(case["seed"]), case["size"])
        assert sorted(order[: case["members"]]) == case["places"]


def test_round_keys_and_masks() -> None:
    held, words = HELD["masking"], HELD["masking"]["expanded"]["words"]
    seeds, publics = unhexed(held["seeds"]), unhexed(held["public"])
    keys = [RoundKey(seed) for seed in seeds]
    assert [key.public for key in keys] == publics
    context, agreed = tuple(unhexed(held["agreed"]["context"])), held["agreed"]["key"]
    for own, other in ((0, 1), (1, 0)):
        assert keys[own].agree(publics[other], context).hex() == agreed
        assert plain_agreed(seeds[own], publics[other], context).hex() == agreed
    stream = bytes.fromhex(held["expanded"]["stream"])
    assert masks.to_bytes(masks.expand(bytes.fromhex(agreed), words)) == stream
    assert plain_words(bytes.fromhex(agreed), words) == read_words(stream)
    context = tuple(unhexed(held["context"]))
    for own, expected in enumerate(unhexed(held["pairwise"])):
        others = {place: public for place, public in enumerate(publics) if place != own}
        assert masks.to_bytes(masks.pairwise(keys[own], own, others, context, words)) == expected
        assert plain_masks(seeds[own], own, others, context, words) == read_words(expected)
    columns = zip(*map(read_words, unhexed(held["pairwise"])), strict=True)
    assert [sum(column) % 2**64 for column in columns] == [0] * words


def test_signed_round_keys() -> None:
    for case in HELD["round_keys"]:
        names = ("plan_hash", "signing_seed", "mask_seed", "seal_seed")
        plan_hash, signing, mask, seal = unhexed([case[name] for name in names])
        publics = [RoundKey(seed).public if seed else b"" for seed in (mask, seal)]
        signer = SigningKey.from_seed(signing)
        assert make_round_key(plan_hash, publics[0], publics[1], signer).hex() == case["signed"]
        signed = bytes.fromhex(case["signed"])
        read = read_round_key(signed, plan_hash, signer.public, sealing=bool(seal))
        assert [read.mask_key, read.seal_key] == publics


def test_shares_rebuild_the_secret() -> None:
    held = HELD["shamir"]
    secret, seed = bytes.fromhex(held["secret"]), bytes.fromhex(held["seed"])
    shares = {int(point): bytes.fromhex(share) for point, share in held["shares"].items()}
    polynomial = Polynomial(secret, held["threshold"], seed)
    assert {point: polynomial.share(point) for point in shares} == shares
    for points in combinations(shares, held["threshold"]):
        some = {point: read_share(shares[point]) for point in points}
        assert combine(some, held["threshold"]) == secret


# The certified round.


def test_certificate_binds_the_round_keys() -> None:
    keys, plan = statements("round_key"), certified_plan()
    made = [
        make_round_key(plan.hash, secret.public, b"", signer)
        for secret, signer in zip(secret_keys(), members(), strict=True)
    ]
    assert made == keys
    assert root_of(keys) == plain_root(keys) == bytes.fromhex(CERTIFIED["masks_root"])
    assert certificate().masks_root.hex() == CERTIFIED["masks_root"]
    assert certificate().to_bytes().hex() == CERTIFIED["certificate"]
    assert (plan.hash.hex(), certificate().hash.hex(), certificate().statement_hash.hex()) == tuple(
        CERTIFIED[name] for name in ("plan_hash", "certificate_hash", "statement_hash")
    )
    assert plan.roster_hash == certified_roster().hash
    positive = json.loads((FOLDER / "positive.json").read_text())
    assert positive["round"]["ceremony"] == CERTIFIED["ceremony"]


def test_every_member_masks_what_is_written() -> None:
    plan, found = certified_plan(), certificate()
    book = KeyBook(plan, found, statements("round_key"))
    votes, publics = unhexed(CERTIFIED["votes"]), [key.public for key in secret_keys()]
    signing, secret = members(), secret_keys()
    for place, member in enumerate(CERTIFIED["members"]):
        assert list(graph_of(plan, found).neighbours(place)) == member["neighbours"]
        terms = read_reply(place, book.reply(place, votes))
        signed = masked.mask(terms, member["measures"], secret[place], signing[place])
        assert signed.hex() == member["masked"]
        own = sections.encode(plan, found, member["measures"])
        others = {other: publics[other] for other in member["neighbours"]}
        context = (b"masked", plan.hash, found.hash)
        seed = bytes.fromhex(member["mask_seed"])
        mask = plain_masks(seed, place, others, context, len(own))
        assert words_of(signed) == wrapped(own, mask)
    held = CERTIFIED["masking_reply"]
    reply = book.reply(held["place"], votes).SerializeToString()
    assert reply.hex() == held["bytes"]


def test_masked_vectors_add_up_to_the_plain_sums() -> None:
    plan, found, counted = certified_plan(), certificate(), [key.public for key in members()]
    total = masked.add_up(statements("masked"), plan, found, certified_roster(), counted)
    assert masks.to_bytes(total).hex() == CERTIFIED["sum"]
    sums = masked.sums(plan, found, total)
    assert [_decimal(section) for section in sums.sections] == CERTIFIED["sections"]
    assert _decimal(sums.cohort) == CERTIFIED["cohort"]
    plain = [_summed(("output", "emissions"), band) for band in found.ranking("cef")]
    assert plain == CERTIFIED["sections"]
    assert len(plain) > 1
    electricity = sum(member["measures"]["electricity"] for member in CERTIFIED["members"])
    assert CERTIFIED["cohort"] == {"electricity": str(electricity)}


def _decimal(sums: Any) -> dict[str, str]:
    return {name: str(value) for name, value in sums.items()}


def _summed(names: Sequence[str], band: BinRange) -> dict[str, str]:
    """Plain sums over the members in a band, whose bins are counted here from the edges."""
    edges = certified_plan().indicators[0].edges
    inside = []
    for member in CERTIFIED["members"]:
        own = member["measures"]
        place = sum(edge * own["emissions"] <= own["output"] for edge in edges)
        if band.first <= place < band.end:
            inside.append(own)
    return {name: str(sum(own[name] for own in inside)) for name in names}


# The round of totals.


@pytest.mark.parametrize("place", range(len(TOTALS["members"])))
def test_members_answer_what_is_written(place: int) -> None:
    held, plan_hash = TOTALS["members"][place], totals_plan().hash
    for purpose, secret in held["secrets"].items():
        parts = bytes.fromhex(held["drawn"]), purpose.encode(), plan_hash
        assert plain_hash(b"cefed/totals-secret/v1", *parts).hex() == secret
    seed = bytes.fromhex(held["secrets"]["self-mask"])
    assert commitment_to(plan_hash, seed).hex() == held["commitment"]
    member = member_before(Stage.UNMASKING, place)
    last = [one for one in exchanges(Stage.UNMASKING) if one["place"] == place]
    for one in last:
        assert member.answer(bytes.fromhex(one["step"])).hex() == one["answer"]
        assert member.revealed_for == bytes.fromhex(TOTALS["survivors"]["hash"])
    assert bool(last) == (place in survivors())


@pytest.mark.parametrize("place", [one["place"] for one in exchanges(Stage.MASKING)])
def test_vectors_hold_values_self_mask_and_masks_with_all_who_dealt(place: int) -> None:
    (one,) = [one for one in exchanges(Stage.MASKING) if one["place"] == place]
    if one["answer"] is None:
        assert place not in survivors()
        return
    held, plan_hash = TOTALS["members"], totals_plan().hash
    own = held[place]["secrets"]
    seeds = [bytes.fromhex(member["secrets"]["mask-key"]) for member in held]
    publics = {at: RoundKey(seed).public for at, seed in enumerate(seeds) if at != place}
    key = plain_hash(b"cefed/self-mask/v1", plan_hash, bytes.fromhex(own["self-mask"]))
    values = [1, *(held[place]["measures"][measure.name] for measure in totals_plan().measures)]
    both = plain_masks(seeds[place], place, publics, (b"masked", plan_hash), len(values))
    answer = decode(fb.TotalsAnswer, bytes.fromhex(one["answer"]))
    hidden = wrapped(values, wrapped(plain_words(key, len(values)), both))
    assert words_of(answer.masked) == hidden


def survivors() -> set[int]:
    bits = int.from_bytes(bytes.fromhex(TOTALS["survivors"]["bits"]), "little")
    return {place for place in range(len(TOTALS["members"])) if bits >> place & 1}


def test_the_coordinator_asks_and_releases_what_is_written() -> None:
    gathering = gathering_before(Stage.UNMASKING)
    play_stage(gathering, Stage.UNMASKING)
    assert gathering.stage is Stage.DONE
    assert gathering.release is not None
    assert gathering.release.hex() == TOTALS["release"]
    assert totals_plan().hash.hex() == TOTALS["plan_hash"]
    list_hash = bytes.fromhex(TOTALS["survivors"]["hash"])
    release = read_release(gathering.release, totals_plan(), coordinator().public, list_hash)
    assert release.survivors.bits.hex() == TOTALS["survivors"]["bits"]
    assert _decimal(release.sums) == TOTALS["sums"]
    inside = [TOTALS["members"][place]["measures"] for place in survivors()]
    plain = {name: str(sum(own[name] for own in inside)) for name in TOTALS["sums"]}
    assert plain == TOTALS["sums"]


def test_the_file_names_who_drops_out() -> None:
    silent = [one["place"] for one in exchanges(Stage.MASKING) if one["answer"] is None]
    assert set(silent) == set(range(len(TOTALS["members"]))) - survivors()
    assert len(silent) == 1
