"""Two certificates of one round, and a node that is asked to mask for both.

The second counts everybody but one member. The difference of the two sums would be that member's
figures. Both have q signatures: trustees broke the rules. What stops it: a node masks for one
certificate of a round, and the vectors of everybody are needed, so one honest node that is on both
lists keeps the second sum closed. Its vector for the first is of no use there, since masks are
bound to the certificate: that is tried, too.

Removed by ``--weakened``: what the node remembers of having masked, and what is left of it in its
outbox, as if folder and exchange had been restored from a backup in the middle of the round.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from enterprise_node.exchange import Envelope
from protocols.bands import BinRange
from protocols.certificate import BandCertificate, RankingResult
from protocols.errors import OpeningInconsistent
from protocols.federated import masked, masks, sections
from protocols.federated.keybook import KeyBook, root_of
from protocols.federated.masks import RoundKey
from protocols.wire.codec import encode
from tests import keys
from tests.attacks.play import folder
from tests.attacks.result import Result, main
from tests.attacks.unmask import Figures, words_of
from tests.enterprise_node.ring import FIGURES, OTHERS, OWN_PLACE, Ring, certified_scene
from tests.enterprise_node.scene import ROUND

MEASURES = ("output", "emissions")


def run(weakened: bool) -> Result:
    """A node of its own folder, and five others that mask for whatever they are shown."""
    with folder() as path:
        scene = certified_scene(path)
        scene.turn(2)
        ring = Ring(scene)
        everybody = ring.signed_keys()
        first = ring.certificate()
        second = dataclasses.replace(
            first,
            statement_hash=b"\1" * 32,
            members=OTHERS,
            rankings=(RankingResult("cef", (BinRange(0, 4, OTHERS),)),),
            masks_root=root_of(everybody[:-1]),
        )
        sums, stopped = list[Figures](), list[str]()
        for certificate, listed in ((first, everybody), (second, everybody[:-1])):
            stopped += _ask(ring, certificate, listed)
            sent = scene.exchange.outbox.get("masked", ROUND)
            assert sent is not None
            vectors = [sent.payload, *_others(ring, certificate, listed)]
            try:
                sums.append(_sum(ring, certificate, vectors))
            except OpeningInconsistent as error:
                stopped.append(str(error))
            if weakened:
                scene.store.round(ROUND).drop("masked")
                scene.exchange.outbox.withdraw("masked", ROUND)
    return Result(
        had="the coordinator's key, q trustees, and every member that is asked but one node",
        did="had the node mask for a second list, without one member, and subtracted",
        planted={name: FIGURES[name] for name in MEASURES},
        gained=_difference(*sums) if len(sums) > 1 else None,
        stopped_by=tuple(stopped),
        removed="what the node remembers of having masked, and its outbox" if weakened else "",
    )


def _ask(ring: Ring, certificate: BandCertificate, listed: Sequence[bytes]) -> list[str]:
    """Bring the node a certificate; why it refused, if it did."""
    reply = KeyBook(ring.plan, certificate, listed).reply(OWN_PLACE, _votes(certificate))
    ring.scene.exchange.inbox.put(Envelope("masking", ROUND, encode(reply)))
    return [event.text for event in ring.scene.step() if event.kind == "refused"]


def _others(ring: Ring, certificate: BandCertificate, listed: Sequence[bytes]) -> list[bytes]:
    """The vectors of the others on the list."""
    book, vectors = KeyBook(ring.plan, certificate, listed), []
    for place in range(len(listed)):
        if place == OWN_PLACE:
            continue
        number = place + 1 if place < OWN_PLACE else place
        signer, secret = keys.signing_key(number), RoundKey(bytes([number]) * 32)
        terms = masked.read_masking(
            book.reply(place, _votes(certificate)),
            ring.plan,
            keys.trustees().ceremony,
            signer.public,
            listed[place],
        )
        vectors.append(masked.mask(terms, FIGURES, secret, signer))
    return vectors


def _sum(ring: Ring, certificate: BandCertificate, vectors: Sequence[bytes]) -> Figures:
    """What whoever holds these vectors adds up, for whatever they were masked."""
    size = sections.words(ring.plan, certificate)
    total = masks.added(map(words_of, vectors), size)
    return dict(masked.sums(ring.plan, certificate, total).sections[0])


def _difference(first: Figures, second: Figures) -> Figures:
    return {name: first[name] - second[name] for name in MEASURES}


def _votes(certificate: BandCertificate) -> list[bytes]:
    return [key.sign("certificate", certificate.to_bytes()) for key in keys.trustees().signing[:3]]


if __name__ == "__main__":
    main(run, __doc__)
