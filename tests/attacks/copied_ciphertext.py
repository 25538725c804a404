"""A member copies or multiplies another's ciphertext into its own contribution of the same round.

The coordinator shows an accomplice the victim's ciphertexts. The accomplice raises the one with the
victim's values to a power of two, which shifts them above everything that is packed there, and
multiplies it into its own: fresh bytes, a valid signature, a well-formed group element. When the
band is opened, the coordinator reads the victim above the sums; that the opened plaintext is then
refused as too long comes too late. What stops it: the proof of knowledge over all ciphertexts.

Removed by ``--weakened``: the check of that proof, :func:`protocols.knowledge.verify`, with
everybody.

:func:`on_the_wire` is the plain form over TLS: a member sends the victim's ciphertexts, each
multiplied by a fresh encryption of zero, as its own, and so has the victim counted twice.
"""

from __future__ import annotations

from pathlib import Path

from protocols import knowledge
from protocols.paillier import encryptor_for
from protocols.wire import service_pb2 as pb
from tests.attacks.lying import SETTLE, log_of, lying_board, open_plaintexts
from tests.attacks.play import (
    PLANTED,
    VICTIM,
    ciphertexts,
    decode_values,
    encrypt,
    folder,
    released,
    serving,
    tampered,
    totals,
    value_position,
)
from tests.attacks.result import Result, heard, main, removed
from tests.hostile.forging import poll, stop, trustees
from tests.hostile.served import Served, serve
from tests.trustee.scene import MEMBERS, Scene, member_key, values

ACCOMPLICE = MEMBERS
NOT_COUNTED = "is not counted: InvalidProof"


def run(weakened: bool) -> Result:
    """Shift the victim's values above the sums and have the band opened."""
    scene = Scene()
    everybody = [
        encrypt(scene, PLANTED if number == VICTIM else values(number), member_key(number))
        for number in range(1, MEMBERS)
    ]
    # Every bin at once, since the accomplice does not know the victim's; the others hold zero.
    positions = [value_position(scene, index) for index in range(scene.layout.bins)]
    shift = _packed_bits(scene)
    copied = ciphertexts(scene, everybody[VICTIM - 1])
    modulus = int(scene.held.ceremony.key.public.n_squared)

    def multiply(own: list[int]) -> None:
        for at in positions:
            own[at] = own[at] * pow(copied[at], 1 << shift, modulus) % modulus

    everybody.append(tampered(scene, values(ACCOMPLICE), member_key(ACCOMPLICE), multiply))
    gained = None
    with (
        removed(weakened, knowledge, "verify", lambda *_: None) as what,
        folder() as path,
        lying_board(scene, path) as board,
        serving(scene, board, path, (1, 2, 3)) as services,
    ):
        poll(services, SETTLE)
        board.forged = log_of(scene, everybody, everybody)
        poll(services)
        found = open_plaintexts(scene, board, everybody)
        stopped = tuple(dict.fromkeys(board.reasons()))
    if found is not None:
        above = [plaintext >> shift for plaintext in found[1].values() if plaintext >> shift]
        gained = decode_values(scene, above[0]) if above else None
    return Result(
        had="the coordinator's log and one member's key",
        did=f"multiplied the victim's ciphertext, to the power 2^{shift}, into a member's own",
        planted={name: PLANTED[name] for name in ("output", "emissions")},
        gained=gained,
        stopped_by=stopped,
        removed=what and f"the proof of knowledge ({what})",
    )


def on_the_wire(weakened: bool) -> Result:
    """Send the victim's contribution, re-randomised, as one's own; real sockets, real trustees."""
    scene = Scene()
    with (
        folder() as path,
        removed(weakened, knowledge, "verify", lambda *_: None) as what,
        serve(scene, path) as served,
        heard() as lines,
    ):
        sums = _copy_over_tls(scene, served, path)
    counted = [PLANTED, *(values(number) for number in range(2, MEMBERS)), PLANTED]
    return Result(
        had="the victim's signed contribution, and another member's key",
        did="sent it again under that key, multiplied by encryptions of zero",
        planted={name: sum(m[name] for m in counted) for name in PLANTED},
        gained=sums,
        stopped_by=tuple(dict.fromkeys(line for line in lines if NOT_COUNTED in line)),
        removed=what and f"the proof of knowledge ({what})",
    )


def _copy_over_tls(scene: Scene, served: Served, path: Path) -> dict[str, int]:
    """A round in which the last member sends a copy; the released totals."""
    victim = encrypt(scene, PLANTED, member_key(VICTIM))
    encryptor = encryptor_for(scene.held.ceremony.key.public)
    modulus = int(encryptor.key.n_squared)

    def copy(own: list[int]) -> None:
        own[:] = [int(c * encryptor.encrypt(0) % modulus) for c in ciphertexts(scene, victim)]

    sent = [encrypt(scene, values(number), member_key(number)) for number in range(2, MEMBERS)]
    stolen = tampered(scene, values(ACCOMPLICE), member_key(ACCOMPLICE), copy)
    for number, data in enumerate([victim, *sent, stolen], start=1):
        request = pb.SubmitRequest(round_id=scene.round_id, contribution=data)
        served.call("Submit", request, member_key(number))
    services = trustees(served, path)
    try:
        for _ in range(10):
            served.board.advance()
            poll(services, 2)
        document = released(served.board, scene)
    finally:
        stop(services)
    assert document is not None, "the round did not end"
    return totals(document)


def _packed_bits(scene: Scene) -> int:
    """Bits that the band-level sums of one band take."""
    bounds = [m.bound for m in scene.plan.measures if m.level == "band" and m.published]
    return sum((scene.plan.participants * bound).bit_length() for bound in bounds)


if __name__ == "__main__":
    main(run, __doc__)
