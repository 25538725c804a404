"""Everything that can go wrong in a round, as one family of exceptions.

Callers above this package catch :class:`ProtocolError`; nothing else escapes it. Every class
carries the exit code that the command line documents. Messages never contain secrets or values of
an enterprise.
"""

from __future__ import annotations


class ProtocolError(Exception):
    """Root of the package: a rule of the protocol was broken."""

    exit_code = 7


class MalformedMessage(ProtocolError):
    """Bytes that are oversize, not parsable, not canonical, or hold a field out of its range."""


class PlanError(ProtocolError):
    """A plan or template that cannot be run, or that is not the one agreed on."""

    exit_code = 4


class PlanExpired(PlanError):
    """The plan's deadline has passed, or it is not open yet."""


class RoundNotOpen(PlanExpired):
    """Too early for a contribution: the same bytes are taken later."""


class ContributionRefused(ProtocolError):
    """A node's own measures cannot take part; the message says which and why."""

    exit_code = 3


class BoundExceeded(ContributionRefused):
    """A value outside its declared bound. Values are refused, never clipped."""


class PackingError(ProtocolError):
    """A plaintext that no sum of packed values can have."""


class OpeningInconsistent(ProtocolError):
    """Opened counts, classes or sums contradict each other or the plan."""


class PolicyRefusal(ProtocolError):
    """The disclosure policy forbids the step."""


class KeyRefused(ProtocolError):
    """A modulus or key that fails the checks which can be made from outside."""


class InvalidCiphertext(ProtocolError):
    """A ciphertext out of range, not coprime to the modulus, or seen before."""


class InvalidProof(ProtocolError):
    """A proof of knowledge or of a correct share that does not verify."""


class InvalidSignature(ProtocolError):
    """A signature that does not verify, or by a key that has no say here."""


class InvalidShare(ProtocolError):
    """A decryption share that is malformed, repeated or from another ceremony."""


class OpeningFailed(ProtocolError):
    """Shares that do not combine to an opening; names the trustees at fault."""


class SealBroken(ProtocolError):
    """An envelope that does not open with this key."""


class TranscriptBroken(ProtocolError):
    """A transcript whose hash chain or content does not hold."""


class QuorumMissing(ProtocolError):
    """Too few distinct trustees signed the same statement."""


class StorageError(ProtocolError):
    """A key file or store that cannot be read, written or trusted."""

    exit_code = 8
