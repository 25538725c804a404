"""The one file with which an enterprise joins: a one-time secret, and the keys that it pins.

Made by the coordinator's operator for one registered enterprise, carried to it by a way that both
trust, used once. Its format is JSON; docs/operating.md shows the steps.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from protocols.enrolment.errors import EnrolmentError
from protocols.enrolment.names import check_names
from protocols.files import read_limited
from protocols.keyfiles import check_private
from protocols.secrets import Secret
from protocols.signing import VerifyKey

FORMAT = "cefed-invitation-1"
MAX_BYTES = 1 << 18
MAX_INVITATION_ID = 64
SECRET_BYTES = 32
_ADDRESS = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):[0-9]{1,5}", re.ASCII)

Text = Annotated[str, Field(min_length=1, max_length=200)]
KeyHex = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


@dataclass(frozen=True, repr=False)
class Invitation(Secret):
    """What an enterprise learns from the operator before it joins. Holds a secret: never printed.

    ``coordinator`` is ``HOST:PORT``; ``tls_authority`` the PEM certificate under which it is found
    there, empty where the system's authorities or ``--insecure`` serve; ``trustees`` the names and
    signing keys of those who share the key of ``cohort``'s rounds, ``threshold`` of whom open and
    ``quorum`` of whom close; ``expires`` in seconds since 1970-01-01 UTC.

    :raises EnrolmentError: a field outside its range.
    """

    id: str
    secret: bytes
    enterprise_id: str
    group: str
    coordinator: str
    coordinator_key: VerifyKey
    tls_authority: str
    trustees: tuple[tuple[str, VerifyKey], ...]
    threshold: int
    quorum: int
    cohort: str
    expires: int

    def __post_init__(self) -> None:
        check_names(self.enterprise_id, self.group)
        if len(self.secret) != SECRET_BYTES:
            raise EnrolmentError(f"an invitation's secret has {SECRET_BYTES} bytes")
        if not 0 < len(self.id) <= MAX_INVITATION_ID or not self.id.isprintable():
            raise EnrolmentError("the invitation has no usable id")
        if _ADDRESS.fullmatch(self.coordinator) is None:
            raise EnrolmentError("the invitation's coordinator is not HOST:PORT")
        if len({key.raw for _, key in self.trustees}) != len(self.trustees):
            raise EnrolmentError("the invitation names one trustee twice")
        if not 0 < self.threshold <= self.quorum <= len(self.trustees):
            raise EnrolmentError(
                "the invitation's threshold and quorum do not fit its number of trustees"
            )

    def to_json(self) -> str:
        """The file's content, the secret included: for the invitation file only."""
        fields = {
            "format": FORMAT,
            "id": self.id,
            "secret": self.secret.hex(),
            "enterprise_id": self.enterprise_id,
            "group": self.group,
            "coordinator": self.coordinator,
            "coordinator_key": self.coordinator_key.raw.hex(),
            "tls_authority": self.tls_authority,
            "trustees": [{"name": name, "key": key.raw.hex()} for name, key in self.trustees],
            "threshold": self.threshold,
            "quorum": self.quorum,
            "cohort": self.cohort,
            "expires": self.expires,
        }
        return json.dumps(fields, ensure_ascii=False, indent=1) + "\n"

    @classmethod
    def from_json(cls, data: str | bytes) -> Invitation:
        """Read an invitation's content.

        :raises EnrolmentError: naming the field that is wrong, never its value.
        """
        if len(data) > MAX_BYTES:
            raise EnrolmentError(f"an invitation has at most {MAX_BYTES} bytes")
        try:
            fields = _File.model_validate_json(data)
        except ValidationError as error:
            wrong = ", ".join(
                sorted({".".join(map(str, e["loc"])) or "the JSON" for e in error.errors()})
            )
            # Without the cause: pydantic's message repeats the values, and one is a secret.
            raise EnrolmentError(f"not an invitation: check {wrong}") from None
        return cls(
            id=fields.id,
            secret=bytes.fromhex(fields.secret),
            enterprise_id=fields.enterprise_id,
            group=fields.group,
            coordinator=fields.coordinator,
            coordinator_key=VerifyKey(bytes.fromhex(fields.coordinator_key)),
            tls_authority=fields.tls_authority,
            trustees=tuple((t.name, VerifyKey(bytes.fromhex(t.key))) for t in fields.trustees),
            threshold=fields.threshold,
            quorum=fields.quorum,
            cohort=fields.cohort,
            expires=fields.expires,
        )

    @classmethod
    def load(cls, path: Path) -> Invitation:
        """Read an invitation file.

        :raises StorageError: missing, or readable by others on a POSIX system.
        :raises EnrolmentError: not an invitation.
        """
        check_private(path)
        return cls.from_json(read_limited(path, MAX_BYTES))


class _Trustee(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    name: Text
    key: KeyHex


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    format: Annotated[str, Field(pattern=rf"^{FORMAT}$")]
    id: Text
    secret: KeyHex
    enterprise_id: Text
    group: Text
    coordinator: Text
    coordinator_key: KeyHex
    tls_authority: Annotated[str, Field(max_length=65_536)]
    trustees: Annotated[list[_Trustee], Field(min_length=1, max_length=100)]
    threshold: int
    quorum: int
    cohort: Annotated[str, Field(max_length=200)]
    expires: Annotated[int, Field(ge=0, le=1 << 40)]
