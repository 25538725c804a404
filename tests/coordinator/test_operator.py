"""The operator's commands, beside a serving process and without one, as people type them."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from coordinator import operator
from coordinator.cli import app
from coordinator.errors import SettingsError, StoreError, UnreachableError
from coordinator.folder import Office
from protocols.enrolment import Invitation, enrolment_statement, rotation_statement
from protocols.errors import PlanError, PolicyRefusal, ProtocolError, StorageError
from protocols.notices import make_refusal, roster_vote
from protocols.service import probes
from protocols.service.errors import SettingsError as ServiceSettingsError
from protocols.signing import SigningKey
from tests.keys import Trustees, signing_key, trustees

SOURCE = Path(__file__).resolve().parents[2]
TEMPLATE = SOURCE / "examples" / "region_a" / "plan.toml"
START_SECONDS = 60.0


Refusal = type[Exception] | tuple[type[Exception], ...]


def cefed(*arguments: str, fails: Refusal | None = None) -> Any:
    """Run a command; its JSON, or None when it fails as expected."""
    done = CliRunner().invoke(app, [*arguments, "--json"])
    if fails is not None:
        assert isinstance(done.exception, fails), done.exception or done.output
        return str(done.exception)
    assert done.exit_code == 0, done.exception or done.output
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def held() -> Trustees:
    return trustees()


@pytest.fixture(scope="module")
def ceremony(held: Trustees, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ceremony")
    (folder / "ceremony.bin").write_bytes(held.ceremony.received)
    for index, data in enumerate(held.countersignatures, start=1):
        (folder / f"countersignature-{index}.bin").write_bytes(data)
    return folder


def make_office(folder: Path, held: Trustees) -> str:
    """A coordinator's folder with the four trustees registered."""
    place = str(folder / "platform")
    cefed("init", place, "--host", "coordinator.example.org")
    for trustee in held.ceremony.trustees:
        facts = {"name": trustee.name, "signing_key": trustee.signing_key.raw.hex()}
        path = folder / f"{trustee.name}.json"
        path.write_text(json.dumps(facts))
        cefed("trustee", "add", place, str(path))
    return place


@pytest.fixture
def place(tmp_path: Path, held: Trustees) -> str:
    return make_office(tmp_path, held)


def enrol(place: str, folder: Path, number: int, *, approve: bool = True) -> SigningKey:
    """Invite an enterprise and have its key ask; its key."""
    key, path = signing_key(number), folder / f"invitation-{number}.json"
    cefed("member", "invite", place, "--id", f"id-{number}", "--cohort", "region-a",
          "--group", f"group {number}", "--out", str(path))  # fmt: skip
    invitation = Invitation.load(path)
    with Office.open(Path(place)).registry() as registry:
        registry.enrol(enrolment_statement(invitation, key))
    if approve:
        fingerprint = key.public.fingerprint
        cefed("member", "approve", place, f"id-{number}", "--fingerprint", fingerprint)
    return key


def test_init_makes_private_files_once(tmp_path: Path, held: Trustees) -> None:
    place = make_office(tmp_path, held)
    folder = Path(place)

    for path in (
        folder / "coordinator.pem",
        folder / "board.sqlite",
        folder / "tls/server-key.pem",
    ):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert cefed("check", place)["good"]
    cefed("init", place, fails=StorageError)
    cefed("check", str(tmp_path / "nothing"), fails=StoreError)


def test_check_names_what_is_wrong(place: str) -> None:
    folder = Path(place)
    folder.chmod(0o755)
    (folder / "tls" / "server.pem").write_text("nothing")
    (folder / "coordinator.toml").write_text('probes_listen = "0.0.0.0:1"\nquorum = 9\n')

    done = CliRunner().invoke(app, ["check", place, "--json"])

    facts = json.loads(done.stdout)
    wrong = {finding["name"] for finding in facts["findings"] if not finding["good"]}
    assert wrong == {"key", "tls", "probes", "trustees"}
    assert done.exit_code == 8


def test_a_setting_that_does_not_exist_is_refused(place: str) -> None:
    with (Path(place) / "coordinator.toml").open("a") as file:
        file.write("qourum = 3\n")

    assert "qourum" in cefed("round", "status", place, fails=ServiceSettingsError)


def test_a_password_in_a_url_is_refused_and_not_shown(tmp_path: Path) -> None:
    url = "postgresql+psycopg://user:hunter2@127.0.0.1/db"
    text = cefed("init", str(tmp_path / "c"), "--database", url, fails=SettingsError)

    assert "password" in text
    assert "hunter2" not in text


def test_the_database_password_comes_from_a_file(place: str, tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text("p@ss/word\n")
    secret.chmod(0o600)
    (Path(place) / "coordinator.toml").write_text(
        'database = "postgresql+psycopg://user@127.0.0.1/db"\n'
        f'database_password_file = "{secret}"\n'
    )

    url = Office.open(Path(place)).database_url()

    assert url == "postgresql+psycopg://user:p%40ss%2Fword@127.0.0.1/db"


def test_an_invitation_is_a_private_file_with_everything_to_pin(
    place: str, tmp_path: Path, held: Trustees
) -> None:
    path = tmp_path / "acme.json"
    cefed("member", "invite", place, "--id", "id-1", "--out", str(path))

    invitation = Invitation.load(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert invitation.coordinator == "coordinator.example.org:7443"
    assert invitation.group == "id-1"
    assert {key for _, key in invitation.trustees} == {k.public for k in held.signing}
    assert "BEGIN CERTIFICATE" in invitation.tls_authority
    (listed,) = cefed("member", "list", place)["invitations"]
    assert listed["enterprise_id"] == "id-1"
    assert invitation.secret.hex() not in json.dumps(listed)
    cefed("member", "invite", place, "--id", "id-1", "--out", str(path), fails=SettingsError)


def test_invitations_need_trustees_and_an_address(tmp_path: Path) -> None:
    place = str(tmp_path / "c")
    cefed("init", place)
    text = cefed("member", "invite", place, "--id", "x", fails=SettingsError)
    assert "--address" in text
    text = cefed("member", "invite", place, "--id", "x", "--address", "h:1", fails=SettingsError)
    assert "trustee add" in text


def test_a_member_is_approved_by_its_fingerprint_only(place: str, tmp_path: Path) -> None:
    key = enrol(place, tmp_path, 1, approve=False)
    (row,) = cefed("member", "list", place, "--state", "waiting")["members"]
    assert row["fingerprint"] == key.public.fingerprint

    wrong = signing_key(2).public.fingerprint
    text = cefed("member", "approve", place, "id-1", "--fingerprint", wrong, fails=SettingsError)
    assert "do not approve" in text

    asked = CliRunner().invoke(
        app, ["member", "approve", place, "id-1"], input=f"{key.public.fingerprint}\n"
    )
    assert asked.exit_code == 0
    assert cefed("member", "list", place)["members"][0]["state"] == "enrolled"


def test_approving_prefers_the_key_that_waits(place: str, tmp_path: Path) -> None:
    first = enrol(place, tmp_path, 1, approve=False)
    cefed("member", "reject", place, "id-1")
    path, second = tmp_path / "again.json", signing_key(41)
    cefed("member", "invite", place, "--id", "id-1", "--group", "group 1", "--out", str(path))
    with Office.open(Path(place)).registry() as registry:
        registry.enrol(enrolment_statement(Invitation.load(path), second))
    mark = second.public.fingerprint

    asked = CliRunner().invoke(app, ["member", "approve", place, "id-1"], input=f"{mark}\n")
    assert asked.exit_code == 0
    again = CliRunner().invoke(app, ["member", "approve", place, "id-1", "--fingerprint", mark])
    assert again.exit_code == 0
    assert "already" in again.stdout
    other = first.public.fingerprint
    cefed("member", "approve", place, "id-1", "--fingerprint", other, fails=PolicyRefusal)


def test_an_invitation_is_withdrawn(place: str, tmp_path: Path) -> None:
    path = tmp_path / "acme.json"
    cefed("member", "invite", place, "--id", "id-1", "--out", str(path))
    invitation = Invitation.load(path)
    assert cefed("member", "list", place, "--state", "waiting")["invitations"] == []

    assert cefed("member", "withdraw", place, "id-1")["withdrawn"] == [invitation.id]

    cefed("member", "withdraw", place, invitation.id, fails=SettingsError)
    with Office.open(Path(place)).registry() as registry:
        answer = registry.enrol(enrolment_statement(invitation, signing_key(1)))
    assert answer.state == "refused"


def test_an_invitation_that_cannot_be_written_is_not_registered(place: str, tmp_path: Path) -> None:
    path = tmp_path / "nowhere" / "acme.json"
    cefed("member", "invite", place, "--id", "id-1", "--out", str(path), fails=StorageError)
    assert cefed("member", "list", place)["invitations"] == []


def test_a_failed_init_leaves_nothing(tmp_path: Path) -> None:
    place = tmp_path / "c"
    for url in ("nonsense", "postgresql+psycopg://nobody@127.0.0.1:1/none"):
        cefed("init", str(place), "--database", url, fails=(SettingsError, StoreError))
        assert not place.exists()
    cefed("init", str(place), "--host", "a_b c", fails=ProtocolError)
    assert not place.exists()
    cefed("init", str(place))


def test_trustees_are_added_together_or_not_at_all(tmp_path: Path, held: Trustees) -> None:
    place, good = str(tmp_path / "c"), tmp_path / "good.json"
    cefed("init", place)
    key = held.ceremony.trustees[0].signing_key.raw.hex()
    good.write_text(json.dumps({"name": "good", "signing_key": key}))
    cefed("trustee", "add", place, str(good), str(tmp_path / "missing"), fails=StoreError)
    assert cefed("trustee", "list", place)["trustees"] == []


def test_reject_and_revoke(place: str, tmp_path: Path) -> None:
    enrol(place, tmp_path, 1, approve=False)
    cefed("member", "reject", place, "id-1", "--reason", "wrong person")
    (row,) = cefed("member", "list", place)["members"]
    assert (row["state"], row["reason"]) == ("rejected", "wrong person")

    enrol(place, tmp_path, 2)
    cefed("member", "revoke", place, "id-2", "--reason", "compromised")
    cefed("member", "revoke", place, "id-2", fails=SettingsError)
    assert cefed("member", "list", place, "--state", "revoked")["members"][0]["reason"]


def create(place: str, ceremony: Path, *more: str, fails: type[Exception] | None = None) -> Any:
    return cefed(
        "round", "create", place, "--template", str(TEMPLATE), "--cohort", "region-a",
        "--ceremony", str(ceremony), "--deadline", "7d", "--cohort-members", *more, fails=fails,
    )  # fmt: skip


def test_a_round_without_a_serving_process(
    place: str, tmp_path: Path, ceremony: Path, held: Trustees
) -> None:
    for number in range(1, 7):
        enrol(place, tmp_path, number)
    facts = create(place, ceremony)
    name = facts["round"]
    assert facts["members"] == 6
    assert facts["warnings"] == []
    assert facts["rehearsal"]["schema"] == "cefed.rehearsal/2"
    assert facts["rehearsal"]["plan_hash"] == facts["plan_hash"]

    cefed("round", "remind", place, name)
    cefed("round", "extend", place, name, "--deadline", "9d", "--reason", "holidays")
    office = Office.open(Path(place))
    with office.board() as (board, _):
        terms = board.terms(name)
        voter, leaver = held.signing[:2]
        board.post(name, roster_vote(terms.plan, terms.roster, voter), voter.public)
        board.post(name, make_refusal(terms.plan, "unknown ids", leaver), leaver.public)

    status = cefed("round", "status", place, name)
    assert status["state"] == "proposed"
    assert status["awaited"] == {}
    assert status["votes"]["roster"] == ["trustee-1"]
    assert status["refusals"] == [{"trustee": "trustee-2", "reason": "unknown ids"}]
    assert [notice["kind"] for notice in status["notices"]] == ["reminder", "deadline"]
    assert status["deadline"] > facts["deadline"]
    assert status["waits_for"] == "2 more roster votes: trustee-3 or trustee-4"
    cefed("round", "extend", place, name, "--deadline", "8d", fails=SettingsError)
    words = CliRunner().invoke(app, ["round", "status", place, name]).stdout
    assert "trustee-2 left the round: unknown ids" in words

    cefed("round", "cancel", place, name, "--reason", "wrong factor set")
    assert cefed("round", "status", place)["rounds"][0]["state"] == "cancelled"
    cefed("round", "cancel", place, name, "--reason", "again", fails=PolicyRefusal)
    cefed("round", "remind", place, "no-such-round", fails=PlanError)


def test_equal_reasons_are_said_once(
    place: str, tmp_path: Path, ceremony: Path, held: Trustees
) -> None:
    for number in range(1, 7):
        enrol(place, tmp_path, number)
    name = create(place, ceremony, "--no-rehearsal")["round"]
    reasons = ("unknown ids", "a limit", "unknown ids")
    with Office.open(Path(place)).board() as (board, _):
        plan = board.terms(name).plan
        for key, reason in zip(held.signing, reasons, strict=False):
            board.post(name, make_refusal(plan, reason, key), key.public)

    words = CliRunner().invoke(app, ["round", "status", place, name]).stdout

    assert "  2 trustees left the round: unknown ids (trustee-1, trustee-3)\n" in words
    assert "  trustee-2 left the round: a limit\n" in words


def test_a_few_entrants_of_the_next_year_are_warned_about(
    place: str, tmp_path: Path, ceremony: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("coordinator.earlier.warnings", lambda *_: ["it would leave 1 group"])
    for number in range(1, 7):
        enrol(place, tmp_path, number)

    facts = create(place, ceremony, "--no-rehearsal")

    assert facts["warnings"] == ["it would leave 1 group"]


def test_a_round_of_keys_that_are_not_enrolled_is_refused(
    place: str, tmp_path: Path, ceremony: Path
) -> None:
    members = tmp_path / "members.csv"
    keys = [signing_key(n).public.raw.hex() for n in range(1, 7)]
    members.write_text("\n".join(["signing_key", *keys]) + "\n")
    arguments = (
        "round", "create", place, "--template", str(TEMPLATE), "--cohort", "region-a",
        "--ceremony", str(ceremony), "--deadline", "7d",
    )  # fmt: skip

    cefed(*arguments, "--members", str(members), fails=PolicyRefusal)
    cefed(*arguments, fails=SettingsError)
    create(place, ceremony, fails=SettingsError)


def test_a_key_in_use_is_not_replaced(place: str, tmp_path: Path, ceremony: Path) -> None:
    for number in range(1, 7):
        old = enrol(place, tmp_path, number)
    name = create(place, ceremony, "--no-rehearsal")["round"]
    new = signing_key(60)
    with Office.open(Path(place)).registry() as registry:
        registry.enrol(rotation_statement(old, new, "id-6", "group 6"))
    approve = ("member", "approve", place, "id-6", "--fingerprint", new.public.fingerprint)

    assert name in cefed(*approve, fails=PolicyRefusal)
    cefed("round", "cancel", place, name, "--reason", "a member changes its key")
    cefed(*approve)

    exported = tmp_path / "members.csv"
    cefed("member", "export", place, "--cohort", "region-a", "--out", str(exported))
    assert new.public.raw.hex() in exported.read_text()
    assert old.public.raw.hex() not in exported.read_text()


def test_rehearse_needs_no_folder() -> None:
    facts = cefed(
        "round", "rehearse", "--template", str(TEMPLATE), "--cohort", "region-a",
        "--members", "72", "--sample", str(TEMPLATE.parent / "region_a.csv"),
        "--mapping", str(TEMPLATE.parent / "mapping.toml"), "--trials", "3",
    )  # fmt: skip
    assert facts["published_trials"] == 3
    assert facts["source"] == "redrawn from 72 records"


def test_the_certificate_is_renewed_under_the_same_authority(place: str) -> None:
    folder = Path(place) / "tls"
    before = (folder / "authority.pem").read_bytes(), (folder / "server.pem").read_bytes()

    assert "coordinator.example.org" in cefed("tls", "renew", place)["hosts"]

    after = (folder / "authority.pem").read_bytes(), (folder / "server.pem").read_bytes()
    assert before[0] == after[0]
    assert before[1] != after[1]
    assert cefed("check", place)["good"]
    cefed("tls", "renew", place, "--host", "other.example.org")
    done = CliRunner().invoke(app, ["check", place])
    assert done.exit_code == 8
    assert "tls renew --host coordinator.example.org" in done.stdout


def test_every_command_shows_an_example() -> None:
    import click
    import typer

    def walk(command: click.Command, path: list[str]) -> Iterator[str]:
        if isinstance(command, click.Group):
            for name, inner in command.commands.items():
                yield from walk(inner, [*path, name])
        elif "Example:" not in (command.help or ""):
            yield " ".join(path)

    assert list(walk(typer.main.get_command(app), ["coordinator"])) == []


@pytest.fixture(scope="module")
def serving(
    held: Trustees, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, Path, subprocess.Popen[bytes]]]:
    """A coordinator process over TLS with probes, and its folder."""
    folder = tmp_path_factory.mktemp("serving")
    place = make_office(folder, held)
    for number in range(1, 7):
        enrol(place, folder, number)
    with (Path(place) / "coordinator.toml").open("a") as file:
        file.write('probes_listen = "127.0.0.1:0"\nworkers = 0\n')
    log = (folder / "log").open("wb")
    process = subprocess.Popen(
        [sys.executable, "-m", "cefed", "coordinator", "serve", place, "--listen", "127.0.0.1:0"],
        stdout=log,
        stderr=log,
        env={**os.environ, "PYTHONPATH": str(SOURCE)},
    )
    end = time.monotonic() + START_SECONDS
    while not (Path(place) / "address").exists():
        assert process.poll() is None, (folder / "log").read_text()
        assert time.monotonic() < end
        time.sleep(0.05)
    yield place, folder / "log", process
    process.terminate()
    process.wait(START_SECONDS)
    log.close()


def test_a_round_beside_a_serving_process(
    serving: tuple[str, Path, subprocess.Popen[bytes]], ceremony: Path
) -> None:
    place, log, _ = serving

    name = create(place, ceremony)["round"]
    cefed("round", "extend", place, name, "--deadline", "9d")
    assert cefed("round", "status", place, name)["state"] == "proposed"
    cefed("round", "cancel", place, name, "--reason", "a test")
    cefed("round", "cancel", place, name, "--reason", "again", fails=PlanError)

    cefed("migrate", place, fails=SettingsError)
    assert json.loads(log.read_text().splitlines()[1])["role"] == "coordinator"
    address = probe_address(log)
    assert probes.ask(address, "/healthz")[0] == 200
    assert probes.ask(address, "/readyz")[0] == 200
    metrics = probes.ask(address, "/metrics")[1]
    assert "cefed_call_seconds" in metrics
    assert name not in metrics


def test_two_processes_do_not_serve_one_folder(
    serving: tuple[str, Path, subprocess.Popen[bytes]],
) -> None:
    text = cefed_serve(serving[0])
    assert "another process serves" in text


def cefed_serve(place: str) -> str:
    done = CliRunner().invoke(app, ["serve", place, "--listen", "127.0.0.1:0"])
    assert isinstance(done.exception, SettingsError)
    return str(done.exception)


def probe_address(log: Path) -> str:
    lines = [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
    return next(line["event"].split()[-1] for line in lines if "probes" in line["event"])


def test_a_stopped_process_leaves_no_address(tmp_path: Path, held: Trustees) -> None:
    place = make_office(tmp_path, held)
    with pytest.raises(StoreError, match="starting"):
        Office.open(Path(place)).target()


def test_a_process_that_does_not_answer(tmp_path: Path, held: Trustees, ceremony: Path) -> None:
    place = make_office(tmp_path, held)
    office = Office.open(Path(place))
    office.write_address("127.0.0.1:1", insecure=False)
    from protocols.wire import service_pb2 as pb

    with pytest.raises(UnreachableError, match="cannot reach"):
        operator._call(
            office, lambda stub: stub.Announce, pb.AnnounceRequest(round_id="x", statement=b"")
        )
