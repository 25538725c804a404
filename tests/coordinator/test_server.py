"""The coordinator over real sockets: who may call what, and what is refused before it is read."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from coordinator import server, service
from coordinator.patience import WRITE_SECONDS
from coordinator.registry import Registry
from coordinator.registry_rows import Standing
from coordinator.settings import CoordinatorSettings, OpenRates, Rates
from protocols.enrolment import check_roster, enrolment_statement
from protocols.passes import METADATA_KEY, make_pass
from protocols.service import tls
from protocols.service.channel import Kind, Target, failure, metadata, open_channel
from protocols.signing import SigningKey, statement_hash
from protocols.transcript import Entry, open_receipt
from protocols.wire import service_pb2 as pb
from protocols.wire import service_pb2_grpc as rpc
from protocols.wire.codec import MAX_SMALL
from tests.cohort import COORDINATOR, NOW, Scene, member_key
from tests.coordinator.conftest import Clock, Opened
from tests.coordinator.databases import fresh_database
from tests.coordinator.test_registry import invite
from tests.keys import signing_key

# isort: split
import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc  # type: ignore[import-untyped]

STRANGER = signing_key(99, "stranger")
SECONDS = 20.0


@dataclass
class Running:
    """A coordinator that serves the scene's round, and how to call it."""

    scene: Scene
    opened: Opened
    registry: Registry
    server: server.Server
    channel: grpc.Channel
    clock: Clock
    folder: Path

    @property
    def board(self) -> rpc.BoardStub:
        return rpc.BoardStub(self.channel)

    @property
    def trustee(self) -> SigningKey:
        return self.scene.held.signing[0]

    def shown(self, key: SigningKey, *, now: int = NOW, lifetime: int = 3600) -> Any:
        return metadata(make_pass(key, COORDINATOR.public, now=now, lifetime=lifetime))

    def call(self, method: str, request: Any, key: SigningKey | None) -> Any:
        shown = () if key is None else self.shown(key)
        reply = getattr(self.board, method)(request, timeout=SECONDS, metadata=shown)
        return list(reply) if method in ("Read", "FetchSealed") else reply

    def refused(self, method: str, request: Any, key: SigningKey | None) -> tuple[Kind, str]:
        with pytest.raises(grpc.RpcError) as caught:
            self.call(method, request, key)
        found = failure(caught.value)
        return found.kind, found.name


@pytest.fixture(scope="module")
def scene() -> Scene:
    return Scene()


def start(scene: Scene, folder: Path, **changed: Any) -> Iterator[Running]:
    """A coordinator with TLS on a port of its own; members 1..12 are enrolled, 4 trustees known."""
    clock = Clock()
    with fresh_database("sqlite", folder) as url:
        opened = Opened(url)
        registry = Registry(opened.store().engine, COORDINATOR, clock=clock)
        members = [member_key(i).public for i in range(1, scene.members + 1)]
        registry.admit_many((key, f"id-{key.fingerprint}", key.fingerprint) for key in members)
        for key in scene.held.signing:
            registry.add_trustee(key.public, key.public.fingerprint)
        board = opened.board(scene, clock, revoked=registry.revoked)
        tls.create_authority(folder / "tls", ["127.0.0.1"])
        credentials = tls.server_credentials(
            folder / "tls" / "server.pem", folder / "tls" / "server-key.pem"
        )
        settings = CoordinatorSettings(**({"listen": "127.0.0.1:0"} | changed))
        running = server.start(board, registry, settings, credentials, clock=clock)
        authority = (folder / "tls" / "authority.pem").read_bytes()
        try:
            with open_channel(Target(running.address, authority)) as channel:
                yield Running(scene, opened, registry, running, channel, clock, folder)
        finally:
            running.stop()
            opened.close()


@pytest.fixture(scope="module")
def running(scene: Scene, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    yield from start(scene, tmp_path_factory.mktemp("coordinator"))


def test_a_contribution_is_acknowledged_with_a_receipt(running: Running, scene: Scene) -> None:
    data = scene.contribution(1)
    request = pb.SubmitRequest(round_id=scene.round_id, contribution=data)

    first = running.call("Submit", request, member_key(1))
    again = running.call("Submit", request, member_key(1))

    assert first.receipt == again.receipt
    receipt = open_receipt(first.receipt, COORDINATOR.public, round_id=scene.round_id)
    assert receipt.payload_hash == statement_hash(data)


def test_nobody_speaks_for_another(running: Running, scene: Scene) -> None:
    request = pb.SubmitRequest(round_id=scene.round_id, contribution=scene.contribution(2))

    assert running.refused("Submit", request, member_key(3)) == (Kind.REFUSED, "InvalidSignature")


def test_rounds_say_whether_the_caller_is_on_the_roster(running: Running) -> None:
    mine = running.call("ListRounds", pb.ListRoundsRequest(), member_key(1)).rounds
    trustees = running.call("ListRounds", pb.ListRoundsRequest(), running.trustee).rounds

    assert [(r.round_id, r.state, r.member) for r in mine] == [("round-1", "open", True)]
    assert [r.member for r in trustees] == [False]


def test_describe_shows_votes_and_notices(running: Running, scene: Scene) -> None:
    reply = running.call("Describe", pb.DescribeRequest(round_id=scene.round_id), member_key(1))

    assert reply.plan == scene.record.plan
    assert len(reply.roster_votes) == 3
    assert list(reply.notices) == []


def test_contributions_are_confidential_before_the_close(running: Running, scene: Scene) -> None:
    entries = running.call("Read", pb.ReadRequest(round_id=scene.round_id), running.trustee)

    assert [entry.kind for entry in entries] == ["plan"]


def test_trustees_see_who_is_behind_the_roster(running: Running, scene: Scene) -> None:
    reply = running.call("Members", pb.MembersRequest(round_id=scene.round_id), running.trustee)

    seen = check_roster(
        scene.roster, list(reply.certificates), reply.revocations, COORDINATOR.public, now=NOW
    )
    assert len(seen) == scene.members


@pytest.mark.parametrize("method", sorted(service.BOARD))
def test_every_call_of_the_board_needs_a_pass(running: Running, method: str) -> None:
    request = service.BOARD[method].request()

    assert running.refused(method, request, None)[0] is Kind.UNAUTHENTICATED
    assert running.refused(method, request, STRANGER)[0] is Kind.UNAUTHENTICATED


@pytest.mark.parametrize(
    ("method", "who"),
    [
        ("Post", "member"),
        ("SendSealed", "member"),
        ("FetchSealed", "member"),
        ("Members", "member"),
        ("PostPeer", "member"),
        ("ReadPeers", "member"),
        ("CreateRound", "member"),
        ("Announce", "member"),
        ("Submit", "trustee"),
        ("CreateRound", "trustee"),
        ("Announce", "trustee"),
        ("Submit", "operator"),
        ("Post", "operator"),
        ("FetchSealed", "operator"),
    ],
)
def test_calls_that_are_others_to_make(running: Running, method: str, who: str) -> None:
    key = {"member": member_key(1), "trustee": running.trustee, "operator": COORDINATOR}[who]

    refused = running.refused(method, service.BOARD[method].request(), key)

    assert refused == (Kind.REFUSED, "InvalidSignature")


def test_a_trustee_fetches_and_sends_its_own_envelopes_only(running: Running) -> None:
    fetch = pb.FetchSealedRequest(round_id="round-1", recipient=2, phase="counts")
    send = pb.SendSealedRequest(round_id="round-1", phase="counts", sender=2, recipient=1)

    assert running.refused("FetchSealed", fetch, running.trustee)[1] == "InvalidSignature"
    assert running.refused("SendSealed", send, running.trustee)[1] == "InvalidSignature"
    own = pb.FetchSealedRequest(round_id="round-1", recipient=1, phase="counts")
    assert running.call("FetchSealed", own, running.trustee) == []


@pytest.mark.parametrize(
    ("now", "lifetime"),
    [(NOW - 10_000, 3600), (NOW + 3600, 3600)],
    ids=["expired", "from a clock that is an hour ahead"],
)
def test_passes_that_are_not_valid_now(running: Running, now: int, lifetime: int) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        running.board.ListRounds(
            pb.ListRoundsRequest(),
            timeout=SECONDS,
            metadata=running.shown(member_key(1), now=now, lifetime=lifetime),
        )

    found = failure(caught.value)
    assert (found.kind, found.name) == (Kind.UNAUTHENTICATED, "InvalidPass")
    assert "clocks" in found.text


def test_passes_for_another_coordinator_or_malformed(running: Running) -> None:
    foreign = make_pass(member_key(1), STRANGER.public, now=NOW, lifetime=60)
    for shown in (foreign, b"", b"x" * 2000, b"nonsense"):
        with pytest.raises(grpc.RpcError) as caught:
            running.board.ListRounds(
                pb.ListRoundsRequest(), timeout=SECONDS, metadata=((METADATA_KEY, shown),)
            )
        assert failure(caught.value).kind is Kind.UNAUTHENTICATED


def test_a_revoked_member_is_nobody(running: Running, scene: Scene) -> None:
    key = member_key(12)
    running.call("ListRounds", pb.ListRoundsRequest(), key)
    (row,) = running.registry.find(key.public.fingerprint)

    running.registry.revoke(row, "compromised")

    request = pb.SubmitRequest(round_id=scene.round_id, contribution=scene.contribution(12))
    assert running.refused("Submit", request, key)[0] is Kind.UNAUTHENTICATED
    with pytest.raises(grpc.RpcError) as caught:
        running.call("ListRounds", pb.ListRoundsRequest(), key)
    assert "revoked" in failure(caught.value).text


def test_strangers_are_metered_by_address_and_not_remembered(scene: Scene, tmp_path: Path) -> None:
    rates = OpenRates(calls_per_second=0.001, calls_burst=2)
    request = pb.ListRoundsRequest()
    for running in start(scene, tmp_path, open_rates=rates):
        strangers = [signing_key(60 + n) for n in range(3)]
        kinds = [running.refused("ListRounds", request, key)[0] for key in strangers]

        assert kinds == [Kind.UNAUTHENTICATED, Kind.UNAUTHENTICATED, Kind.EXHAUSTED]
        running.call("ListRounds", request, member_key(1))
        assert len(running.server._guard._passes) == 1


def test_calls_need_a_deadline(running: Running) -> None:
    for timeout in (None, 10_000):
        with pytest.raises(grpc.RpcError) as caught:
            running.board.ListRounds(
                pb.ListRoundsRequest(), timeout=timeout, metadata=running.shown(member_key(1))
            )
        assert "deadline" in failure(caught.value).text


def test_messages_are_limited_before_they_are_parsed(running: Running) -> None:
    request = pb.DescribeRequest(round_id="x" * (MAX_SMALL + 1))

    assert running.refused("Describe", request, member_key(1)) == (Kind.REFUSED, "MalformedMessage")


def test_bytes_that_are_no_message(running: Running) -> None:
    call: Any = running.channel.unary_unary("/cefed.v1.Board/Submit")

    with pytest.raises(grpc.RpcError) as caught:
        call(b"\xff\xff\xff", timeout=SECONDS, metadata=running.shown(member_key(1)))

    assert failure(caught.value).name == "MalformedMessage"


def test_an_unknown_round_is_refused_by_name(running: Running) -> None:
    request = pb.DescribeRequest(round_id="no-such-round")

    assert running.refused("Describe", request, member_key(1)) == (Kind.REFUSED, "PlanError")


def test_a_defect_is_not_told(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(running.server._board, "describe", fail)
    with pytest.raises(grpc.RpcError) as caught:
        running.call("Describe", pb.DescribeRequest(round_id="round-1"), member_key(1))

    found = failure(caught.value)
    assert found.kind is Kind.STUMBLED
    assert "secret detail" not in found.text


def test_a_round_of_strangers_is_not_created(running: Running) -> None:
    record = Scene(round_id="round-2", members=14).record
    request = pb.CreateRoundRequest(
        plan=record.plan,
        roster=record.roster,
        ceremony=record.ceremony,
        ceremony_countersignatures=list(record.countersignatures),
    )

    assert running.refused("CreateRound", request, COORDINATOR) == (Kind.REFUSED, "PolicyRefusal")


def test_enrolment_needs_no_pass(running: Running) -> None:
    admission = rpc.AdmissionStub(running.channel)
    key = signing_key(50)
    statement = enrolment_statement(invite(running.registry), key)

    first = admission.Enrol(pb.EnrolRequest(statement=statement), timeout=SECONDS)
    running.registry.approve(running.registry.find(key.public.fingerprint)[0])
    second = admission.Enrol(pb.EnrolRequest(statement=statement), timeout=SECONDS)

    assert (first.state, second.state) == ("waiting", "enrolled")
    assert second.certificate
    with pytest.raises(grpc.RpcError) as caught:
        admission.Enrol(pb.EnrolRequest(statement=b"nonsense"), timeout=SECONDS)
    assert failure(caught.value).kind is Kind.REFUSED


def test_health_is_told_to_anybody(running: Running) -> None:
    health = health_pb2_grpc.HealthStub(running.channel)

    reply = health.Check(health_pb2.HealthCheckRequest(service="cefed.v1.Board"), timeout=SECONDS)
    assert reply.status == health_pb2.HealthCheckResponse.SERVING
    with pytest.raises(grpc.RpcError) as caught:
        list(health.Watch(health_pb2.HealthCheckRequest(), timeout=SECONDS))
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_a_caller_without_a_pass_is_refused_before_its_message(running: Running) -> None:
    """The call is answered although its message never comes."""
    never = threading.Event()

    def messages() -> Iterator[bytes]:
        never.wait(SECONDS)
        yield b""

    call: Any = running.channel.stream_unary("/cefed.v1.Board/Submit")
    with pytest.raises(grpc.RpcError) as caught:
        call(messages(), timeout=SECONDS)
    never.set()

    assert failure(caught.value).kind is Kind.UNAUTHENTICATED


class Silent:
    """A caller's messages, of which none ever comes."""

    def __iter__(self) -> Silent:
        return self

    def __next__(self) -> bytes:
        threading.Event().wait(SECONDS)
        raise StopIteration


def silent(running: Running, path: str, key: SigningKey | None = None) -> Any:
    """A call that is under way and says nothing."""
    call: Any = running.channel.stream_unary(path)
    return call.future(
        Silent(), timeout=SECONDS, metadata=() if key is None else running.shown(key)
    )


def until(reached: Callable[[], bool]) -> None:
    """Wait for what other threads do."""
    for _ in range(200):
        if reached():
            return
        time.sleep(0.05)
    raise AssertionError("it did not happen")


def ended(calls: list[Any], count: int) -> bool:
    """Whether exactly ``count`` of ``calls`` have ended."""
    return len([call for call in calls if call.done()]) == count


@pytest.mark.parametrize(
    ("path", "shows", "seconds"),
    [
        ("/cefed.v1.Board/Submit", True, 60.0),
        ("/cefed.v1.Board/ListRounds", True, 10.0),
        ("/cefed.v1.Admission/Enrol", False, 3.0),
        ("/grpc.health.v1.Health/Check", False, 3.0),
    ],
)
def test_calls_whose_message_does_not_come_are_ended(
    running: Running, monkeypatch: pytest.MonkeyPatch, path: str, shows: bool, seconds: float
) -> None:
    patience = running.server._guard.patience
    until(lambda: not patience.waits)
    monkeypatch.setattr(patience, "scale", 0.02)
    call = silent(running, path, member_key(1) if shows else None)
    until(lambda: list(patience.waits.values()) == [seconds] or call.done())

    with pytest.raises(grpc.RpcError) as caught:
        call.result()
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert f"waited {seconds:.0f} seconds" in caught.value.details()
    until(lambda: not patience.waits)


def test_a_reader_that_takes_nothing_is_ended(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    entries = [Entry(i, "close", bytes(1 << 20), bytes(32)) for i in range(64)]
    monkeypatch.setattr(running.server._board, "read", lambda *_: iter(entries))
    patience, meter = running.server._guard.patience, running.server._guard._meters[Standing.MEMBER]
    until(lambda: not patience.waits)
    monkeypatch.setattr(patience, "scale", 0.01)
    stream = running.board.Read(
        pb.ReadRequest(round_id="round-1"), timeout=SECONDS, metadata=running.shown(member_key(2))
    )
    caller = member_key(2).public.raw.hex()
    until(lambda: caller in meter._accounts)
    account = meter._accounts[caller]
    until(lambda: WRITE_SECONDS in patience.waits.values())
    until(lambda: not patience.waits)
    assert account.active == 1, "it counts until the connection has forgotten it"

    with pytest.raises(grpc.RpcError) as caught:
        list(stream)
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    until(lambda: account.active == 0)


def test_callers_without_a_pass_take_nothing_from_the_others(running: Running) -> None:
    calls = [
        silent(running, path)
        for path in ("/cefed.v1.Admission/Enrol", "/cefed.v1.Board/Submit")
        for _ in range(100)
    ]

    running.call("ListRounds", pb.ListRoundsRequest(), member_key(1))
    running.call("ListRounds", pb.ListRoundsRequest(), running.trustee)
    health = health_pb2_grpc.HealthStub(running.channel)
    assert health.Check(health_pb2.HealthCheckRequest(), timeout=SECONDS).status == 1
    codes = Counter(call.code() for call in calls)  # waits for the end of each
    assert codes[grpc.StatusCode.UNAUTHENTICATED] == 100
    assert codes[grpc.StatusCode.RESOURCE_EXHAUSTED] >= 90


def test_silent_members_take_nothing_from_trustees(scene: Scene, tmp_path: Path) -> None:
    for running in start(scene, tmp_path, threads=2, max_calls=4):
        calls = [silent(running, "/cefed.v1.Board/Submit", member_key(i)) for i in range(1, 12)]

        running.call("ListRounds", pb.ListRoundsRequest(), running.trustee)
        running.call("ListRounds", pb.ListRoundsRequest(), COORDINATOR)
        until(partial(ended, calls, 7))
        refused = {call.code() for call in calls if call.done()}
        assert refused == {grpc.StatusCode.RESOURCE_EXHAUSTED}
        for call in calls:
            call.cancel()


def test_a_trustee_of_another_ceremony_is_told_nothing_of_this_one(
    running: Running, scene: Scene
) -> None:
    other = signing_key(7, "other trustee")
    running.registry.add_trustee(other.public, "another")
    until(lambda: running.registry.standing(other.public) == "trustee")

    for method, request in (
        ("Members", pb.MembersRequest(round_id=scene.round_id)),
        ("ReadPeers", pb.ReadPeersRequest(key_id=scene.held.ceremony.key_id)),
    ):
        assert running.refused(method, request, other) == (Kind.REFUSED, "InvalidSignature")


def test_a_key_that_was_just_enrolled_is_served(running: Running) -> None:
    key = signing_key(51)
    request = pb.ListRoundsRequest()
    assert running.refused("ListRounds", request, key)[0] is Kind.UNAUTHENTICATED

    running.registry.admit_many([(key.public, "id-51", "group-51")])

    running.call("ListRounds", request, key)


def test_metrics_hold_no_names(running: Running, scene: Scene) -> None:
    from prometheus_client import generate_latest

    running.call("ListRounds", pb.ListRoundsRequest(), member_key(1))
    text = generate_latest(running.server._board.metrics.registry).decode()

    assert 'cefed_call_seconds_count{method="cefed.v1.Board/ListRounds",outcome="OK"}' in text
    for name in (scene.round_id, scene.plan.cohort, member_key(1).public.fingerprint):
        assert name not in text


def test_rates_are_limited_per_caller(scene: Scene, tmp_path: Path) -> None:
    rates = Rates(calls_per_second=0.001, calls_burst=2)
    for running in start(scene, tmp_path, member_rates=rates):
        for _ in range(2):
            running.call("ListRounds", pb.ListRoundsRequest(), member_key(1))

        request = pb.ListRoundsRequest()
        assert running.refused("ListRounds", request, member_key(1))[0] is Kind.EXHAUSTED
        running.call("ListRounds", request, member_key(2))


def test_plaintext_is_for_loopback_only(scene: Scene, opened: Opened) -> None:
    from coordinator.errors import SettingsError

    board = opened.board(scene)
    registry = Registry(opened.store().engine, COORDINATOR)
    settings = CoordinatorSettings(listen="0.0.0.0:0")
    with pytest.raises(SettingsError, match="loopback only"):
        server.start(board, registry, settings, None)
