from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class TotalsStep(_message.Message):
    __slots__ = ("plan_hash", "keys", "shares", "masking", "agreement", "unmasking")
    PLAN_HASH_FIELD_NUMBER: _ClassVar[int]
    KEYS_FIELD_NUMBER: _ClassVar[int]
    SHARES_FIELD_NUMBER: _ClassVar[int]
    MASKING_FIELD_NUMBER: _ClassVar[int]
    AGREEMENT_FIELD_NUMBER: _ClassVar[int]
    UNMASKING_FIELD_NUMBER: _ClassVar[int]
    plan_hash: bytes
    keys: TotalsInvitation
    shares: TotalsKeys
    masking: TotalsShares
    agreement: TotalsSurvivors
    unmasking: TotalsQuorum
    def __init__(self, plan_hash: _Optional[bytes] = ..., keys: _Optional[_Union[TotalsInvitation, _Mapping]] = ..., shares: _Optional[_Union[TotalsKeys, _Mapping]] = ..., masking: _Optional[_Union[TotalsShares, _Mapping]] = ..., agreement: _Optional[_Union[TotalsSurvivors, _Mapping]] = ..., unmasking: _Optional[_Union[TotalsQuorum, _Mapping]] = ...) -> None: ...

class TotalsInvitation(_message.Message):
    __slots__ = ("plan", "place")
    PLAN_FIELD_NUMBER: _ClassVar[int]
    PLACE_FIELD_NUMBER: _ClassVar[int]
    plan: bytes
    place: bytes
    def __init__(self, plan: _Optional[bytes] = ..., place: _Optional[bytes] = ...) -> None: ...

class TotalsKeys(_message.Message):
    __slots__ = ("keys", "proof")
    KEYS_FIELD_NUMBER: _ClassVar[int]
    PROOF_FIELD_NUMBER: _ClassVar[int]
    keys: _containers.RepeatedCompositeFieldContainer[TotalsKey]
    proof: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, keys: _Optional[_Iterable[_Union[TotalsKey, _Mapping]]] = ..., proof: _Optional[_Iterable[bytes]] = ...) -> None: ...

class TotalsKey(_message.Message):
    __slots__ = ("place", "group", "round_key")
    PLACE_FIELD_NUMBER: _ClassVar[int]
    GROUP_FIELD_NUMBER: _ClassVar[int]
    ROUND_KEY_FIELD_NUMBER: _ClassVar[int]
    place: int
    group: str
    round_key: bytes
    def __init__(self, place: _Optional[int] = ..., group: _Optional[str] = ..., round_key: _Optional[bytes] = ...) -> None: ...

class SealedDeal(_message.Message):
    __slots__ = ("place", "sealed")
    PLACE_FIELD_NUMBER: _ClassVar[int]
    SEALED_FIELD_NUMBER: _ClassVar[int]
    place: int
    sealed: bytes
    def __init__(self, place: _Optional[int] = ..., sealed: _Optional[bytes] = ...) -> None: ...

class TotalsShares(_message.Message):
    __slots__ = ("deals",)
    DEALS_FIELD_NUMBER: _ClassVar[int]
    deals: _containers.RepeatedCompositeFieldContainer[SealedDeal]
    def __init__(self, deals: _Optional[_Iterable[_Union[SealedDeal, _Mapping]]] = ...) -> None: ...

class TotalsSurvivors(_message.Message):
    __slots__ = ("survivors",)
    SURVIVORS_FIELD_NUMBER: _ClassVar[int]
    survivors: bytes
    def __init__(self, survivors: _Optional[bytes] = ...) -> None: ...

class TotalsQuorum(_message.Message):
    __slots__ = ("survivors", "signatures", "proof")
    SURVIVORS_FIELD_NUMBER: _ClassVar[int]
    SIGNATURES_FIELD_NUMBER: _ClassVar[int]
    PROOF_FIELD_NUMBER: _ClassVar[int]
    survivors: bytes
    signatures: _containers.RepeatedCompositeFieldContainer[TotalsSignature]
    proof: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, survivors: _Optional[bytes] = ..., signatures: _Optional[_Iterable[_Union[TotalsSignature, _Mapping]]] = ..., proof: _Optional[_Iterable[bytes]] = ...) -> None: ...

class TotalsSignature(_message.Message):
    __slots__ = ("place", "member", "signature")
    PLACE_FIELD_NUMBER: _ClassVar[int]
    MEMBER_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    place: int
    member: bytes
    signature: bytes
    def __init__(self, place: _Optional[int] = ..., member: _Optional[bytes] = ..., signature: _Optional[bytes] = ...) -> None: ...

class TotalsAnswer(_message.Message):
    __slots__ = ("plan_hash", "round_key", "dealt", "masked", "survivors", "revealed")
    PLAN_HASH_FIELD_NUMBER: _ClassVar[int]
    ROUND_KEY_FIELD_NUMBER: _ClassVar[int]
    DEALT_FIELD_NUMBER: _ClassVar[int]
    MASKED_FIELD_NUMBER: _ClassVar[int]
    SURVIVORS_FIELD_NUMBER: _ClassVar[int]
    REVEALED_FIELD_NUMBER: _ClassVar[int]
    plan_hash: bytes
    round_key: bytes
    dealt: bytes
    masked: bytes
    survivors: bytes
    revealed: bytes
    def __init__(self, plan_hash: _Optional[bytes] = ..., round_key: _Optional[bytes] = ..., dealt: _Optional[bytes] = ..., masked: _Optional[bytes] = ..., survivors: _Optional[bytes] = ..., revealed: _Optional[bytes] = ...) -> None: ...

class DealtShares(_message.Message):
    __slots__ = ("plan_hash", "commitment", "deals")
    PLAN_HASH_FIELD_NUMBER: _ClassVar[int]
    COMMITMENT_FIELD_NUMBER: _ClassVar[int]
    DEALS_FIELD_NUMBER: _ClassVar[int]
    plan_hash: bytes
    commitment: bytes
    deals: _containers.RepeatedCompositeFieldContainer[SealedDeal]
    def __init__(self, plan_hash: _Optional[bytes] = ..., commitment: _Optional[bytes] = ..., deals: _Optional[_Iterable[_Union[SealedDeal, _Mapping]]] = ...) -> None: ...

class Survivors(_message.Message):
    __slots__ = ("plan_hash", "survivors_hash", "members")
    PLAN_HASH_FIELD_NUMBER: _ClassVar[int]
    SURVIVORS_HASH_FIELD_NUMBER: _ClassVar[int]
    MEMBERS_FIELD_NUMBER: _ClassVar[int]
    plan_hash: bytes
    survivors_hash: bytes
    members: int
    def __init__(self, plan_hash: _Optional[bytes] = ..., survivors_hash: _Optional[bytes] = ..., members: _Optional[int] = ...) -> None: ...

class RevealedShare(_message.Message):
    __slots__ = ("place", "share")
    PLACE_FIELD_NUMBER: _ClassVar[int]
    SHARE_FIELD_NUMBER: _ClassVar[int]
    place: int
    share: bytes
    def __init__(self, place: _Optional[int] = ..., share: _Optional[bytes] = ...) -> None: ...

class RevealedShares(_message.Message):
    __slots__ = ("plan_hash", "survivors_hash", "shares")
    PLAN_HASH_FIELD_NUMBER: _ClassVar[int]
    SURVIVORS_HASH_FIELD_NUMBER: _ClassVar[int]
    SHARES_FIELD_NUMBER: _ClassVar[int]
    plan_hash: bytes
    survivors_hash: bytes
    shares: _containers.RepeatedCompositeFieldContainer[RevealedShare]
    def __init__(self, plan_hash: _Optional[bytes] = ..., survivors_hash: _Optional[bytes] = ..., shares: _Optional[_Iterable[_Union[RevealedShare, _Mapping]]] = ...) -> None: ...

class TotalsRelease(_message.Message):
    __slots__ = ("plan_hash", "survivors", "sums", "document")
    PLAN_HASH_FIELD_NUMBER: _ClassVar[int]
    SURVIVORS_FIELD_NUMBER: _ClassVar[int]
    SUMS_FIELD_NUMBER: _ClassVar[int]
    DOCUMENT_FIELD_NUMBER: _ClassVar[int]
    plan_hash: bytes
    survivors: bytes
    sums: _containers.RepeatedScalarFieldContainer[int]
    document: bytes
    def __init__(self, plan_hash: _Optional[bytes] = ..., survivors: _Optional[bytes] = ..., sums: _Optional[_Iterable[int]] = ..., document: _Optional[bytes] = ...) -> None: ...

class TotalsMemory(_message.Message):
    __slots__ = ("plan_hash", "root", "answered", "keys", "deals")
    PLAN_HASH_FIELD_NUMBER: _ClassVar[int]
    ROOT_FIELD_NUMBER: _ClassVar[int]
    ANSWERED_FIELD_NUMBER: _ClassVar[int]
    KEYS_FIELD_NUMBER: _ClassVar[int]
    DEALS_FIELD_NUMBER: _ClassVar[int]
    plan_hash: bytes
    root: bytes
    answered: _containers.RepeatedCompositeFieldContainer[TotalsAnswered]
    keys: _containers.RepeatedCompositeFieldContainer[TotalsNeighbour]
    deals: _containers.RepeatedCompositeFieldContainer[SealedDeal]
    def __init__(self, plan_hash: _Optional[bytes] = ..., root: _Optional[bytes] = ..., answered: _Optional[_Iterable[_Union[TotalsAnswered, _Mapping]]] = ..., keys: _Optional[_Iterable[_Union[TotalsNeighbour, _Mapping]]] = ..., deals: _Optional[_Iterable[_Union[SealedDeal, _Mapping]]] = ...) -> None: ...

class TotalsAnswered(_message.Message):
    __slots__ = ("stage", "subject", "answer")
    STAGE_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    ANSWER_FIELD_NUMBER: _ClassVar[int]
    stage: int
    subject: bytes
    answer: bytes
    def __init__(self, stage: _Optional[int] = ..., subject: _Optional[bytes] = ..., answer: _Optional[bytes] = ...) -> None: ...

class TotalsNeighbour(_message.Message):
    __slots__ = ("place", "mask_key", "seal_key")
    PLACE_FIELD_NUMBER: _ClassVar[int]
    MASK_KEY_FIELD_NUMBER: _ClassVar[int]
    SEAL_KEY_FIELD_NUMBER: _ClassVar[int]
    place: int
    mask_key: bytes
    seal_key: bytes
    def __init__(self, place: _Optional[int] = ..., mask_key: _Optional[bytes] = ..., seal_key: _Optional[bytes] = ...) -> None: ...
