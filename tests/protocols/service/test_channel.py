"""What the end of a call means to its caller."""

from __future__ import annotations

import pytest
from grpc import StatusCode

from protocols.passes import METADATA_KEY
from protocols.service.channel import ERROR_KEY, Failure, Kind, failure, metadata


class Ended(Exception):
    """Stands for an ``RpcError`` as gRPC makes it."""

    def __init__(self, code: StatusCode, details: str | None, name: object) -> None:
        super().__init__()
        self._code, self._details = code, details
        self._trailing = () if name is None else (("other", "x"), (ERROR_KEY, name))

    def code(self) -> StatusCode:
        return self._code

    def details(self) -> str | None:
        return self._details

    def trailing_metadata(self) -> tuple[tuple[str, object], ...] | None:
        return self._trailing or None


CASES = [
    (StatusCode.UNAVAILABLE, None, Kind.UNREACHABLE),
    (StatusCode.DEADLINE_EXCEEDED, None, Kind.UNREACHABLE),
    (StatusCode.CANCELLED, None, Kind.UNREACHABLE),
    (StatusCode.RESOURCE_EXHAUSTED, "LimitExceeded", Kind.EXHAUSTED),
    (StatusCode.UNAUTHENTICATED, "InvalidPass", Kind.UNAUTHENTICATED),
    (StatusCode.PERMISSION_DENIED, "InvalidSignature", Kind.REFUSED),
    (StatusCode.INVALID_ARGUMENT, "MalformedMessage", Kind.REFUSED),
    (StatusCode.FAILED_PRECONDITION, "PlanExpired", Kind.REFUSED),
    (StatusCode.FAILED_PRECONDITION, None, Kind.STUMBLED),
    (StatusCode.INTERNAL, "StoreError", Kind.STUMBLED),
    (StatusCode.UNKNOWN, None, Kind.STUMBLED),
    (StatusCode.UNIMPLEMENTED, None, Kind.STUMBLED),
]


@pytest.mark.parametrize(("code", "name", "kind"), CASES)
def test_codes_become_kinds(code: StatusCode, name: str | None, kind: Kind) -> None:
    told = failure(Ended(code, "why", name))  # type: ignore[arg-type]
    assert (told.kind, told.name) == (kind, name or "")


def test_the_text_of_a_peer_is_cleaned_and_cut() -> None:
    told = failure(
        Ended(StatusCode.INTERNAL, "a\x1b[31mb\nc" + "d" * 1000, "Bad\x00Name" + "e" * 200)  # type: ignore[arg-type]
    )
    assert told.text.startswith("a [31mb c")
    assert len(told.text) == 500
    assert told.name.startswith("Bad Name")
    assert len(told.name) == 100


def test_without_details_the_code_is_the_text() -> None:
    told = failure(Ended(StatusCode.INTERNAL, None, b"bytes"))  # type: ignore[arg-type]
    assert told == Failure(Kind.STUMBLED, "INTERNAL", "")


def test_a_call_shows_its_pass() -> None:
    assert metadata(b"pass") == ((METADATA_KEY, b"pass"),)
