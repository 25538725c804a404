"""The relay: pushes what there is, once, in any order of failures; holds no key and no figures."""

from __future__ import annotations

import json
import shutil
import threading
from pathlib import Path

import pytest

from enterprise_node.exchange import Envelope, Exchange
from enterprise_node.gateway.client import CoordinatorClient
from enterprise_node.gateway.errors import CoordinatorUnreachable
from enterprise_node.gateway.service import LONGEST_PAUSE_SECONDS, Backoff, Service
from enterprise_node.gateway.settings import GatewaySettings
from enterprise_node.gateway.state import FILE
from enterprise_node.private.side import PrivateSide, approve_round
from protocols.service.channel import Target
from protocols.service.errors import SettingsError
from protocols.service.settings import load
from tests.enterprise_node.scene import ROUND, Scene, make_scene


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    made = make_scene(tmp_path)
    made.turn(2)
    return made


def inbox_kinds(scene: Scene) -> list[str]:
    return sorted(p.name.split("-")[0].split(".")[0] for p in scene.exchange.inbox.folder.iterdir())


def test_a_quiet_step_asks_for_rounds_and_brings_nothing(scene: Scene) -> None:
    scene.desk.asked.clear()
    report = scene.relay().step()
    assert (report.out, report.inward) == (0, 0)
    assert scene.desk.asked == ["rounds", "describe"]
    assert inbox_kinds(scene) == []


def test_a_lost_state_file_costs_repetitions_only(tmp_path: Path) -> None:
    scene = make_scene(tmp_path)
    scene.turn()
    scene.relay().step()
    receipt = next(p for p in scene.exchange.inbox.folder.iterdir() if "receipt" in p.name)
    before = receipt.read_bytes()
    for content in (None, b"{}", b"not json", b'{"schema":"cefed.gateway-state/1","done":3}'):
        state = scene.exchange.folder / FILE
        state.unlink()
        if content is not None:
            state.write_bytes(content)
        scene.relay().step()
        assert receipt.read_bytes() == before
    assert len(scene.desk.submitted) == 1
    assert scene.desk.asked.count("submit") == 5
    assert [event.kind for event in scene.step()] == ["receipt"]


def test_an_answer_that_was_lost_is_asked_for_again_with_the_same_bytes(tmp_path: Path) -> None:
    scene = make_scene(tmp_path)
    scene.turn()
    submit = scene.desk.submit

    def lose(*arguments: object) -> bytes:
        submit(*arguments)  # type: ignore[arg-type]
        raise CoordinatorUnreachable("the line broke after the request")

    scene.desk.submit = lose  # type: ignore[method-assign]
    with pytest.raises(CoordinatorUnreachable):
        scene.relay().step()
    scene.desk.submit = submit  # type: ignore[method-assign]
    assert "receipt" in [event.kind for event in scene.turn()]
    assert len(scene.desk.submitted) == 1


def test_a_coordinator_that_is_away_for_a_while(tmp_path: Path) -> None:
    scene = make_scene(tmp_path)
    scene.step()
    scene.desk.down = True
    service = Service(scene.relay(), 0.1)
    for _ in range(4):
        assert service.step() is None
    assert service.trouble() == ["CoordinatorUnreachable"]
    assert [e.text for e in scene.step()] == ["unreachable: nobody answers"]
    scene.desk.down = False
    assert service.step() is not None
    assert service.trouble() == []
    events = scene.step()
    assert "contributed" in [e.kind for e in events]
    assert "reachable: the coordinator answers again" in [e.text for e in events]


def test_pauses_grow_with_failures_and_differ_between_gateways() -> None:
    backoff = Backoff(30.0)
    assert 22 < backoff.pause() < 38
    spans = []
    for failures in range(1, 13):
        backoff.failures = failures
        spans.append([backoff.pause() for _ in range(20)])
    assert all(max(span) <= 1.25 * LONGEST_PAUSE_SECONDS for span in spans)
    assert max(spans[0]) < min(spans[2])
    assert len(set(spans[5])) > 10


def test_a_full_or_read_only_exchange_ends_no_gateway(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    scene.desk.state = "released"
    service = Service(scene.relay(), 0.1)
    with monkeypatch.context() as patch:
        patch.setattr("protocols.files.os.fsync", full)
        assert service.step() is None
    assert service.trouble() == ["StorageError"]
    assert service.step() is not None
    assert inbox_kinds(scene) == ["release"]


def test_a_node_that_is_not_admitted_hears_of_it_once(tmp_path: Path) -> None:
    scene = make_scene(tmp_path)
    scene.desk.admitted = False
    events = scene.turn(3)
    assert [e.text for e in events] == ["refused: this key is not enrolled"]
    scene.desk.admitted = True
    assert "contributed" in [e.kind for e in scene.turn()]


def test_without_a_pass_nobody_is_asked(tmp_path: Path) -> None:
    scene = make_scene(tmp_path)
    scene.relay().step()
    assert scene.desk.asked == []


def test_over_removable_media(tmp_path: Path) -> None:
    """Private side and gateway never see the same folder; somebody carries copies."""
    scene = make_scene(tmp_path)
    outside = Exchange.create(tmp_path / "outside")

    def carry(source: Path, target: Path) -> None:
        for path in source.glob("*.envelope"):
            shutil.copy(path, target / path.name)

    far = Scene(scene.store, outside, scene.plan, scene.roster, scene.desk)
    happened = []
    for _ in range(3):
        happened += scene.step()
        carry(scene.exchange.outbox.folder, outside.outbox.folder)
        far.relay().step()
        carry(outside.inbox.folder, scene.exchange.inbox.folder)
    happened += scene.step()
    kinds = [event.kind for event in happened]
    assert kinds.count("contributed") == 1
    assert kinds.count("receipt") == 1
    assert "refused" not in kinds
    assert len(scene.desk.submitted) == 1


def test_a_repetition_on_request_brings_everything_again(scene: Scene) -> None:
    with PrivateSide(scene.store, scene.exchange) as side:
        side.repeat_everything()
        side.step()
    scene.relay().step()
    assert inbox_kinds(scene) == ["round"]
    assert scene.step() == []


def test_what_a_coordinator_says_after_the_end_is_the_release_and_the_own_entry(
    scene: Scene,
) -> None:
    scene.desk.state = "released"
    scene.desk.asked.clear()
    scene.relay().step()
    assert inbox_kinds(scene) == ["release"]
    assert scene.desk.asked == ["rounds", "describe", "outcome"]
    scene.relay().step()
    assert scene.desk.asked[3:] == ["rounds"], "an ended round is asked about once"


def test_what_the_trustees_do_is_no_news_to_a_member_that_has_contributed(scene: Scene) -> None:
    for state in ("closing", "closed", "certified", "pending"):
        scene.desk.state = state
        scene.relay().step()
        assert inbox_kinds(scene) == []


def test_a_member_that_has_not_contributed_hears_that_it_may_or_no_longer_may(
    tmp_path: Path,
) -> None:
    scene = make_scene(tmp_path)
    scene.step()
    for state, kinds in (
        ("proposed", ["round"]),
        ("open", ["round"]),
        ("open", []),
        ("closing", ["round"]),
        ("closed", []),
        ("open", ["round"]),
    ):
        scene.desk.state = state
        scene.relay().step()
        assert inbox_kinds(scene) == kinds
        for path in scene.exchange.inbox.folder.iterdir():
            path.unlink()


def test_an_unknown_file_in_the_outbox_goes_nowhere(scene: Scene) -> None:
    scene.exchange.outbox.put(Envelope("certificate", "", b"x"))
    (scene.exchange.outbox.folder / "notes.txt").write_text("hello")
    scene.desk.asked.clear()
    assert scene.relay().step().out == 0
    assert scene.desk.asked == ["rounds", "describe"]


def test_nobody_listens(tmp_path: Path) -> None:
    with (
        CoordinatorClient(Target("127.0.0.1:1", None, True), deadline=5.0) as client,
        pytest.raises(CoordinatorUnreachable, match=r"127\.0\.0\.1:1"),
    ):
        client.rounds(b"")


def test_a_service_stops_when_told(scene: Scene) -> None:
    stop = threading.Event()
    stop.set()
    Service(scene.relay(), 3600.0).run(stop)


def test_settings(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_bytes(b"authority")
    environ = {"CEFED_ETC": str(tmp_path / "etc")}
    path = tmp_path / "gateway.toml"
    path.write_text('coordinator = "c.example:7443"\n')
    settings = load(GatewaySettings, "gateway", None, tmp_path, environ)
    assert settings.target(tmp_path) == Target("c.example:7443", b"authority", False)
    assert settings.target(tmp_path, insecure=True) == Target("c.example:7443", None, True)
    path.write_text('coordinator = "c.example:7443"\nauthority = ""\n')
    settings = load(GatewaySettings, "gateway", None, tmp_path, environ)
    assert settings.target(tmp_path).authority is None
    path.write_text('coordinater = "c.example:7443"\n')
    with pytest.raises(SettingsError, match="coordinater"):
        load(GatewaySettings, "gateway", None, tmp_path, environ)


def test_the_state_file_holds_names_and_hashes_only(scene: Scene) -> None:
    document = json.loads((scene.exchange.folder / FILE).read_text())
    assert set(document) == {"schema", "serial", "done"}
    assert any(deed.startswith(f"contribution {ROUND} ") for deed in document["done"])


def test_an_older_copy_beside_a_correction_is_handed_in_once(scene: Scene) -> None:
    folder = scene.store.round(ROUND)
    (first,) = scene.desk.submitted
    old = Envelope("contribution", ROUND, first)
    approve_round(scene.store, ROUND, int(scene.clock()), correct=True)
    scene.step()
    (scene.exchange.outbox.folder / "a copy.envelope").write_bytes(old.to_bytes())
    scene.relay().step()
    scene.relay().step()
    assert scene.desk.asked.count("submit") == 2, "the first was handed in before the correction"
    assert "receipt" in [event.kind for event in scene.step()]
    assert folder.receipts() == [1, 2]
