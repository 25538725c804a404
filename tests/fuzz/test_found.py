"""Defects that were found by fuzzing, each as a small input that showed it; all were mended."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from enterprise_node.exchange import Envelope, Exchange
from enterprise_node.private.store import NodeStore
from protocols.enrolment import certificate_request, enrolment_statement
from protocols.passes import Bearer
from protocols.service.channel import Target
from protocols.threshold import MAX_TRUSTEES
from protocols.wire import messages_pb2
from protocols.wire import service_pb2 as pb
from protocols.wire.codec import encode
from tests.coordinator.databases import BACKENDS
from tests.coordinator.sample import region_a
from tests.enterprise_node.scene import ROUND, policy_for, settings_for
from tests.fuzz import calls, files, folders, wire
from tests.fuzz.material import COORDINATOR, held, played
from tests.fuzz.statements import NODE, SIGNED, invitation, log_of
from tests.fuzz.targets import targets
from tests.fuzz.test_targets import found
from trustee.client import BoardClient

DEEP = b"[" * 3000
LONG = b"9" * 5000


@pytest.fixture(scope="module", autouse=True)
def closed() -> Iterator[None]:
    yield
    calls.close()


def refused(name: str, data: bytes) -> bool:
    """Whether a target refuses an input as it should; anything undocumented fails the test."""
    return not targets()[name](data)


@pytest.mark.parametrize("document", [b"not JSON", b"\xff", DEEP, b'{"a": ' + LONG + b"}", b"[]"])
def test_a_signed_release_whose_document_is_none(document: bytes) -> None:
    release = messages_pb2.Release(document=document)
    tail = wire.pack([(4, encode(release)), (5, b"")])

    assert refused("release", wire.pack([(SIGNED, encode(release))]))
    events = folders.step_with(wire.pack([(folders.PLACE, b"\x02"), (folders.TAIL, tail)]))
    assert [event.kind for event in events] == ["refused"]


@pytest.mark.parametrize(
    "name", ["gateway.toml", "coordinator.toml", "trustee.toml", "policy.toml", "node.toml",
             "limits.toml"],
)  # fmt: skip
@pytest.mark.parametrize("text", [b"a = " + LONG, b"a = " + DEEP, b"a = 9999-99-99"])
def test_settings_that_the_toml_reader_chokes_on(name: str, text: bytes) -> None:
    assert refused(name, text)


@pytest.mark.parametrize("name", ["enrolment", "rotation", "request"])
def test_a_certificate_request_of_another_version(name: str) -> None:
    """It comes from anybody, before a pass is asked for."""
    request = certificate_request(NODE, "E-1", "group 1")
    place = request.index(b"\x02\x01\x00") + 2
    changed_request = request[:place] + b"\x04" + request[place + 1 :]
    messages: dict[str, Any] = {
        "enrolment": messages_pb2.Enrolment(invitation="i", request=changed_request, mac=bytes(32)),
        "rotation": messages_pb2.Rotation(request=changed_request),
    }
    raw = wire.pack([(1, changed_request)])

    data = raw if name == "request" else wire.pack([(SIGNED, encode(messages[name]))])
    assert refused(name, data)


@pytest.mark.parametrize("name", ["identity-at-a-dealer", "identity-at-a-node", "invitation"])
def test_json_that_is_nested_too_deeply(name: str) -> None:
    assert refused(name, DEEP)


def test_a_list_of_enterprises_whose_name_no_file_can_have() -> None:
    (text, _) = targets()["limits.toml"].seeds()

    assert refused("limits.toml", text + b'known_enterprises = "a\\u0000b"\n')


def test_a_list_of_members_that_is_no_csv() -> None:
    assert refused("members.csv", b"signing_key,group\n00\r11,a\n")
    assert refused("members.csv", b'"' + b"x" * 200_000)


@pytest.mark.parametrize("line", [b"region-a,even", b",,,", b"region-a"])
def test_targets_with_a_line_that_is_cut_short(line: bytes) -> None:
    targets()["targets.csv"](b"cohort,strategy,band,r\n" + line)


def test_a_notice_of_an_infinite_time() -> None:
    assert refused("notice", files.notice().replace(b'"time": 1700000000', b'"time": Infinity'))


@pytest.mark.parametrize("serial", ["Infinity", "1e999", "NaN"])
def test_a_gateway_whose_state_is_damaged_begins_again(serial: str) -> None:
    text = '{"schema": "cefed.gateway-state/1", "done": {}, "serial": ' + serial + "}"

    assert targets()["gateway-state.json"](text.encode())


@pytest.mark.parametrize("index", ["9" * 5000, "4294967296", "\N{SUPERSCRIPT TWO}"])
def test_a_gateway_whose_state_holds_a_place_that_no_log_has(index: str) -> None:
    (seed, *_) = targets()["outbox-and-answers"].seeds()
    state = {
        "schema": "cefed.gateway-state/1",
        "serial": 0,
        "done": {f"index {ROUND}": index},
    }
    parts = [part for part in wire.parts(seed) if part[0] != folders.STATE]

    targets()["outbox-and-answers"].read(
        wire.pack([*parts, (folders.STATE, json.dumps(state).encode())])
    )


@pytest.mark.parametrize("changes", [{"key": {}}, {"count": "1"}, {"hash": [1]}, {"more": 1}])
def test_a_ledger_head_with_fields_of_other_types(changes: dict[str, Any]) -> None:
    (seed,) = targets()["egress-ledger"].seeds()
    lines, head = (part for _, part in wire.parts(seed))
    changed = json.dumps(json.loads(head) | changes).encode()

    assert refused("egress-ledger", wire.pack([(1, lines), (2, changed)]))
    assert refused("egress-ledger", wire.pack([(1, lines), (2, DEEP)]))


@pytest.mark.parametrize("name", ["round_id", "next_key", "statement", "kind", "bytes"])
@pytest.mark.parametrize("value", [[], {"a": [[[]]]}, 1.5, True])
def test_a_signed_ledger_entry_with_fields_of_other_types(name: str, value: Any) -> None:
    """An export is checked by an auditor, and signed by whoever is checked."""
    seed = targets()["ledger-export"].seeds()[1]
    document = json.loads(wire.parts(seed)[0][1])
    document["entries"][1][name] = value

    assert refused("ledger-export", wire.pack([(2, json.dumps(document).encode())]))


def changed(path: tuple[Any, ...], value: Any) -> bytes:
    document = region_a()
    place: Any = document
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return json.dumps(document).encode()


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("indicators",), []),
        (("indicators", "cef", "value"), "1/0"),
        (("indicators", "cef", "value"), "aaa"),
        (("indicators", "cef", "scale"), "1e999999999"),
        (("indicators", "cef", "scale"), float("inf")),
        (("indicators", "cef", "unit"), {}),
        (("rankings", "cef", "bands", 0, "upper"), float("inf")),
        (("rankings", "cef", "bands", 0, "upper"), "9" * 5000),
        (("rankings", "cef", "bands", 0, "n"), "5"),
        (("rankings", "cef", "cut_points", 2, "value"), "1e999999999"),
        (("rankings",), []),
        (("best_decile",), ["value"]),
        (("n",), [[]]),
        (("withheld",), {"why": 1}),
    ],
)
def test_a_release_file_that_is_none(path: tuple[Any, ...], value: Any) -> None:
    """Also numbers whose exact value would fill the memory."""
    assert refused("release.json", changed(path, value))


def test_a_node_folder_for_a_key_that_is_given(tmp_path: Any) -> None:
    store = NodeStore.create(tmp_path / "node", settings_for("A01"), policy_for(), NODE)

    assert store.key().public == NODE.public


@pytest.mark.parametrize("backend", BACKENDS)
def test_what_one_database_keeps_and_another_does_not(backend: str) -> None:
    """PostgreSQL has no NUL in texts, and no integer above 2^31 - 1 in this column."""
    found(f"calls-{backend}")
    request = enrolment_statement(invitation(), NODE)
    message = messages_pb2.Enrolment.FromString(messages_pb2.Signed.FromString(request).payload)
    message.invitation = "a\0b"
    asked: list[tuple[str, Any]] = [
        ("Enrol", pb.EnrolRequest(statement=NODE.sign("enrolment", encode(message)))),
        ("FetchSealed", pb.FetchSealedRequest(round_id="round-2", recipient=1, phase="a\0")),
    ]
    serving = calls.office(backend)

    for method, message_ in asked:
        assert not serving.call(method, message_.SerializeToString(), calls.bearer(method))
    far = pb.ReadRequest(round_id="round-2", from_index=2**32 - 1)
    assert serving.call("Read", far.SerializeToString(), calls.bearer("Read"))


def test_an_inbox_that_would_fill_the_memory_is_taken_in_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("enterprise_node.exchange.MAX_TAKEN_BYTES", 250)
    inbox = Exchange.create(tmp_path).inbox
    for number in range(5):
        inbox.put(Envelope("notice", f"n{number}", b"x" * 100))

    sizes = []
    while taken := inbox.take()[0]:
        sizes.append(len(taken))
        for path, _ in taken:
            inbox.done(path)

    assert sizes == [3, 2]


def test_a_log_of_contributions_that_are_too_large_to_be_any() -> None:
    entries = [(entry.kind, entry.payload) for entry in played().transcript.entries]
    place = next(i for i, (kind, _) in enumerate(entries) if kind == "contribution")
    entries[place] = ("contribution", entries[place][1] + bytes(10_000))

    assert refused("transcript-at-a-trustee", log_of(entries))


def test_messages_that_do_not_parse_leave_no_traceback(caplog: pytest.LogCaptureFixture) -> None:
    """Neither where anybody may ask for the service's health, nor at who reads an answer."""
    serving = calls.office("sqlite")
    serving.call(calls.HEALTH, b"\xff", b"")
    targets()["answers-over-a-socket"](wire.pack([(1, b"\xff")]))

    assert [record for record in caplog.records if record.exc_info] == []


class Endless:
    """A coordinator's answer without end, and how much of it was read."""

    def __init__(self) -> None:
        self.read = 0
        self.cancelled = False

    def __iter__(self) -> Iterator[pb.SealedPost]:
        while not self.cancelled:
            self.read += 1
            yield pb.SealedPost(phase="counts", sender=self.read, envelope=b"x")

    def cancel(self) -> None:
        self.cancelled = True


def test_a_coordinator_that_sends_envelopes_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = Endless()
    bearer = Bearer(held().signing[0], COORDINATOR.public)
    with BoardClient(Target("127.0.0.1:1", None, insecure=True), bearer) as client:
        monkeypatch.setattr(client._board, "FetchSealed", lambda *_, **__: answer)

        assert len(client.sealed("r", 1, "counts")) == MAX_TRUSTEES
    assert answer.cancelled
