from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Signed(_message.Message):
    __slots__ = ("kind", "payload", "signer", "signature")
    KIND_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    SIGNER_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    kind: str
    payload: bytes
    signer: bytes
    signature: bytes
    def __init__(self, kind: _Optional[str] = ..., payload: _Optional[bytes] = ..., signer: _Optional[bytes] = ..., signature: _Optional[bytes] = ...) -> None: ...

class Rational(_message.Message):
    __slots__ = ("numerator", "denominator")
    NUMERATOR_FIELD_NUMBER: _ClassVar[int]
    DENOMINATOR_FIELD_NUMBER: _ClassVar[int]
    numerator: bytes
    denominator: bytes
    def __init__(self, numerator: _Optional[bytes] = ..., denominator: _Optional[bytes] = ...) -> None: ...

class Measure(_message.Message):
    __slots__ = ("name", "unit", "minimum", "bound", "level", "published", "protects")
    NAME_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    MINIMUM_FIELD_NUMBER: _ClassVar[int]
    BOUND_FIELD_NUMBER: _ClassVar[int]
    LEVEL_FIELD_NUMBER: _ClassVar[int]
    PUBLISHED_FIELD_NUMBER: _ClassVar[int]
    PROTECTS_FIELD_NUMBER: _ClassVar[int]
    name: str
    unit: str
    minimum: bytes
    bound: bytes
    level: str
    published: bool
    protects: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, name: _Optional[str] = ..., unit: _Optional[str] = ..., minimum: _Optional[bytes] = ..., bound: _Optional[bytes] = ..., level: _Optional[str] = ..., published: _Optional[bool] = ..., protects: _Optional[_Iterable[str]] = ...) -> None: ...

class Indicator(_message.Message):
    __slots__ = ("name", "unit", "numerator", "denominator", "scale", "direction", "ranking", "edges")
    NAME_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    NUMERATOR_FIELD_NUMBER: _ClassVar[int]
    DENOMINATOR_FIELD_NUMBER: _ClassVar[int]
    SCALE_FIELD_NUMBER: _ClassVar[int]
    DIRECTION_FIELD_NUMBER: _ClassVar[int]
    RANKING_FIELD_NUMBER: _ClassVar[int]
    EDGES_FIELD_NUMBER: _ClassVar[int]
    name: str
    unit: str
    numerator: str
    denominator: str
    scale: Rational
    direction: str
    ranking: str
    edges: _containers.RepeatedCompositeFieldContainer[Rational]
    def __init__(self, name: _Optional[str] = ..., unit: _Optional[str] = ..., numerator: _Optional[str] = ..., denominator: _Optional[str] = ..., scale: _Optional[_Union[Rational, _Mapping]] = ..., direction: _Optional[str] = ..., ranking: _Optional[str] = ..., edges: _Optional[_Iterable[_Union[Rational, _Mapping]]] = ...) -> None: ...

class Policy(_message.Message):
    __slots__ = ("minimum_cohort", "dominance_percent", "largest_share_percent", "top_count", "top_share_percent", "classes_per_octave")
    MINIMUM_COHORT_FIELD_NUMBER: _ClassVar[int]
    DOMINANCE_PERCENT_FIELD_NUMBER: _ClassVar[int]
    LARGEST_SHARE_PERCENT_FIELD_NUMBER: _ClassVar[int]
    TOP_COUNT_FIELD_NUMBER: _ClassVar[int]
    TOP_SHARE_PERCENT_FIELD_NUMBER: _ClassVar[int]
    CLASSES_PER_OCTAVE_FIELD_NUMBER: _ClassVar[int]
    minimum_cohort: int
    dominance_percent: int
    largest_share_percent: int
    top_count: int
    top_share_percent: int
    classes_per_octave: int
    def __init__(self, minimum_cohort: _Optional[int] = ..., dominance_percent: _Optional[int] = ..., largest_share_percent: _Optional[int] = ..., top_count: _Optional[int] = ..., top_share_percent: _Optional[int] = ..., classes_per_octave: _Optional[int] = ...) -> None: ...

class Definition(_message.Message):
    __slots__ = ("name", "value")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    name: str
    value: str
    def __init__(self, name: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...

class Part(_message.Message):
    __slots__ = ("measure", "factor")
    MEASURE_FIELD_NUMBER: _ClassVar[int]
    FACTOR_FIELD_NUMBER: _ClassVar[int]
    measure: str
    factor: Rational
    def __init__(self, measure: _Optional[str] = ..., factor: _Optional[_Union[Rational, _Mapping]] = ...) -> None: ...

class Relation(_message.Message):
    __slots__ = ("total", "parts", "remainder", "complete")
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    PARTS_FIELD_NUMBER: _ClassVar[int]
    REMAINDER_FIELD_NUMBER: _ClassVar[int]
    COMPLETE_FIELD_NUMBER: _ClassVar[int]
    total: str
    parts: _containers.RepeatedCompositeFieldContainer[Part]
    remainder: str
    complete: bool
    def __init__(self, total: _Optional[str] = ..., parts: _Optional[_Iterable[_Union[Part, _Mapping]]] = ..., remainder: _Optional[str] = ..., complete: _Optional[bool] = ...) -> None: ...

class Unrelated(_message.Message):
    __slots__ = ("measures", "reason")
    MEASURES_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    measures: _containers.RepeatedScalarFieldContainer[str]
    reason: str
    def __init__(self, measures: _Optional[_Iterable[str]] = ..., reason: _Optional[str] = ...) -> None: ...

class Table(_message.Message):
    __slots__ = ("name", "leaves")
    NAME_FIELD_NUMBER: _ClassVar[int]
    LEAVES_FIELD_NUMBER: _ClassVar[int]
    name: str
    leaves: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, name: _Optional[str] = ..., leaves: _Optional[_Iterable[str]] = ...) -> None: ...

class Noise(_message.Message):
    __slots__ = ("loss", "budget", "delta", "colluding")
    LOSS_FIELD_NUMBER: _ClassVar[int]
    BUDGET_FIELD_NUMBER: _ClassVar[int]
    DELTA_FIELD_NUMBER: _ClassVar[int]
    COLLUDING_FIELD_NUMBER: _ClassVar[int]
    loss: Rational
    budget: Rational
    delta: Rational
    colluding: int
    def __init__(self, loss: _Optional[_Union[Rational, _Mapping]] = ..., budget: _Optional[_Union[Rational, _Mapping]] = ..., delta: _Optional[_Union[Rational, _Mapping]] = ..., colluding: _Optional[int] = ...) -> None: ...

class Aggregation(_message.Message):
    __slots__ = ("mode", "neighbours", "until", "threshold", "committee", "quorum")
    MODE_FIELD_NUMBER: _ClassVar[int]
    NEIGHBOURS_FIELD_NUMBER: _ClassVar[int]
    UNTIL_FIELD_NUMBER: _ClassVar[int]
    THRESHOLD_FIELD_NUMBER: _ClassVar[int]
    COMMITTEE_FIELD_NUMBER: _ClassVar[int]
    QUORUM_FIELD_NUMBER: _ClassVar[int]
    mode: str
    neighbours: int
    until: int
    threshold: int
    committee: int
    quorum: int
    def __init__(self, mode: _Optional[str] = ..., neighbours: _Optional[int] = ..., until: _Optional[int] = ..., threshold: _Optional[int] = ..., committee: _Optional[int] = ..., quorum: _Optional[int] = ...) -> None: ...

class Plan(_message.Message):
    __slots__ = ("round_id", "cohort", "title", "period", "definitions", "measures", "indicators", "policy", "roster_hash", "participants", "key_id", "opens_at", "deadline", "relations", "unrelated", "table", "noise", "aggregation")
    ROUND_ID_FIELD_NUMBER: _ClassVar[int]
    COHORT_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    PERIOD_FIELD_NUMBER: _ClassVar[int]
    DEFINITIONS_FIELD_NUMBER: _ClassVar[int]
    MEASURES_FIELD_NUMBER: _ClassVar[int]
    INDICATORS_FIELD_NUMBER: _ClassVar[int]
    POLICY_FIELD_NUMBER: _ClassVar[int]
    ROSTER_HASH_FIELD_NUMBER: _ClassVar[int]
    PARTICIPANTS_FIELD_NUMBER: _ClassVar[int]
    KEY_ID_FIELD_NUMBER: _ClassVar[int]
    OPENS_AT_FIELD_NUMBER: _ClassVar[int]
    DEADLINE_FIELD_NUMBER: _ClassVar[int]
    RELATIONS_FIELD_NUMBER: _ClassVar[int]
    UNRELATED_FIELD_NUMBER: _ClassVar[int]
    TABLE_FIELD_NUMBER: _ClassVar[int]
    NOISE_FIELD_NUMBER: _ClassVar[int]
    AGGREGATION_FIELD_NUMBER: _ClassVar[int]
    round_id: str
    cohort: str
    title: str
    period: str
    definitions: _containers.RepeatedCompositeFieldContainer[Definition]
    measures: _containers.RepeatedCompositeFieldContainer[Measure]
    indicators: _containers.RepeatedCompositeFieldContainer[Indicator]
    policy: Policy
    roster_hash: bytes
    participants: int
    key_id: bytes
    opens_at: int
    deadline: int
    relations: _containers.RepeatedCompositeFieldContainer[Relation]
    unrelated: _containers.RepeatedCompositeFieldContainer[Unrelated]
    table: Table
    noise: Noise
    aggregation: Aggregation
    def __init__(self, round_id: _Optional[str] = ..., cohort: _Optional[str] = ..., title: _Optional[str] = ..., period: _Optional[str] = ..., definitions: _Optional[_Iterable[_Union[Definition, _Mapping]]] = ..., measures: _Optional[_Iterable[_Union[Measure, _Mapping]]] = ..., indicators: _Optional[_Iterable[_Union[Indicator, _Mapping]]] = ..., policy: _Optional[_Union[Policy, _Mapping]] = ..., roster_hash: _Optional[bytes] = ..., participants: _Optional[int] = ..., key_id: _Optional[bytes] = ..., opens_at: _Optional[int] = ..., deadline: _Optional[int] = ..., relations: _Optional[_Iterable[_Union[Relation, _Mapping]]] = ..., unrelated: _Optional[_Iterable[_Union[Unrelated, _Mapping]]] = ..., table: _Optional[_Union[Table, _Mapping]] = ..., noise: _Optional[_Union[Noise, _Mapping]] = ..., aggregation: _Optional[_Union[Aggregation, _Mapping]] = ...) -> None: ...

class RosterMember(_message.Message):
    __slots__ = ("signing_key", "group")
    SIGNING_KEY_FIELD_NUMBER: _ClassVar[int]
    GROUP_FIELD_NUMBER: _ClassVar[int]
    signing_key: bytes
    group: str
    def __init__(self, signing_key: _Optional[bytes] = ..., group: _Optional[str] = ...) -> None: ...

class Roster(_message.Message):
    __slots__ = ("members",)
    MEMBERS_FIELD_NUMBER: _ClassVar[int]
    members: _containers.RepeatedCompositeFieldContainer[RosterMember]
    def __init__(self, members: _Optional[_Iterable[_Union[RosterMember, _Mapping]]] = ...) -> None: ...

class TrusteeIdentity(_message.Message):
    __slots__ = ("index", "name", "signing_key", "sealing_key")
    INDEX_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    SIGNING_KEY_FIELD_NUMBER: _ClassVar[int]
    SEALING_KEY_FIELD_NUMBER: _ClassVar[int]
    index: int
    name: str
    signing_key: bytes
    sealing_key: bytes
    def __init__(self, index: _Optional[int] = ..., name: _Optional[str] = ..., signing_key: _Optional[bytes] = ..., sealing_key: _Optional[bytes] = ...) -> None: ...

class Ceremony(_message.Message):
    __slots__ = ("period", "threshold", "closing_quorum", "modulus", "verification_base", "verification_keys", "trustees", "dealer", "created_at")
    PERIOD_FIELD_NUMBER: _ClassVar[int]
    THRESHOLD_FIELD_NUMBER: _ClassVar[int]
    CLOSING_QUORUM_FIELD_NUMBER: _ClassVar[int]
    MODULUS_FIELD_NUMBER: _ClassVar[int]
    VERIFICATION_BASE_FIELD_NUMBER: _ClassVar[int]
    VERIFICATION_KEYS_FIELD_NUMBER: _ClassVar[int]
    TRUSTEES_FIELD_NUMBER: _ClassVar[int]
    DEALER_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    period: str
    threshold: int
    closing_quorum: int
    modulus: bytes
    verification_base: bytes
    verification_keys: _containers.RepeatedScalarFieldContainer[bytes]
    trustees: _containers.RepeatedCompositeFieldContainer[TrusteeIdentity]
    dealer: bytes
    created_at: int
    def __init__(self, period: _Optional[str] = ..., threshold: _Optional[int] = ..., closing_quorum: _Optional[int] = ..., modulus: _Optional[bytes] = ..., verification_base: _Optional[bytes] = ..., verification_keys: _Optional[_Iterable[bytes]] = ..., trustees: _Optional[_Iterable[_Union[TrusteeIdentity, _Mapping]]] = ..., dealer: _Optional[bytes] = ..., created_at: _Optional[int] = ...) -> None: ...

class KeyShare(_message.Message):
    __slots__ = ("key_id", "index", "secret")
    KEY_ID_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    SECRET_FIELD_NUMBER: _ClassVar[int]
    key_id: bytes
    index: int
    secret: bytes
    def __init__(self, key_id: _Optional[bytes] = ..., index: _Optional[int] = ..., secret: _Optional[bytes] = ...) -> None: ...

class KnowledgeProof(_message.Message):
    __slots__ = ("commitment", "plaintext_response", "randomness_response")
    COMMITMENT_FIELD_NUMBER: _ClassVar[int]
    PLAINTEXT_RESPONSE_FIELD_NUMBER: _ClassVar[int]
    RANDOMNESS_RESPONSE_FIELD_NUMBER: _ClassVar[int]
    commitment: bytes
    plaintext_response: bytes
    randomness_response: bytes
    def __init__(self, commitment: _Optional[bytes] = ..., plaintext_response: _Optional[bytes] = ..., randomness_response: _Optional[bytes] = ...) -> None: ...

class Contribution(_message.Message):
    __slots__ = ("plan_hash", "version", "ciphertexts", "proof", "round_key")
    PLAN_HASH_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    CIPHERTEXTS_FIELD_NUMBER: _ClassVar[int]
    PROOF_FIELD_NUMBER: _ClassVar[int]
    ROUND_KEY_FIELD_NUMBER: _ClassVar[int]
    plan_hash: bytes
    version: int
    ciphertexts: bytes
    proof: KnowledgeProof
    round_key: bytes
    def __init__(self, plan_hash: _Optional[bytes] = ..., version: _Optional[int] = ..., ciphertexts: _Optional[bytes] = ..., proof: _Optional[_Union[KnowledgeProof, _Mapping]] = ..., round_key: _Optional[bytes] = ...) -> None: ...

class RoundKey(_message.Message):
    __slots__ = ("plan_hash", "mask_key", "seal_key")
    PLAN_HASH_FIELD_NUMBER: _ClassVar[int]
    MASK_KEY_FIELD_NUMBER: _ClassVar[int]
    SEAL_KEY_FIELD_NUMBER: _ClassVar[int]
    plan_hash: bytes
    mask_key: bytes
    seal_key: bytes
    def __init__(self, plan_hash: _Optional[bytes] = ..., mask_key: _Optional[bytes] = ..., seal_key: _Optional[bytes] = ...) -> None: ...

class Masked(_message.Message):
    __slots__ = ("plan_hash", "basis", "words")
    PLAN_HASH_FIELD_NUMBER: _ClassVar[int]
    BASIS_FIELD_NUMBER: _ClassVar[int]
    WORDS_FIELD_NUMBER: _ClassVar[int]
    plan_hash: bytes
    basis: bytes
    words: bytes
    def __init__(self, plan_hash: _Optional[bytes] = ..., basis: _Optional[bytes] = ..., words: _Optional[bytes] = ...) -> None: ...

class Rehearsal(_message.Message):
    __slots__ = ("plan_hash", "report")
    PLAN_HASH_FIELD_NUMBER: _ClassVar[int]
    REPORT_FIELD_NUMBER: _ClassVar[int]
    plan_hash: bytes
    report: bytes
    def __init__(self, plan_hash: _Optional[bytes] = ..., report: _Optional[bytes] = ...) -> None: ...

class RosterVote(_message.Message):
    __slots__ = ("plan_hash", "roster_hash")
    PLAN_HASH_FIELD_NUMBER: _ClassVar[int]
    ROSTER_HASH_FIELD_NUMBER: _ClassVar[int]
    plan_hash: bytes
    roster_hash: bytes
    def __init__(self, plan_hash: _Optional[bytes] = ..., roster_hash: _Optional[bytes] = ...) -> None: ...

class Reminder(_message.Message):
    __slots__ = ("plan_hash", "time", "contributed")
    PLAN_HASH_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    CONTRIBUTED_FIELD_NUMBER: _ClassVar[int]
    plan_hash: bytes
    time: int
    contributed: int
    def __init__(self, plan_hash: _Optional[bytes] = ..., time: _Optional[int] = ..., contributed: _Optional[int] = ...) -> None: ...

class Deadline(_message.Message):
    __slots__ = ("plan_hash", "time", "deadline", "reason")
    PLAN_HASH_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    DEADLINE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    plan_hash: bytes
    time: int
    deadline: int
    reason: str
    def __init__(self, plan_hash: _Optional[bytes] = ..., time: _Optional[int] = ..., deadline: _Optional[int] = ..., reason: _Optional[str] = ...) -> None: ...

class Cancellation(_message.Message):
    __slots__ = ("plan_hash", "time", "reason")
    PLAN_HASH_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    plan_hash: bytes
    time: int
    reason: str
    def __init__(self, plan_hash: _Optional[bytes] = ..., time: _Optional[int] = ..., reason: _Optional[str] = ...) -> None: ...

class Refusal(_message.Message):
    __slots__ = ("plan_hash", "reason")
    PLAN_HASH_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    plan_hash: bytes
    reason: str
    def __init__(self, plan_hash: _Optional[bytes] = ..., reason: _Optional[str] = ...) -> None: ...

class Atom(_message.Message):
    __slots__ = ("members", "fresh")
    MEMBERS_FIELD_NUMBER: _ClassVar[int]
    FRESH_FIELD_NUMBER: _ClassVar[int]
    members: _containers.RepeatedScalarFieldContainer[int]
    fresh: bool
    def __init__(self, members: _Optional[_Iterable[int]] = ..., fresh: _Optional[bool] = ...) -> None: ...

class Close(_message.Message):
    __slots__ = ("plan_hash", "included", "transcript_head", "atoms", "totals_only")
    PLAN_HASH_FIELD_NUMBER: _ClassVar[int]
    INCLUDED_FIELD_NUMBER: _ClassVar[int]
    TRANSCRIPT_HEAD_FIELD_NUMBER: _ClassVar[int]
    ATOMS_FIELD_NUMBER: _ClassVar[int]
    TOTALS_ONLY_FIELD_NUMBER: _ClassVar[int]
    plan_hash: bytes
    included: _containers.RepeatedScalarFieldContainer[bytes]
    transcript_head: bytes
    atoms: _containers.RepeatedCompositeFieldContainer[Atom]
    totals_only: bool
    def __init__(self, plan_hash: _Optional[bytes] = ..., included: _Optional[_Iterable[bytes]] = ..., transcript_head: _Optional[bytes] = ..., atoms: _Optional[_Iterable[_Union[Atom, _Mapping]]] = ..., totals_only: _Optional[bool] = ...) -> None: ...

class ClosingStatement(_message.Message):
    __slots__ = ("plan_hash", "included_root", "members", "aggregates_hash", "atoms", "totals_only")
    PLAN_HASH_FIELD_NUMBER: _ClassVar[int]
    INCLUDED_ROOT_FIELD_NUMBER: _ClassVar[int]
    MEMBERS_FIELD_NUMBER: _ClassVar[int]
    AGGREGATES_HASH_FIELD_NUMBER: _ClassVar[int]
    ATOMS_FIELD_NUMBER: _ClassVar[int]
    TOTALS_ONLY_FIELD_NUMBER: _ClassVar[int]
    plan_hash: bytes
    included_root: bytes
    members: int
    aggregates_hash: bytes
    atoms: _containers.RepeatedCompositeFieldContainer[Atom]
    totals_only: bool
    def __init__(self, plan_hash: _Optional[bytes] = ..., included_root: _Optional[bytes] = ..., members: _Optional[int] = ..., aggregates_hash: _Optional[bytes] = ..., atoms: _Optional[_Iterable[_Union[Atom, _Mapping]]] = ..., totals_only: _Optional[bool] = ...) -> None: ...

class ClosingVote(_message.Message):
    __slots__ = ("statement", "ledger_head")
    STATEMENT_FIELD_NUMBER: _ClassVar[int]
    LEDGER_HEAD_FIELD_NUMBER: _ClassVar[int]
    statement: bytes
    ledger_head: bytes
    def __init__(self, statement: _Optional[bytes] = ..., ledger_head: _Optional[bytes] = ...) -> None: ...

class Share(_message.Message):
    __slots__ = ("label", "value", "challenge", "response")
    LABEL_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    CHALLENGE_FIELD_NUMBER: _ClassVar[int]
    RESPONSE_FIELD_NUMBER: _ClassVar[int]
    label: str
    value: bytes
    challenge: bytes
    response: bytes
    def __init__(self, label: _Optional[str] = ..., value: _Optional[bytes] = ..., challenge: _Optional[bytes] = ..., response: _Optional[bytes] = ...) -> None: ...

class ShareSet(_message.Message):
    __slots__ = ("plan_hash", "phase", "basis", "index", "shares")
    PLAN_HASH_FIELD_NUMBER: _ClassVar[int]
    PHASE_FIELD_NUMBER: _ClassVar[int]
    BASIS_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    SHARES_FIELD_NUMBER: _ClassVar[int]
    plan_hash: bytes
    phase: str
    basis: bytes
    index: int
    shares: _containers.RepeatedCompositeFieldContainer[Share]
    def __init__(self, plan_hash: _Optional[bytes] = ..., phase: _Optional[str] = ..., basis: _Optional[bytes] = ..., index: _Optional[int] = ..., shares: _Optional[_Iterable[_Union[Share, _Mapping]]] = ...) -> None: ...

class Band(_message.Message):
    __slots__ = ("first_bin", "end_bin", "members")
    FIRST_BIN_FIELD_NUMBER: _ClassVar[int]
    END_BIN_FIELD_NUMBER: _ClassVar[int]
    MEMBERS_FIELD_NUMBER: _ClassVar[int]
    first_bin: int
    end_bin: int
    members: int
    def __init__(self, first_bin: _Optional[int] = ..., end_bin: _Optional[int] = ..., members: _Optional[int] = ...) -> None: ...

class Ranking(_message.Message):
    __slots__ = ("indicator", "withheld", "bands")
    INDICATOR_FIELD_NUMBER: _ClassVar[int]
    WITHHELD_FIELD_NUMBER: _ClassVar[int]
    BANDS_FIELD_NUMBER: _ClassVar[int]
    indicator: str
    withheld: str
    bands: _containers.RepeatedCompositeFieldContainer[Band]
    def __init__(self, indicator: _Optional[str] = ..., withheld: _Optional[str] = ..., bands: _Optional[_Iterable[_Union[Band, _Mapping]]] = ...) -> None: ...

class Withheld(_message.Message):
    __slots__ = ("measure", "reason")
    MEASURE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    measure: str
    reason: str
    def __init__(self, measure: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class TableCell(_message.Message):
    __slots__ = ("members", "withheld")
    MEMBERS_FIELD_NUMBER: _ClassVar[int]
    WITHHELD_FIELD_NUMBER: _ClassVar[int]
    members: int
    withheld: str
    def __init__(self, members: _Optional[int] = ..., withheld: _Optional[str] = ...) -> None: ...

class BandCertificate(_message.Message):
    __slots__ = ("plan_hash", "statement_hash", "members", "withheld", "rankings", "cohort_measures", "withheld_measures", "table", "masks_root")
    PLAN_HASH_FIELD_NUMBER: _ClassVar[int]
    STATEMENT_HASH_FIELD_NUMBER: _ClassVar[int]
    MEMBERS_FIELD_NUMBER: _ClassVar[int]
    WITHHELD_FIELD_NUMBER: _ClassVar[int]
    RANKINGS_FIELD_NUMBER: _ClassVar[int]
    COHORT_MEASURES_FIELD_NUMBER: _ClassVar[int]
    WITHHELD_MEASURES_FIELD_NUMBER: _ClassVar[int]
    TABLE_FIELD_NUMBER: _ClassVar[int]
    MASKS_ROOT_FIELD_NUMBER: _ClassVar[int]
    plan_hash: bytes
    statement_hash: bytes
    members: int
    withheld: str
    rankings: _containers.RepeatedCompositeFieldContainer[Ranking]
    cohort_measures: _containers.RepeatedScalarFieldContainer[str]
    withheld_measures: _containers.RepeatedCompositeFieldContainer[Withheld]
    table: _containers.RepeatedCompositeFieldContainer[TableCell]
    masks_root: bytes
    def __init__(self, plan_hash: _Optional[bytes] = ..., statement_hash: _Optional[bytes] = ..., members: _Optional[int] = ..., withheld: _Optional[str] = ..., rankings: _Optional[_Iterable[_Union[Ranking, _Mapping]]] = ..., cohort_measures: _Optional[_Iterable[str]] = ..., withheld_measures: _Optional[_Iterable[_Union[Withheld, _Mapping]]] = ..., table: _Optional[_Iterable[_Union[TableCell, _Mapping]]] = ..., masks_root: _Optional[bytes] = ...) -> None: ...

class Opening(_message.Message):
    __slots__ = ("label", "plaintext", "root")
    LABEL_FIELD_NUMBER: _ClassVar[int]
    PLAINTEXT_FIELD_NUMBER: _ClassVar[int]
    ROOT_FIELD_NUMBER: _ClassVar[int]
    label: str
    plaintext: bytes
    root: bytes
    def __init__(self, label: _Optional[str] = ..., plaintext: _Optional[bytes] = ..., root: _Optional[bytes] = ...) -> None: ...

class Release(_message.Message):
    __slots__ = ("plan_hash", "certificate_hash", "openings", "document")
    PLAN_HASH_FIELD_NUMBER: _ClassVar[int]
    CERTIFICATE_HASH_FIELD_NUMBER: _ClassVar[int]
    OPENINGS_FIELD_NUMBER: _ClassVar[int]
    DOCUMENT_FIELD_NUMBER: _ClassVar[int]
    plan_hash: bytes
    certificate_hash: bytes
    openings: _containers.RepeatedCompositeFieldContainer[Opening]
    document: bytes
    def __init__(self, plan_hash: _Optional[bytes] = ..., certificate_hash: _Optional[bytes] = ..., openings: _Optional[_Iterable[_Union[Opening, _Mapping]]] = ..., document: _Optional[bytes] = ...) -> None: ...

class Endorsement(_message.Message):
    __slots__ = ("release_hash",)
    RELEASE_HASH_FIELD_NUMBER: _ClassVar[int]
    release_hash: bytes
    def __init__(self, release_hash: _Optional[bytes] = ...) -> None: ...

class SealedEnvelope(_message.Message):
    __slots__ = ("ephemeral_key", "nonce", "ciphertext")
    EPHEMERAL_KEY_FIELD_NUMBER: _ClassVar[int]
    NONCE_FIELD_NUMBER: _ClassVar[int]
    CIPHERTEXT_FIELD_NUMBER: _ClassVar[int]
    ephemeral_key: bytes
    nonce: bytes
    ciphertext: bytes
    def __init__(self, ephemeral_key: _Optional[bytes] = ..., nonce: _Optional[bytes] = ..., ciphertext: _Optional[bytes] = ...) -> None: ...

class SealedShares(_message.Message):
    __slots__ = ("plan_hash", "phase", "sender", "recipient", "envelope")
    PLAN_HASH_FIELD_NUMBER: _ClassVar[int]
    PHASE_FIELD_NUMBER: _ClassVar[int]
    SENDER_FIELD_NUMBER: _ClassVar[int]
    RECIPIENT_FIELD_NUMBER: _ClassVar[int]
    ENVELOPE_FIELD_NUMBER: _ClassVar[int]
    plan_hash: bytes
    phase: str
    sender: int
    recipient: int
    envelope: bytes
    def __init__(self, plan_hash: _Optional[bytes] = ..., phase: _Optional[str] = ..., sender: _Optional[int] = ..., recipient: _Optional[int] = ..., envelope: _Optional[bytes] = ...) -> None: ...

class Receipt(_message.Message):
    __slots__ = ("round_id", "index", "payload_hash", "entry_hash")
    ROUND_ID_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_HASH_FIELD_NUMBER: _ClassVar[int]
    ENTRY_HASH_FIELD_NUMBER: _ClassVar[int]
    round_id: str
    index: int
    payload_hash: bytes
    entry_hash: bytes
    def __init__(self, round_id: _Optional[str] = ..., index: _Optional[int] = ..., payload_hash: _Optional[bytes] = ..., entry_hash: _Optional[bytes] = ...) -> None: ...

class Pass(_message.Message):
    __slots__ = ("coordinator", "not_before", "expires")
    COORDINATOR_FIELD_NUMBER: _ClassVar[int]
    NOT_BEFORE_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_FIELD_NUMBER: _ClassVar[int]
    coordinator: bytes
    not_before: int
    expires: int
    def __init__(self, coordinator: _Optional[bytes] = ..., not_before: _Optional[int] = ..., expires: _Optional[int] = ...) -> None: ...

class Enrolment(_message.Message):
    __slots__ = ("invitation", "request", "mac")
    INVITATION_FIELD_NUMBER: _ClassVar[int]
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    MAC_FIELD_NUMBER: _ClassVar[int]
    invitation: str
    request: bytes
    mac: bytes
    def __init__(self, invitation: _Optional[str] = ..., request: _Optional[bytes] = ..., mac: _Optional[bytes] = ...) -> None: ...

class Rotation(_message.Message):
    __slots__ = ("request",)
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    request: bytes
    def __init__(self, request: _Optional[bytes] = ...) -> None: ...

class LedgerQuestion(_message.Message):
    __slots__ = ("key_id", "nonce")
    KEY_ID_FIELD_NUMBER: _ClassVar[int]
    NONCE_FIELD_NUMBER: _ClassVar[int]
    key_id: bytes
    nonce: bytes
    def __init__(self, key_id: _Optional[bytes] = ..., nonce: _Optional[bytes] = ...) -> None: ...

class SeenVote(_message.Message):
    __slots__ = ("vote",)
    VOTE_FIELD_NUMBER: _ClassVar[int]
    vote: bytes
    def __init__(self, vote: _Optional[bytes] = ...) -> None: ...

class LedgerAnswer(_message.Message):
    __slots__ = ("key_id", "nonce", "subject", "votes")
    KEY_ID_FIELD_NUMBER: _ClassVar[int]
    NONCE_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    VOTES_FIELD_NUMBER: _ClassVar[int]
    key_id: bytes
    nonce: bytes
    subject: int
    votes: _containers.RepeatedCompositeFieldContainer[SeenVote]
    def __init__(self, key_id: _Optional[bytes] = ..., nonce: _Optional[bytes] = ..., subject: _Optional[int] = ..., votes: _Optional[_Iterable[_Union[SeenVote, _Mapping]]] = ...) -> None: ...
