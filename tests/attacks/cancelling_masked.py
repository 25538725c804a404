"""The malformed vector of :mod:`tests.attacks.cancelling_vector` in a certified round.

Bins and classes are ciphertexts there, too, so that +4 in the victim's bin and -3 in a crowded one
have the victim's band certified. The same goes into the masked vector: four inventions in the
victim's section, minus three guesses in the other, modulo 2^64. All counts are the certificate's,
and the published band less the inventions is the victim.

**This attack succeeds against the defaults**; ``--weakened`` changes nothing.
"""

from __future__ import annotations

from protocols.certificate import BandCertificate
from protocols.federated import masks, sections
from protocols.federated.masked import KIND, MaskingTerms, mask, read_masking
from protocols.wire import messages_pb2 as pb
from protocols.wire.codec import encode
from tests.attacks.cancelling_vector import (
    ALONE,
    GUESSED,
    INVENTED,
    LIAR,
    VICTIM,
    gained_from,
    vector,
)
from tests.attacks.play import encrypt, folder, released, serving, sign_plaintexts, submit
from tests.attacks.result import Result, main
from tests.trustee.scene import Scene, member_key, values
from tests.trustee.scene import run as run_trustees


def run(weakened: bool = False) -> Result:
    """A round of ten honest members, the victim and the liar, under the defaults."""
    del weakened  # there is no line of defence yet that could be removed
    scene = Scene(certified=True)
    with folder() as path:
        board = scene.board(path / "board.sqlite")
        for number in scene.numbers:
            submit(board, scene, _contribution(scene, number))
        with serving(scene, board, path) as services:
            run_trustees(board, services)
            for number in scene.numbers:
                key = member_key(number)
                reply = board.masking(scene.round_id, key.public)
                own = scene.round_key(number, key)
                terms = read_masking(reply, scene.plan, scene.held.ceremony, key.public, own)
                board.submit_masked(scene.round_id, _masked(scene, number, terms))
            state = run_trustees(board, services)
        document = released(board, scene)
        board.close()
    return Result(
        had="a place on the roster, changed software, a guess of the victim's bin and size",
        did="masked four invented members less three guessed ones as its own vector",
        planted={name: ALONE[name] for name in ("output", "emissions")},
        gained=gained_from(document),
        figures={"the round's state": state},
    )


def _contribution(scene: Scene, number: int) -> bytes:
    key = member_key(number)
    own = scene.round_key(number, key)
    if number == LIAR:
        return sign_plaintexts(scene, vector(scene), key, own)
    return encrypt(scene, _measures(number), key, round_key=own)


def _masked(scene: Scene, number: int, terms: MaskingTerms) -> bytes:
    if number != LIAR:
        return mask(terms, _measures(number), scene.secret_key(number), member_key(number))
    plan, certificate = scene.plan, terms.certificate
    words = _lie(scene, certificate)
    context = (KIND.encode(), plan.hash, certificate.hash)
    own = scene.secret_key(number)
    words = words + masks.pairwise(own, terms.place, terms.neighbours, context, len(words))
    message = pb.Masked(plan_hash=plan.hash, basis=certificate.hash, words=masks.to_bytes(words))
    return member_key(number).sign(KIND, encode(message))


def _lie(scene: Scene, certificate: BandCertificate) -> masks.Words:
    """Four members in the victim's section and minus three in the crowded one."""
    added, taken = (
        [masks.to_words(sections.encode(scene.plan, certificate, one)) for one in some]
        for some in (INVENTED, GUESSED)
    )
    size = sections.words(scene.plan, certificate)
    return masks.added(added, size) - masks.added(taken, size)


def _measures(number: int) -> dict[str, int]:
    return ALONE if number == VICTIM else values(number)


if __name__ == "__main__":
    main(run, __doc__)
