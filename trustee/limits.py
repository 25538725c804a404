"""limits.toml: the least terms a trustee accepts, as its organisation wrote them down."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

from protocols.errors import PlanError, StorageError
from protocols.files import read_limited, replace_file
from protocols.profiles import PROFILES
from trustee.agreement import TrusteeLimits
from trustee.errors import FolderError

LIMITS = "limits.toml"
AUTOMATIC, BY_HAND = "automatic", "by-hand"
MAX_KNOWN_BYTES = 1 << 24
_WITH_KEY = re.compile(r"(.*\S)\s+([0-9a-fA-F]{16})")

_NUMBERS = ("minimum_cohort", "dominance_percent")
_RULES = ("largest_share_percent", "top_count", "top_share_percent", "most_classes_per_octave")
_TEXTS = ("profile", "refused_cohorts", "roster_approval", "known_enterprises", "most_epsilon")
_FIELDS = frozenset({*_NUMBERS, *_RULES, *_TEXTS})

_TEXT = """\
# The least terms this trustee accepts; a plan may be stricter.
minimum_cohort = {minimum_cohort}
dominance_percent = {dominance_percent}
# A disclosure profile whose rules all have to be kept ({profiles}), or "" for none.
profile = {profile}
# Further rules, 0 for none: most percent of a published sum that the largest enterprise may hold,
# and that the top_count largest may hold together.
largest_share_percent = {largest_share_percent}
top_count = {top_count}
top_share_percent = {top_share_percent}
# How finely trustees may see sizes before a release: classes an octave, at most.
most_classes_per_octave = {most_classes_per_octave}
# What all releases of the same data may tell of one enterprise, as epsilon for delta = 1e-6: plans
# without noise are refused then (docs/noise.md). "" for no such limit.
most_epsilon = {most_epsilon}
# Cohorts it takes no part in. Nobody is trustee of a cohort of its own sector.
refused_cohorts = {refused_cohorts}
# "automatic": countersign a roster when every member has a valid certificate.
# "by-hand": a person approves as well (cefed trustee roster show, then approve).
roster_approval = "{roster_approval}"
# A file with one registered enterprise id a line, or an id, a space and the fingerprint of its key;
# a roster with anybody else is refused. Only fingerprints that the enterprises told this trustee
# themselves stop a coordinator that invents members. Ids alone stop ids that nobody knows, and keys
# that change in silence: another key than before then waits for a person.
# known_enterprises = "known.txt"
"""


def save_limits(folder: Path, limits: TrusteeLimits) -> None:
    """Write limits.toml for a new trustee. :raises StorageError: it cannot be written."""
    text = _TEXT.format(
        minimum_cohort=limits.minimum_cohort,
        dominance_percent=limits.dominance_percent,
        profiles=", ".join(PROFILES),
        profile=json.dumps(limits.profile),
        most_epsilon=json.dumps(limits.most_epsilon),
        **{name: getattr(limits, name) for name in _RULES},
        refused_cohorts=json.dumps(list(limits.refused_cohorts)),
        roster_approval=BY_HAND if limits.approve_by_hand else AUTOMATIC,
    )
    replace_file(folder / LIMITS, text.encode("utf-8"))


def load_limits(folder: Path) -> TrusteeLimits:
    """Read limits.toml and the list of enterprises that it names.

    :raises FolderError: missing, malformed, or with a setting that is not known.
    """
    path = folder / LIMITS
    data = _read_toml(path)
    unknown = sorted(set(data) - _FIELDS)
    if unknown:
        raise FolderError(f"{path}: {unknown[0]!r} is not a limit")
    for name in _NUMBERS:
        if type(data.get(name)) is not int or not 0 < data[name] < 1 << 31:
            raise FolderError(f"{path}: {name} is a whole number above 0")
    rules = {name: data[name] for name in _RULES if name in data}
    for name, number in rules.items():
        if type(number) is not int or not 0 <= number < 1 << 31:
            raise FolderError(f"{path}: {name} is a whole number, 0 for no such rule")
    profile = data.get("profile", "")
    if not isinstance(profile, str):
        raise FolderError(f"{path}: profile is the name of a disclosure profile")
    most_epsilon = data.get("most_epsilon", "")
    if not isinstance(most_epsilon, str):
        raise FolderError(f'{path}: most_epsilon is a number in quotes, such as "1"')
    cohorts = data.get("refused_cohorts", [])
    if not isinstance(cohorts, list) or not all(isinstance(name, str) for name in cohorts):
        raise FolderError(f"{path}: refused_cohorts is a list of names")
    approval = data.get("roster_approval", AUTOMATIC)
    if approval not in (AUTOMATIC, BY_HAND):
        raise FolderError(f'{path}: roster_approval is "{AUTOMATIC}" or "{BY_HAND}"')
    known = data.get("known_enterprises")
    if known is not None and (not isinstance(known, str) or not known):
        raise FolderError(f"{path}: known_enterprises is the name of a file")
    accepted = None if known is None else _read_known(folder / known)
    try:
        return TrusteeLimits(
            data["minimum_cohort"],
            data["dominance_percent"],
            tuple(cohorts),
            approve_by_hand=approval == BY_HAND,
            known_enterprises=accepted,
            profile=profile,
            most_epsilon=most_epsilon,
            **rules,
        )
    except PlanError as error:
        raise FolderError(f"{path}: {error}") from error


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(read_limited(path, 1 << 16).decode("utf-8"))
    except StorageError as error:
        raise FolderError(str(error)) from error
    except (ValueError, RecursionError) as error:
        raise FolderError(f"{path} is not a limits file: {error}") from error


def _read_known(path: Path) -> dict[str, frozenset[str]]:
    """The enterprises in a file, one a line: ``ID`` or ``ID FINGERPRINT``.

    An id may stand there with several fingerprints. Empty lines and those that begin with # are
    passed over.
    """
    try:
        lines = read_limited(path, MAX_KNOWN_BYTES).decode("utf-8").splitlines()
    except StorageError as error:
        raise FolderError(str(error)) from error
    except ValueError as error:
        raise FolderError(f"{path} is not text in UTF-8") from error
    found: dict[str, frozenset[str]] = {}
    for line in map(str.strip, lines):
        if line and not line.startswith("#"):
            with_key = _WITH_KEY.fullmatch(line)
            name, keys = (with_key[1], {with_key[2].lower()}) if with_key else (line, set())
            found[name] = found.get(name, frozenset()) | keys
    return found
