"""Every bad input: one clear line that says where and what to do, its exit code, no traceback."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import click
import pytest
from click.testing import Result
from typer.testing import CliRunner

import cefed
from enterprise_node.private.policy import Approver
from enterprise_node.private.store import NodeStore
from protocols.keyfiles import write_private
from protocols.notices import make_cancellation
from tests import keys
from tests.enterprise_node.scene import (
    COORDINATOR,
    MAPPING,
    RECORDS,
    ROUND,
    make_node,
    make_scene,
    policy_for,
)
from tests.enterprise_node.test_identity import certificate, invitation

HEADER = "enterprise_id,sector_code,sector,output_yuan,cei_tco2_per_mwh,electricity_mwh,"
HEADER += "emissions_tco2"
ROW = "A01,29,rubber,9370000,0.70,919.2,648"


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cefed.app, [str(argument) for argument in arguments])


def facts(*arguments: object) -> dict[str, object]:
    """What a command that must succeed says with --json."""
    done = run(*arguments, "--json")
    assert done.exit_code == 0, done.output
    document: dict[str, object] = json.loads(done.stdout)
    return document


def refused(code: int, *arguments: object) -> str:
    """The one line on standard error of a command that must be refused with ``code``."""
    result = run(*arguments)
    assert result.exit_code == code, result.output
    assert "Traceback" not in result.output
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1, lines
    return lines[0]


@pytest.fixture
def node(tmp_path: Path) -> Path:
    return make_node(tmp_path / "node", approval=Approver.PERSON).folder


@pytest.fixture
def invited(tmp_path: Path) -> Path:
    path = tmp_path / "a01.json"
    write_private(path, invitation(expires=4_000_000_000).to_json().encode())
    return path


def import_bytes(code: int, node: Path, data: bytes, mapping: Path = MAPPING) -> str:
    records = node.parent / "records.csv"
    records.write_bytes(data)
    return refused(code, "node", "import", node, "--records", records, "--mapping", mapping)


def test_a_node_begins_with_an_invitation(tmp_path: Path, invited: Path) -> None:
    folder = tmp_path / "enrolled"
    told = facts("node", "enrol", folder, "--invitation", invited, "--yes")
    store = NodeStore(folder)
    assert told["pseudonym"] == store.key().public.fingerprint
    kinds = {envelope.kind for envelope in store.exchange().outbox.read()[0]}
    assert kinds == {"pass", "enrolment"}
    status = facts("node", "status", folder)
    assert status["enrolment"] == "waits for the operator's approval"
    assert status["approval"] == "person"
    shown = run("node", "ledger", "show", folder)
    assert "enrolment" in shown.stdout
    assert "2 entries" in run("node", "ledger", "verify", folder).stdout


def test_an_owner_who_does_not_confirm_makes_nothing(tmp_path: Path, invited: Path) -> None:
    folder = tmp_path / "enrolled"
    result = CliRunner().invoke(
        cefed.app, ["node", "enrol", str(folder), "--invitation", str(invited)], input="n\n"
    )
    assert result.exit_code == 2
    assert "nothing was done" in result.stderr
    assert "Any 2 of these 4 trustees" in result.stdout
    assert not folder.exists()


def test_trustees_of_the_invitation_are_compared_with_their_files(
    tmp_path: Path, invited: Path
) -> None:
    path = tmp_path / "identity.json"
    key = keys.signing_key(9).public.raw.hex()
    path.write_text(json.dumps({"schema": "cefed.trustee-identity/1", "signing_key": key}))
    line = refused(
        2, "node", "enrol", tmp_path / "n", "--invitation", invited, "--trustee", path, "--yes"
    )
    assert "are not those whose identities you gave" in line
    assert not (tmp_path / "n").exists()


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"secret": "abc"}'])
def test_what_is_no_invitation(tmp_path: Path, content: str) -> None:
    path = tmp_path / "a.json"
    write_private(path, content.encode())
    line = refused(7, "node", "enrol", tmp_path / "n", "--invitation", path, "--yes")
    assert "not an invitation" in line
    assert "abc" not in line


def test_an_automatic_node_names_what_it_answers(tmp_path: Path, invited: Path) -> None:
    arguments = ("node", "enrol", tmp_path / "n", "--invitation", invited, "--yes", "--automatic")
    assert "--indicator" in refused(2, *arguments)
    facts(*arguments, "--indicator", "cef", "--measure", "output", "--measure", "emissions")
    policy = NodeStore(tmp_path / "n").policy()
    assert policy.approval is Approver.AUTOMATIC
    assert policy.measures == ("output", "emissions")


def test_the_whole_path_of_a_good_file(node: Path) -> None:
    records = node.parent / "gbk.csv"
    records.write_bytes(f"{HEADER}\n{ROW.replace('rubber', '橡胶')}\n".encode("gbk"))
    assert (
        facts("node", "import", node, "--records", records, "--mapping", MAPPING)["enterprise"]
        == "A01"
    )
    checked = facts("node", "check", node)
    assert checked["problems"] == []
    assert checked["measures"]["emissions"] == {"unit": "kgCO2", "value": "648000"}  # type: ignore[index]
    assert facts("node", "status", node)["cohort"] == "region-a"
    assert run("node", "ledger", "verify", node).exit_code == 0


def test_plants_are_summed(node: Path) -> None:
    records = node.parent / "plants.csv"
    records.write_text(f"{HEADER}\n{ROW}\n{ROW.replace('648', '352')}\n")
    arguments = ("node", "import", node, "--records", records, "--mapping", MAPPING)
    assert "--enterprise" in refused(2, *arguments, "--plants", 2)
    told = facts(*arguments, "--enterprise", "A01", "--plants", 2)
    assert told["plants"] == 2
    own = NodeStore(node).own()
    assert (own.integers["emissions"], own.integers["output"]) == (1_000_000, 18_740_000)
    assert "are 2 (rows: 2, 3)" in refused(3, *arguments, "--enterprise", "A01", "--plants", 3)
    records.write_text(f"{HEADER}\n{ROW}\n{ROW.replace('648', '')}\n")
    line = refused(3, *arguments, "--enterprise", "A01", "--plants", 2)
    assert "row 3" in line
    assert NodeStore(node).own() == own


def test_unknown_unit(node: Path) -> None:
    mapping = node.parent / "mapping.toml"
    mapping.write_text(MAPPING.read_text().replace('unit = "MWh"', 'unit = "MWhh"'))
    line = import_bytes(3, node, f"{HEADER}\n{ROW}\n".encode(), mapping)
    assert "MWhh" in line
    assert "columns" in line


def test_missing_column(node: Path) -> None:
    data = f"{HEADER}\n{ROW}\n".replace("electricity_mwh", "power_mwh").encode()
    line = import_bytes(3, node, data)
    assert "electricity_mwh" in line
    assert "power_mwh" in line


def test_empty_file(node: Path) -> None:
    assert "empty" in import_bytes(3, node, b"")


def test_wrong_encoding(node: Path) -> None:
    assert "UTF-8" in import_bytes(3, node, f"{HEADER}\n{ROW}\n".encode("utf-16"))


def test_duplicate_enterprise(node: Path) -> None:
    records = node.parent / "records.csv"
    records.write_text(f"{HEADER}\n{ROW}\n{ROW}\n")
    line = refused(
        3,
        "node", "import", node, "--records", records, "--mapping", MAPPING, "--enterprise", "A01",
    )  # fmt: skip
    assert "rows 2, 3" in line


def test_several_enterprises_and_none_named(node: Path) -> None:
    command = ("node", "import", node, "--records", RECORDS, "--mapping", MAPPING)
    assert facts(*command)["enterprise"] == "A01", "the id that it is enrolled with"
    others = node.parent / "others.csv"
    others.write_text(f"{HEADER}\n{ROW.replace('A01', 'B1')}\n{ROW.replace('A01', 'B2')}\n")
    assert "--enterprise" in refused(2, *command[:4], others, *command[5:])


def test_the_row_of_another_enterprise(node: Path) -> None:
    before = NodeStore(node).own()
    command = (
        "node", "import", node, "--records", RECORDS, "--mapping", MAPPING, "--enterprise", "A02",
    )  # fmt: skip
    assert "the node of A01, the row is that of A02" in refused(2, *command)
    assert NodeStore(node).own() == before
    assert facts(*command, "--other-id")["enterprise"] == "A02"


def test_not_a_number_is_told_with_row_and_column(node: Path) -> None:
    line = import_bytes(3, node, f"{HEADER}\n{ROW.replace('648', '#VALUE!')}\n".encode())
    assert "row 2" in line
    assert "emissions_tco2" in line


def test_a_refused_import_leaves_the_one_before(node: Path) -> None:
    before = NodeStore(node).own()
    import_bytes(3, node, b"")
    assert NodeStore(node).own() == before


def test_zero_denominator(tmp_path: Path) -> None:
    made = make_scene(tmp_path)
    zero = tmp_path / "zero.csv"
    zero.write_text(f"{HEADER}\n{ROW.replace('648', '0')}\n")
    folder = made.store.folder
    facts("node", "import", folder, "--records", zero, "--mapping", MAPPING)
    made.step()
    made.relay().step()
    line = refused(4, "node", "run", folder)
    assert "zero denominator" in line
    assert "zero denominator" in refused(4, "node", "run", folder, "--round", ROUND)
    assert run("node", "run", folder).exit_code == 0, "it was said once"
    assert "zero denominator" in run("node", "status", folder).stdout


def test_plan_for_another_sector(tmp_path: Path) -> None:
    made = make_scene(tmp_path, cohort="steel")
    made.step()
    made.relay().step()
    assert "steel" in refused(4, "node", "run", made.store.folder)


def test_a_round_by_hand_with_preview_and_approval(tmp_path: Path) -> None:
    made = make_scene(tmp_path, policy_approval=Approver.PERSON)
    folder = made.store.folder
    made.step()
    made.relay().step()
    assert "cefed node approve" in run("node", "run", folder).stdout
    seen = run("node", "preview", folder, "--round", ROUND)
    assert seen.exit_code == 0, seen.output
    assert "bin " in seen.stdout
    named = ("approve", str(folder), "--round", ROUND, "--plan", made.plan.hash.hex())
    assert " ".join(["To contribute: cefed node", *named]) in seen.stdout
    values = [str(value) for value in made.store.own().integers.values() if value > 99]
    assert not any(f" {value} " in seen.stdout for value in values)
    assert run("node", *named).exit_code == 0
    assert "version 1 is in the outbox" in run("node", "run", folder).stdout
    made.relay().step()
    assert "entry 4" in run("node", "run", folder).stdout
    assert "receipt for version 1" in run("node", "status", folder).stdout
    corrected = run("node", "run", folder, "--round", ROUND, "--correct")
    assert "version 2 is in the outbox" in corrected.stdout, corrected.output


def test_a_correction_needs_to_say_of_what(node: Path) -> None:
    assert "--round" in refused(2, "node", "run", node, "--correct")
    assert "--plan goes with" in refused(2, "node", "run", node, "--plan", "00")


def test_a_round_that_nobody_heard_of(node: Path) -> None:
    for command in ("preview", "approve"):
        line = refused(2, "node", command, node, "--round", "other")
        assert "has not heard of round other" in line


def test_an_export_is_checked_without_the_folder(tmp_path: Path) -> None:
    made = make_scene(tmp_path)
    made.turn(2)
    out = tmp_path / "ledger.json"
    facts("node", "ledger", "export", made.store.folder, "--out", out)
    key = made.store.key().public.raw.hex()
    told = facts("node", "ledger", "verify", "--export", out, "--key", key)
    assert (told["entries"], told["contributions"], told["receipts"]) == (3, 1, 1)
    other = keys.signing_key(9).public.raw.hex()
    assert "belongs to" in refused(6, "node", "ledger", "verify", "--export", out, "--key", other)
    out.write_text(out.read_text().replace('"bytes": ', '"bytes": 1'))
    assert "chain" in refused(6, "node", "ledger", "verify", "--export", out)
    assert "name a node's folder" in refused(2, "node", "ledger", "verify")


def test_an_export_of_a_ledger_that_does_not_hold_is_not_written(tmp_path: Path) -> None:
    made = make_scene(tmp_path)
    made.turn(2)
    path = made.store.ledger.path
    path.write_text(path.read_text().replace('"bytes":', '"bytes":1'))
    out = tmp_path / "ledger.json"
    refused(6, "node", "ledger", "export", made.store.folder, "--out", out)
    assert not out.exists()
    checked = run("node", "check", made.store.folder)
    assert checked.exit_code == 8
    assert "line 1" in checked.stdout
    assert "ok: key" in checked.stdout
    before = path.read_bytes()
    assert "nothing is signed" in refused(8, "node", "run", made.store.folder)
    assert path.read_bytes() == before


def test_not_a_nodes_folder(tmp_path: Path) -> None:
    assert "node enrol" in refused(2, "node", "status", tmp_path)


def test_a_policy_that_answers_nothing_is_a_problem(node: Path) -> None:
    store = NodeStore(node)
    store.policy_path.write_text(policy_for(indicators=()).to_toml())
    checked = run("node", "check", node)
    assert checked.exit_code == 2
    assert "indicators is empty" in checked.stdout
    store.policy_path.write_text("cohorts = 3\n")
    assert "policy.toml: cohorts" in refused(8, "node", "run", node)


def test_a_folder_that_is_open_to_others(node: Path) -> None:
    node.chmod(0o755)
    checked = run("node", "check", node)
    assert checked.exit_code == 8
    assert "chmod 700" in checked.stdout


def test_a_key_that_others_can_read(node: Path) -> None:
    (node / "signing.pem").chmod(0o644)
    assert "chmod 600" in refused(8, "node", "run", node)


def test_no_release_yet(node: Path) -> None:
    assert "--release" in refused(2, "node", "position", node)
    assert "no release" in refused(2, "node", "position", node, "--round", ROUND)


def test_another_plan_needs_the_owners_word(tmp_path: Path) -> None:
    made = make_scene(tmp_path)
    made.store.commitments.commit(replace(made.plan, title="another"), 1)
    made.step()
    made.relay().step()
    assert "--replace-plan" in refused(4, "node", "run", made.store.folder)
    rerun = ("node", "run", made.store.folder, "--round", ROUND, "--replace-plan")
    assert "was not looked at yet" in refused(2, *rerun)
    done = run(*rerun, "--plan", made.plan.hash.hex())
    assert done.exit_code == 0, done.output
    assert [plan.by_owner for plan in made.store.commitments.all()] == [False, True]


def test_the_private_side_runs_where_no_socket_can_be_opened(node: Path) -> None:
    """Without gRPC, and with every way to a socket closed."""
    code = (
        "import sys, socket\n"
        "class Closed(socket.socket):\n"
        "    def __init__(self, *_, **__): raise AssertionError('a socket was opened')\n"
        "socket.socket = Closed\n"
        "sys.modules['grpc'] = None\n"
        "from enterprise_node.cli import app\n"
        f"app(['run', {str(node)!r}, '--json'])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == []


@pytest.mark.parametrize("command", ["node", "coordinator", "trustee", "ceremony", "sim", "demo"])
def test_every_part_has_help_with_an_example(command: str) -> None:
    result = run(command, "--help")
    assert result.exit_code == 0, result.output
    assert "Traceback" not in result.output


@pytest.mark.parametrize(
    "command",
    ["enrol", "rotate", "import", "check", "preview", "approve", "run", "status", "position"],
)
def test_every_command_of_a_node_has_an_example(command: str) -> None:
    result = run("node", command, "--help")
    assert result.exit_code == 0, result.output
    assert "Example" in result.output


def test_a_missing_exchange_folder_is_not_made_again(node: Path) -> None:
    shared = node / "exchange"
    shutil.rmtree(shared)
    for place in ("missing", "a medium's empty place"):
        assert f"{shared} is missing: mount or restore it" in refused(8, "node", "run", node), place
        checked = run("node", "check", node)
        assert checked.exit_code == 8
        assert "mount or restore it" in checked.stdout
        assert run("node", "status", node).exit_code == 0
        assert list(shared.glob("*")) == []
        shared.mkdir(exist_ok=True)


def test_an_exchange_folder_belongs_to_one_node(tmp_path: Path, invited: Path) -> None:
    shared = tmp_path / "shared"
    command = ("--invitation", invited, "--yes", "--exchange")
    facts("node", "enrol", tmp_path / "one", *command, shared)
    held = (shared / "outbox" / "enrolment.envelope").read_bytes()
    line = refused(2, "node", "enrol", tmp_path / "two", *command, shared)
    assert "of another node" in line
    assert not (tmp_path / "two").exists()
    assert (shared / "outbox" / "enrolment.envelope").read_bytes() == held
    facts("node", "enrol", tmp_path / "one", *command, shared)
    line = refused(2, "node", "enrol", tmp_path / "one", *command, tmp_path / "elsewhere")
    assert f"at {shared}" in line


def test_a_revoked_member_enrols_again_in_its_folder(tmp_path: Path, invited: Path) -> None:
    folder = tmp_path / "node"
    facts("node", "enrol", folder, "--invitation", invited, "--yes")
    store = NodeStore(folder)
    store.certificate_path.write_bytes(certificate(store.key().public))
    again = tmp_path / "again.json"
    made = invitation(id="inv-2", expires=4_000_000_000)
    write_private(again, made.to_json().encode())
    told = facts("node", "enrol", folder, "--invitation", again, "--yes")
    upcoming = store.next_key()
    assert upcoming is not None
    assert told["pseudonym"] == upcoming.public.fingerprint != store.key().public.fingerprint


def test_figures_of_an_earlier_import_are_told_and_replaced(tmp_path: Path) -> None:
    made = make_scene(tmp_path)
    made.turn(2)
    folder = made.store.folder
    newer = tmp_path / "newer.csv"
    newer.write_text(f"{HEADER}\n{ROW.replace('648', '650')}\n")
    command = f"cefed node run {folder} --round {ROUND} --correct"
    assert command not in run("node", "status", folder).stdout
    imported = run("node", "import", folder, "--records", newer, "--mapping", MAPPING)
    for said in (imported, run("node", "run", folder), run("node", "status", folder)):
        assert f"round {ROUND} has the figures of an earlier import" in said.stdout
        assert command in said.stdout
    done = run("node", "run", folder, "--round", ROUND, "--correct")
    assert "version 2 is in the outbox" in done.stdout, done.output
    assert command not in run("node", "status", folder).stdout


def test_a_correction_that_came_too_late_is_not_taken_for_a_backup(tmp_path: Path) -> None:
    made = make_scene(tmp_path)
    made.turn(2)
    folder = made.store.folder
    run("node", "run", folder, "--round", ROUND, "--correct")
    made.desk.refusing = "the round is CLOSED: after the closing a correction needs a new round"
    assert made.relay().step().refused == [f"round {ROUND}: {made.desk.refusing}"]
    said = run("node", "run", folder).stdout + run("node", "status", folder).stdout
    assert said.count("version 1 counts; version 2 came too late") == 2
    assert "old backup" not in said


def test_status_says_how_rounds_and_requests_stand_in_words(tmp_path: Path) -> None:
    made = make_scene(tmp_path, policy_approval=Approver.PERSON)
    folder = made.store.folder
    made.turn()
    shown = run("node", "status", folder).stdout
    assert f"waits for your word: cefed node preview {folder} --round {ROUND}" in shown
    assert not any(sign in shown for sign in ("[", "{", "None", "'"))
    assert " UTC  pass" in run("node", "ledger", "show", folder).stdout
    made.desk.notices.append(make_cancellation(made.plan, 1, "a wrong unit", COORDINATOR))
    made.turn()
    shown = run("node", "status", folder).stdout
    assert f"round          {ROUND}: cancelled by the coordinator: a wrong unit" in shown


@pytest.mark.parametrize(
    ("cause", "code", "said"),
    [
        (KeyboardInterrupt, 130, "interrupted"),
        (EOFError, 2, "nothing was done"),
    ],
)
def test_a_prompt_that_is_left(
    tmp_path: Path,
    invited: Path,
    monkeypatch: pytest.MonkeyPatch,
    cause: type[BaseException],
    code: int,
    said: str,
) -> None:
    def leave(*_: object, **__: object) -> None:
        try:
            raise cause
        except cause:
            raise click.Abort from None  # as a prompt of click does

    monkeypatch.setattr("typer.confirm", leave)
    result = run("node", "enrol", tmp_path / "n", "--invitation", invited)
    assert (result.exit_code, said in result.stderr) == (code, True)
    assert not (tmp_path / "n").exists()


def test_a_gateway_needs_an_exchange_folder(tmp_path: Path) -> None:
    for command in ("check", "run"):
        line = refused(2, "gateway", command, tmp_path / "none")
        assert "is no exchange folder (no gateway.toml); cefed node enrol writes it" in line
    assert not (tmp_path / "none").exists()
