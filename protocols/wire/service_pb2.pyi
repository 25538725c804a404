from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ListRoundsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class RoundSummary(_message.Message):
    __slots__ = ("round_id", "state", "contributions", "entries", "member", "masking")
    ROUND_ID_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    CONTRIBUTIONS_FIELD_NUMBER: _ClassVar[int]
    ENTRIES_FIELD_NUMBER: _ClassVar[int]
    MEMBER_FIELD_NUMBER: _ClassVar[int]
    MASKING_FIELD_NUMBER: _ClassVar[int]
    round_id: str
    state: str
    contributions: int
    entries: int
    member: bool
    masking: bool
    def __init__(self, round_id: _Optional[str] = ..., state: _Optional[str] = ..., contributions: _Optional[int] = ..., entries: _Optional[int] = ..., member: _Optional[bool] = ..., masking: _Optional[bool] = ...) -> None: ...

class ListRoundsReply(_message.Message):
    __slots__ = ("rounds",)
    ROUNDS_FIELD_NUMBER: _ClassVar[int]
    rounds: _containers.RepeatedCompositeFieldContainer[RoundSummary]
    def __init__(self, rounds: _Optional[_Iterable[_Union[RoundSummary, _Mapping]]] = ...) -> None: ...

class DescribeRequest(_message.Message):
    __slots__ = ("round_id",)
    ROUND_ID_FIELD_NUMBER: _ClassVar[int]
    round_id: str
    def __init__(self, round_id: _Optional[str] = ...) -> None: ...

class RoundDescription(_message.Message):
    __slots__ = ("plan", "roster", "ceremony", "ceremony_countersignatures", "state", "roster_votes", "notices", "place")
    PLAN_FIELD_NUMBER: _ClassVar[int]
    ROSTER_FIELD_NUMBER: _ClassVar[int]
    CEREMONY_FIELD_NUMBER: _ClassVar[int]
    CEREMONY_COUNTERSIGNATURES_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    ROSTER_VOTES_FIELD_NUMBER: _ClassVar[int]
    NOTICES_FIELD_NUMBER: _ClassVar[int]
    PLACE_FIELD_NUMBER: _ClassVar[int]
    plan: bytes
    roster: bytes
    ceremony: bytes
    ceremony_countersignatures: _containers.RepeatedScalarFieldContainer[bytes]
    state: str
    roster_votes: _containers.RepeatedScalarFieldContainer[bytes]
    notices: _containers.RepeatedScalarFieldContainer[bytes]
    place: RosterPlace
    def __init__(self, plan: _Optional[bytes] = ..., roster: _Optional[bytes] = ..., ceremony: _Optional[bytes] = ..., ceremony_countersignatures: _Optional[_Iterable[bytes]] = ..., state: _Optional[str] = ..., roster_votes: _Optional[_Iterable[bytes]] = ..., notices: _Optional[_Iterable[bytes]] = ..., place: _Optional[_Union[RosterPlace, _Mapping]] = ...) -> None: ...

class RosterPlace(_message.Message):
    __slots__ = ("place", "member", "proof")
    PLACE_FIELD_NUMBER: _ClassVar[int]
    MEMBER_FIELD_NUMBER: _ClassVar[int]
    PROOF_FIELD_NUMBER: _ClassVar[int]
    place: int
    member: bytes
    proof: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, place: _Optional[int] = ..., member: _Optional[bytes] = ..., proof: _Optional[_Iterable[bytes]] = ...) -> None: ...

class SubmitRequest(_message.Message):
    __slots__ = ("round_id", "contribution")
    ROUND_ID_FIELD_NUMBER: _ClassVar[int]
    CONTRIBUTION_FIELD_NUMBER: _ClassVar[int]
    round_id: str
    contribution: bytes
    def __init__(self, round_id: _Optional[str] = ..., contribution: _Optional[bytes] = ...) -> None: ...

class SubmitReply(_message.Message):
    __slots__ = ("receipt",)
    RECEIPT_FIELD_NUMBER: _ClassVar[int]
    receipt: bytes
    def __init__(self, receipt: _Optional[bytes] = ...) -> None: ...

class OutcomeRequest(_message.Message):
    __slots__ = ("round_id", "index")
    ROUND_ID_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    round_id: str
    index: int
    def __init__(self, round_id: _Optional[str] = ..., index: _Optional[int] = ...) -> None: ...

class OutcomeReply(_message.Message):
    __slots__ = ("release", "endorsements", "closings", "contribution", "counted")
    RELEASE_FIELD_NUMBER: _ClassVar[int]
    ENDORSEMENTS_FIELD_NUMBER: _ClassVar[int]
    CLOSINGS_FIELD_NUMBER: _ClassVar[int]
    CONTRIBUTION_FIELD_NUMBER: _ClassVar[int]
    COUNTED_FIELD_NUMBER: _ClassVar[int]
    release: bytes
    endorsements: _containers.RepeatedScalarFieldContainer[bytes]
    closings: _containers.RepeatedScalarFieldContainer[bytes]
    contribution: LoggedAt
    counted: CountedAt
    def __init__(self, release: _Optional[bytes] = ..., endorsements: _Optional[_Iterable[bytes]] = ..., closings: _Optional[_Iterable[bytes]] = ..., contribution: _Optional[_Union[LoggedAt, _Mapping]] = ..., counted: _Optional[_Union[CountedAt, _Mapping]] = ...) -> None: ...

class LoggedAt(_message.Message):
    __slots__ = ("index", "payload_hash", "entry_hash")
    INDEX_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_HASH_FIELD_NUMBER: _ClassVar[int]
    ENTRY_HASH_FIELD_NUMBER: _ClassVar[int]
    index: int
    payload_hash: bytes
    entry_hash: bytes
    def __init__(self, index: _Optional[int] = ..., payload_hash: _Optional[bytes] = ..., entry_hash: _Optional[bytes] = ...) -> None: ...

class CountedAt(_message.Message):
    __slots__ = ("place", "proof")
    PLACE_FIELD_NUMBER: _ClassVar[int]
    PROOF_FIELD_NUMBER: _ClassVar[int]
    place: int
    proof: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, place: _Optional[int] = ..., proof: _Optional[_Iterable[bytes]] = ...) -> None: ...

class MaskingRequest(_message.Message):
    __slots__ = ("round_id",)
    ROUND_ID_FIELD_NUMBER: _ClassVar[int]
    round_id: str
    def __init__(self, round_id: _Optional[str] = ...) -> None: ...

class MaskingReply(_message.Message):
    __slots__ = ("certificates", "place", "keys", "proof")
    CERTIFICATES_FIELD_NUMBER: _ClassVar[int]
    PLACE_FIELD_NUMBER: _ClassVar[int]
    KEYS_FIELD_NUMBER: _ClassVar[int]
    PROOF_FIELD_NUMBER: _ClassVar[int]
    certificates: _containers.RepeatedScalarFieldContainer[bytes]
    place: int
    keys: _containers.RepeatedCompositeFieldContainer[MaskingKey]
    proof: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, certificates: _Optional[_Iterable[bytes]] = ..., place: _Optional[int] = ..., keys: _Optional[_Iterable[_Union[MaskingKey, _Mapping]]] = ..., proof: _Optional[_Iterable[bytes]] = ...) -> None: ...

class MaskingKey(_message.Message):
    __slots__ = ("place", "round_key")
    PLACE_FIELD_NUMBER: _ClassVar[int]
    ROUND_KEY_FIELD_NUMBER: _ClassVar[int]
    place: int
    round_key: bytes
    def __init__(self, place: _Optional[int] = ..., round_key: _Optional[bytes] = ...) -> None: ...

class SubmitMaskedRequest(_message.Message):
    __slots__ = ("round_id", "masked")
    ROUND_ID_FIELD_NUMBER: _ClassVar[int]
    MASKED_FIELD_NUMBER: _ClassVar[int]
    round_id: str
    masked: bytes
    def __init__(self, round_id: _Optional[str] = ..., masked: _Optional[bytes] = ...) -> None: ...

class PostRequest(_message.Message):
    __slots__ = ("round_id", "statement")
    ROUND_ID_FIELD_NUMBER: _ClassVar[int]
    STATEMENT_FIELD_NUMBER: _ClassVar[int]
    round_id: str
    statement: bytes
    def __init__(self, round_id: _Optional[str] = ..., statement: _Optional[bytes] = ...) -> None: ...

class PostReply(_message.Message):
    __slots__ = ("receipt",)
    RECEIPT_FIELD_NUMBER: _ClassVar[int]
    receipt: bytes
    def __init__(self, receipt: _Optional[bytes] = ...) -> None: ...

class ReadRequest(_message.Message):
    __slots__ = ("round_id", "from_index")
    ROUND_ID_FIELD_NUMBER: _ClassVar[int]
    FROM_INDEX_FIELD_NUMBER: _ClassVar[int]
    round_id: str
    from_index: int
    def __init__(self, round_id: _Optional[str] = ..., from_index: _Optional[int] = ...) -> None: ...

class Entry(_message.Message):
    __slots__ = ("index", "kind", "payload", "entry_hash")
    INDEX_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    ENTRY_HASH_FIELD_NUMBER: _ClassVar[int]
    index: int
    kind: str
    payload: bytes
    entry_hash: bytes
    def __init__(self, index: _Optional[int] = ..., kind: _Optional[str] = ..., payload: _Optional[bytes] = ..., entry_hash: _Optional[bytes] = ...) -> None: ...

class SendSealedRequest(_message.Message):
    __slots__ = ("round_id", "phase", "sender", "recipient", "envelope")
    ROUND_ID_FIELD_NUMBER: _ClassVar[int]
    PHASE_FIELD_NUMBER: _ClassVar[int]
    SENDER_FIELD_NUMBER: _ClassVar[int]
    RECIPIENT_FIELD_NUMBER: _ClassVar[int]
    ENVELOPE_FIELD_NUMBER: _ClassVar[int]
    round_id: str
    phase: str
    sender: int
    recipient: int
    envelope: bytes
    def __init__(self, round_id: _Optional[str] = ..., phase: _Optional[str] = ..., sender: _Optional[int] = ..., recipient: _Optional[int] = ..., envelope: _Optional[bytes] = ...) -> None: ...

class SendSealedReply(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class FetchSealedRequest(_message.Message):
    __slots__ = ("round_id", "recipient", "phase")
    ROUND_ID_FIELD_NUMBER: _ClassVar[int]
    RECIPIENT_FIELD_NUMBER: _ClassVar[int]
    PHASE_FIELD_NUMBER: _ClassVar[int]
    round_id: str
    recipient: int
    phase: str
    def __init__(self, round_id: _Optional[str] = ..., recipient: _Optional[int] = ..., phase: _Optional[str] = ...) -> None: ...

class SealedPost(_message.Message):
    __slots__ = ("phase", "sender", "envelope")
    PHASE_FIELD_NUMBER: _ClassVar[int]
    SENDER_FIELD_NUMBER: _ClassVar[int]
    ENVELOPE_FIELD_NUMBER: _ClassVar[int]
    phase: str
    sender: int
    envelope: bytes
    def __init__(self, phase: _Optional[str] = ..., sender: _Optional[int] = ..., envelope: _Optional[bytes] = ...) -> None: ...

class MembersRequest(_message.Message):
    __slots__ = ("round_id",)
    ROUND_ID_FIELD_NUMBER: _ClassVar[int]
    round_id: str
    def __init__(self, round_id: _Optional[str] = ...) -> None: ...

class MembersReply(_message.Message):
    __slots__ = ("certificates", "revocations")
    CERTIFICATES_FIELD_NUMBER: _ClassVar[int]
    REVOCATIONS_FIELD_NUMBER: _ClassVar[int]
    certificates: _containers.RepeatedScalarFieldContainer[bytes]
    revocations: bytes
    def __init__(self, certificates: _Optional[_Iterable[bytes]] = ..., revocations: _Optional[bytes] = ...) -> None: ...

class PostPeerRequest(_message.Message):
    __slots__ = ("statement",)
    STATEMENT_FIELD_NUMBER: _ClassVar[int]
    statement: bytes
    def __init__(self, statement: _Optional[bytes] = ...) -> None: ...

class PostPeerReply(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ReadPeersRequest(_message.Message):
    __slots__ = ("key_id",)
    KEY_ID_FIELD_NUMBER: _ClassVar[int]
    key_id: bytes
    def __init__(self, key_id: _Optional[bytes] = ...) -> None: ...

class ReadPeersReply(_message.Message):
    __slots__ = ("statements",)
    STATEMENTS_FIELD_NUMBER: _ClassVar[int]
    statements: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, statements: _Optional[_Iterable[bytes]] = ...) -> None: ...

class CreateRoundRequest(_message.Message):
    __slots__ = ("plan", "roster", "ceremony", "ceremony_countersignatures", "rehearsal")
    PLAN_FIELD_NUMBER: _ClassVar[int]
    ROSTER_FIELD_NUMBER: _ClassVar[int]
    CEREMONY_FIELD_NUMBER: _ClassVar[int]
    CEREMONY_COUNTERSIGNATURES_FIELD_NUMBER: _ClassVar[int]
    REHEARSAL_FIELD_NUMBER: _ClassVar[int]
    plan: bytes
    roster: bytes
    ceremony: bytes
    ceremony_countersignatures: _containers.RepeatedScalarFieldContainer[bytes]
    rehearsal: bytes
    def __init__(self, plan: _Optional[bytes] = ..., roster: _Optional[bytes] = ..., ceremony: _Optional[bytes] = ..., ceremony_countersignatures: _Optional[_Iterable[bytes]] = ..., rehearsal: _Optional[bytes] = ...) -> None: ...

class CreateRoundReply(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class AnnounceRequest(_message.Message):
    __slots__ = ("round_id", "statement")
    ROUND_ID_FIELD_NUMBER: _ClassVar[int]
    STATEMENT_FIELD_NUMBER: _ClassVar[int]
    round_id: str
    statement: bytes
    def __init__(self, round_id: _Optional[str] = ..., statement: _Optional[bytes] = ...) -> None: ...

class AnnounceReply(_message.Message):
    __slots__ = ("receipt",)
    RECEIPT_FIELD_NUMBER: _ClassVar[int]
    receipt: bytes
    def __init__(self, receipt: _Optional[bytes] = ...) -> None: ...

class EnrolRequest(_message.Message):
    __slots__ = ("statement",)
    STATEMENT_FIELD_NUMBER: _ClassVar[int]
    statement: bytes
    def __init__(self, statement: _Optional[bytes] = ...) -> None: ...

class EnrolReply(_message.Message):
    __slots__ = ("state", "certificate", "reason")
    STATE_FIELD_NUMBER: _ClassVar[int]
    CERTIFICATE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    state: str
    certificate: bytes
    reason: str
    def __init__(self, state: _Optional[str] = ..., certificate: _Optional[bytes] = ..., reason: _Optional[str] = ...) -> None: ...
