"""`cefed coordinator member ...`: which enterprises may take part."""

from __future__ import annotations

import secrets
import time
from pathlib import Path
from typing import Annotated

import typer

from coordinator.cli_common import AsJson, Config, Folder, open_office, tell
from coordinator.errors import CoordinatorError, SettingsError
from coordinator.folder import Office
from coordinator.operator import unfinished_with
from coordinator.registry import Registry
from coordinator.registry_rows import MemberRow, MemberState
from coordinator.registry_schema import MAX_NAME
from coordinator.roundfiles import members_csv
from coordinator.status import day
from protocols.ceremony import check_counts
from protocols.enrolment import Invitation
from protocols.files import replace_file
from protocols.keyfiles import write_private

member_app = typer.Typer(no_args_is_help=True, help="Invite, approve and revoke members.")

MAX_COHORT = 64
SECRET_BYTES = 32
MAX_REASON = 400
DAY_SECONDS = 86_400
_APPROVABLE = (MemberState.WAITING, MemberState.REJECTED)

Who = Annotated[
    str, typer.Argument(metavar="WHO", help="Enterprise id, or fingerprint of the key.")
]
Reason = Annotated[str, typer.Option(help="One line; the member is told.")]


@member_app.command("invite")
def member_invite(
    directory: Folder,
    enterprise_id: Annotated[str, typer.Option("--id", help="Registered id of the enterprise.")],
    name: Annotated[str, typer.Option(help="What people call it; stays in the registry.")] = "",
    group: Annotated[
        str, typer.Option(help="Corporate group, which counts once; the id by default.")
    ] = "",
    cohort: Annotated[str, typer.Option(help="The cohort it will be on the rosters of.")] = "",
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The file; invitation-ID.json by default.")
    ] = None,
    address: Annotated[
        str, typer.Option(metavar="HOST:PORT", help="Where the gateway dials; else as configured.")
    ] = "",
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Write one invitation file, which admits one key of one enterprise, once.

    It holds a secret: hand it over by a way on which nobody else reads it.

    Example: cefed coordinator member invite platform --id 91350100M0001 --group "Acme Holding"
    --name "Acme Steel" --cohort region-a --out acme.json
    """
    office = open_office(directory, config)
    _check_line("--name", name or enterprise_id, MAX_NAME)
    if cohort:
        _check_line("--cohort", cohort, MAX_COHORT)
    path = out or Path(f"invitation-{enterprise_id}.json".replace("/", "_"))
    if path.exists():
        raise SettingsError(f"{path} exists already; name another file with --out")
    expires = int(time.time()) + office.settings.invitation_days * DAY_SECONDS
    with office.registry() as registry:
        invitation = _invitation(
            office, registry, address, enterprise_id, group or enterprise_id, cohort, expires
        )
        # The file first: an invitation that is registered and in nobody's hands helps nobody.
        write_private(path, invitation.to_json().encode())
        try:
            registry.invite(invitation, name or enterprise_id)
        except CoordinatorError:
            path.unlink(missing_ok=True)
            raise
    facts = {"invitation": invitation.id, "file": str(path), "expires": expires}
    tell(
        facts,
        f"{path} invites {enterprise_id} until {day(expires)}, once; hand it over confidentially",
        as_json,
    )


@member_app.command("list")
def member_list(
    directory: Folder,
    state: Annotated[MemberState | None, typer.Option(help="Only members in this state.")] = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """List members and unused invitations; with --state only members.

    Example: cefed coordinator member list platform --state waiting
    """
    with open_office(directory, config).registry() as registry:
        rows = registry.members(*([] if state is None else [state]))
        open_invitations = [
            i for i in registry.invitations() if i.taken_by is None and state is None
        ]
    facts = {
        "members": [_facts(row) for row in rows],
        "invitations": [
            {
                "id": i.id,
                "enterprise_id": i.enterprise_id,
                "group": i.group,
                "cohort": i.cohort,
                "expires": i.expires,
            }
            for i in open_invitations
        ],
    }
    lines = [_line(row) for row in rows]
    lines += [
        f"{i.enterprise_id}: invited until {day(i.expires)}, invitation {i.id}"
        for i in open_invitations
    ]
    tell(facts, "\n".join(lines) or _nobody(state), as_json)


@member_app.command("approve")
def member_approve(
    directory: Folder,
    who: Who,
    fingerprint: Annotated[
        str,
        typer.Option(
            metavar="HEX", help="What the enterprise read to you; asked for if it is left out."
        ),
    ] = "",
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Approve a key that waits, after comparing its fingerprint by telephone.

    Call the enterprise at a number that you know, not one from its request, and let it read the
    fingerprint that its own node shows.

    Example: cefed coordinator member approve platform 91350100M0001 --fingerprint 0f3a5b7c9d1e2f40
    """
    office = open_office(directory, config)
    with office.store() as store:
        registry = Registry(store.engine, office.key())
        read = fingerprint.replace(" ", "").lower()
        if enrolled := _enrolled(registry, who, read):
            facts = {
                "enterprise_id": enrolled.enterprise_id,
                "fingerprint": enrolled.key.fingerprint,
            }
            told = f"{enrolled.enterprise_id} is enrolled with {facts['fingerprint']} already"
            tell(facts, told, as_json)
            return
        row = _to_approve(registry, who, read)
        if not read:
            typer.echo(
                f"{row.enterprise_id} ({row.name}), group {row.group}: call the enterprise and let "
                "it read the fingerprint that its node shows.",
                err=True,
            )
            read = typer.prompt("Fingerprint", err=True).replace(" ", "").lower()
        if read != row.key.fingerprint:
            raise SettingsError(
                "the fingerprint is not that of the key that waits: do not approve it. Somebody "
                "else may have used the invitation; reject the key and send a new invitation"
            )
        listed = [] if row.replaces is None else unfinished_with(store, row.replaces)
        registry.approve(row, listed)
    facts = {"enterprise_id": row.enterprise_id, "fingerprint": row.key.fingerprint}
    tell(facts, f"{row.enterprise_id} is enrolled with {row.key.fingerprint}", as_json)


@member_app.command("reject")
def member_reject(
    directory: Folder,
    who: Who,
    reason: Reason = "the operator rejected the request",
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Reject a key that waits. It can still be approved later.

    Example: cefed coordinator member reject platform 91350100M0001 --reason "ask for a new file"
    """
    check_reason(reason)
    with open_office(directory, config).registry() as registry:
        row = only(registry, who, MemberState.WAITING)
        registry.reject(row, reason)
    facts = {"enterprise_id": row.enterprise_id, "fingerprint": row.key.fingerprint}
    tell(facts, f"{row.key.fingerprint} of {row.enterprise_id} is rejected", as_json)


@member_app.command("withdraw")
def member_withdraw(
    directory: Folder,
    invitation: Annotated[
        str, typer.Argument(metavar="ID", help="The invitation, or the enterprise's id.")
    ],
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Withdraw an unused invitation, so that its file admits nobody any more.

    By an enterprise's id all of its unused invitations go. A key that took one is not touched:
    reject or revoke that.

    Example: cefed coordinator member withdraw platform 91350100M0001
    """
    with open_office(directory, config).registry() as registry:
        withdrawn = registry.withdraw(invitation)
    told = f"withdrawn: {', '.join(withdrawn)}"
    tell({"withdrawn": withdrawn}, told, as_json)


@member_app.command("revoke")
def member_revoke(
    directory: Folder,
    who: Who,
    reason: Reason = "revoked by the operator",
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """End a membership at once, for a compromised key. What it has contributed stays logged.

    Example: cefed coordinator member revoke platform 91350100M0001 --reason "key compromised"
    """
    check_reason(reason)
    with open_office(directory, config).registry() as registry:
        row = only(registry, who, MemberState.ENROLLED)
        registry.revoke(row, reason)
    facts = {"enterprise_id": row.enterprise_id, "fingerprint": row.key.fingerprint}
    tell(
        facts,
        f"{row.key.fingerprint} of {row.enterprise_id} is revoked; invite the enterprise again for "
        "a new key",
        as_json,
    )


@member_app.command("export")
def member_export(
    directory: Folder,
    out: Annotated[Path, typer.Option(metavar="FILE", help="The CSV file to write.")],
    cohort: Annotated[str, typer.Option(help="Members of this cohort only.")] = "",
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Write the enrolled members as the CSV that `round create --members` reads.

    Example: cefed coordinator member export platform --cohort region-a --out members.csv
    """
    with open_office(directory, config).registry() as registry:
        rows = [
            row
            for row in registry.members(MemberState.ENROLLED)
            if not cohort or row.cohort == cohort
        ]
    replace_file(out, members_csv(rows))
    tell({"file": str(out), "members": len(rows)}, f"{len(rows)} members in {out}", as_json)


def _invitation(
    office: Office,
    registry: Registry,
    address: str,
    enterprise_id: str,
    group: str,
    cohort: str,
    expires: int,
) -> Invitation:
    settings = office.settings
    trustees = registry.trustees()
    reached = address or settings.address
    if not reached:
        raise SettingsError(
            "where do members reach this coordinator? Give --address HOST:PORT, or set address in "
            "coordinator.toml"
        )
    if not trustees:
        raise SettingsError(
            "an invitation names the trustees that the node is to pin: register them first, with "
            "cefed coordinator trustee add"
        )
    check_counts(settings.threshold, settings.quorum, len(trustees))
    return Invitation(
        id=secrets.token_hex(8),
        secret=secrets.token_bytes(SECRET_BYTES),
        enterprise_id=enterprise_id,
        group=group,
        coordinator=reached,
        coordinator_key=office.key().public,
        tls_authority=office.authority().decode("ascii"),
        trustees=tuple((t.name, t.key) for t in trustees),
        threshold=settings.threshold,
        quorum=settings.quorum,
        cohort=cohort,
        expires=expires,
    )


def _enrolled(registry: Registry, who: str, fingerprint: str) -> MemberRow | None:
    """The enrolled key of ``who`` that is meant: approving it again does no harm.

    Without a fingerprint only if no other key of ``who`` could be meant.
    """
    rows = registry.find(who)
    if not fingerprint and any(row.state in _APPROVABLE for row in rows):
        return None
    for row in rows:
        if row.state is MemberState.ENROLLED and fingerprint in ("", row.key.fingerprint):
            return row
    return None


def _to_approve(registry: Registry, who: str, fingerprint: str) -> MemberRow:
    """The key of ``who`` that ``approve`` is about: the one read out, else the one that waits.

    :raises SettingsError: none, or several.
    """
    found = [
        row
        for row in registry.find(who)
        if row.state in _APPROVABLE and row.key.fingerprint == fingerprint
    ]
    if found:
        return found[0]
    if any(row.state is MemberState.WAITING for row in registry.find(who)):
        return only(registry, who, MemberState.WAITING)
    return only(registry, who, MemberState.REJECTED, MemberState.WAITING)


def _nobody(state: MemberState | None) -> str:
    return "no members yet" if state is None else f"no member is {state}"


def only(registry: Registry, who: str, *states: MemberState) -> MemberRow:
    """The one row of ``who`` in one of the states. :raises SettingsError: none, or several."""
    found = [row for row in registry.find(who) if row.state in states]
    if len(found) == 1:
        return found[0]
    wanted = " or ".join(states)
    if not found:
        raise SettingsError(f"no key of {who!r} is {wanted}; see: cefed coordinator member list")
    keys = ", ".join(row.key.fingerprint for row in found)
    raise SettingsError(f"{len(found)} keys of {who!r} are {wanted}; name one of {keys}")


def check_reason(reason: str) -> None:
    """Refuse a reason that members could not be shown. :raises SettingsError: it is such a one."""
    _check_line("--reason", reason, MAX_REASON)


def _facts(row: MemberRow) -> dict[str, object]:
    return {
        "enterprise_id": row.enterprise_id,
        "name": row.name,
        "group": row.group,
        "cohort": row.cohort,
        "state": row.state,
        "fingerprint": row.key.fingerprint,
        "signing_key": row.key.raw.hex(),
        "replaces": None if row.replaces is None else row.replaces.fingerprint,
        "certificate_ends": row.not_after,
        "reason": row.reason,
    }


def _line(row: MemberRow) -> str:
    parts = [f"{row.enterprise_id} ({row.name}): {row.state}, {row.key.fingerprint}"]
    if row.cohort:
        parts.append(f"cohort {row.cohort}")
    if row.replaces is not None:
        parts.append(f"to replace {row.replaces.fingerprint}")
    if row.reason:
        parts.append(row.reason)
    return "; ".join(parts)


def _check_line(what: str, text: str, most: int) -> None:
    if not text or text != text.strip() or len(text) > most or not text.isprintable():
        raise SettingsError(f"{what}: 1 to {most} printable characters on one line")
