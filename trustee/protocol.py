"""The dealer's papers: the printed protocol of a ceremony, and its signed transcript."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime

from protocols.ceremony import Ceremony
from protocols.errors import InvalidSignature, MalformedMessage
from protocols.hashing import domain_hash
from protocols.signing import SigningKey, open_signed
from trustee import words

KIND = "ceremony-transcript"
SCHEMA = "cefed.ceremony-transcript/1"
MAX_BYTES = 1 << 20

_HEAD = """\
KEY CEREMONY - PROTOCOL

Reporting period   {period}
Key id             {key_id}
Modulus            {bits} bits
Held at            {time} UTC
Counts             {counts}
Dealer's key       {dealer}

The dealer sees the whole key for a moment. It is neither the coordinator nor a node.
"""

_STEPS = (
    "Each trustee ran `cefed trustee init` and gave identity.json to the dealer.",
    "The dealer compared every fingerprint below with its trustee by telephone or in person.",
    "The dealer confirmed the counts in words and dealt the key. The primes existed in that "
    "process only and ended with it.",
    "The dealer gave each trustee ceremony.bin and its own share file, and told it the dealer's "
    "fingerprint by another way.",
    "Each trustee ran `cefed trustee accept`, compared the dealer's fingerprint, and gave "
    "countersignature-<index>.bin back.",
    "The dealer ran `cefed ceremony forget`, which checks all countersignatures, deletes the share "
    "files and the dealer's key and leaves the signed deletion.bin.",
    "The coordinator received ceremony.bin, all countersignatures and deletion.bin, and ran "
    "`cefed ceremony check`.",
)

_LINE = "        done by ____________________  date and time ______________  signature ____________"


def file_hash(data: bytes) -> str:
    """SHA-256 in hexadecimal, as `sha256sum` prints it."""
    return hashlib.sha256(data).hexdigest()


def sealing_fingerprint(key: bytes) -> str:
    """Sixteen hexadecimal digits for an X25519 key."""
    return domain_hash("cefed/sealing-fingerprint/v1", key).hex()[:16]


def write_protocol(ceremony: Ceremony, files: Mapping[str, bytes]) -> str:
    """The text to print and sign by hand.

    :param files: the content of every file that the dealer hands out, by name.
    """
    lines = [
        _HEAD.format(
            period=ceremony.period,
            key_id=ceremony.key_id.hex(),
            bits=ceremony.key.public.bits,
            time=datetime.fromtimestamp(ceremony.created_at, UTC).strftime("%Y-%m-%d %H:%M:%S"),
            counts=_counts(ceremony),
            dealer=ceremony.dealer.fingerprint,
        ),
        "Trustees, with the fingerprints of their signing and sealing keys\n",
        *(
            f"  {t.index}. {t.name}\n        signs {t.signing_key.fingerprint}   "
            f"opens {sealing_fingerprint(t.sealing_key)}"
            for t in ceremony.trustees
        ),
        "\nFiles, with their SHA-256\n",
        *(f"  {name}\n        {file_hash(data)}" for name, data in files.items()),
        "\nSteps\n",
        *(f"  {number}. {step}\n{_LINE}\n" for number, step in enumerate(_STEPS, start=1)),
        "Present\n",
        *(
            f"  {role}\n        name ____________________  date ______________  signature "
            "____________\n"
            for role in ("Dealer", *(t.name for t in ceremony.trustees), "Witness")
        ),
    ]
    return "\n".join(lines)


def sign_transcript(
    ceremony: Ceremony, files: Mapping[str, bytes], dealer: SigningKey, *, confirmed: str
) -> bytes:
    """What happened in the ceremony, signed by its dealer.

    :param confirmed: the words that were typed, or that nobody was asked.
    """
    document = {
        "schema": SCHEMA,
        "key_id": ceremony.key_id.hex(),
        "period": ceremony.period,
        "time": ceremony.created_at,
        "counts": _counts(ceremony),
        "confirmed": confirmed,
        "modulus_bits": ceremony.key.public.bits,
        "trustees": [
            {
                "index": t.index,
                "name": t.name,
                "signing_key": t.signing_key.raw.hex(),
                "sealing_key": t.sealing_key.hex(),
            }
            for t in ceremony.trustees
        ],
        "files": {name: file_hash(data) for name, data in files.items()},
    }
    payload = json.dumps(document, sort_keys=True, separators=(",", ":")).encode("utf-8")
    return dealer.sign(KIND, payload)


def read_transcript(data: bytes, ceremony: Ceremony) -> dict[str, str]:
    """The hashes of the dealer's files, by name, from the transcript of this ceremony.

    :raises ProtocolError: not signed by the dealer, or of another ceremony.
    """
    statement = open_signed(data, KIND, MAX_BYTES)
    if statement.signer != ceremony.dealer:
        raise InvalidSignature("the ceremony's transcript is the dealer's to sign")
    try:
        document = json.loads(statement.payload)
        key_id, files = document["key_id"], document["files"]
        hashes = {str(name): str(value) for name, value in files.items()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise MalformedMessage("the ceremony's transcript does not parse") from error
    if key_id != ceremony.key_id.hex():
        raise MalformedMessage("the transcript is of another ceremony")
    return hashes


def _counts(ceremony: Ceremony) -> str:
    return words.counts(ceremony.key.threshold, ceremony.closing_quorum, len(ceremony.trustees))
