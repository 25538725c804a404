"""The text of ``policy.toml``, with what every rule means, for the owner who edits it.

Written by :class:`enterprise_node.private.policy.NodePolicy`.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from protocols.profiles import PROFILES

if TYPE_CHECKING:
    from enterprise_node.private.policy import NodePolicy


def to_toml(policy: NodePolicy) -> str:
    """The file's text."""
    coordinator = policy.coordinator_key.raw.hex() if policy.coordinator_key else ""
    keys = "".join(f'  "{key.raw.hex()}",\n' for key in policy.trustees.keys)
    return "".join(
        [
            "# Which plans this node answers. What is not allowed here is refused, and nothing "
            "is sent.\n",
            f'schema = "{policy.schema_}"\n\n',
            "# The coordinator whose plans are considered.\n",
            f'coordinator_key = "{coordinator}"\n' if coordinator else "",
            '# "person": somebody runs `cefed node approve` for each plan. "automatic": what '
            "keeps these\n# rules is answered.\n",
            f'approval = "{policy.approval.value}"\n\n',
            '# How the sums of a round may be opened: "paillier" and "certified" need the '
            'trustees below;\n# "totals" does without trustees, and so nobody controls '
            "dominance there (docs/backends.md).\n",
            f"backends = {_names(tuple(item.value for item in policy.backends))}\n\n",
            '# Names that a plan may have; ["*"] allows every name, [] none.\n',
            f"cohorts = {_names(policy.cohorts)}\n",
            f"indicators = {_names(policy.indicators)}\n",
            f"measures = {_names(policy.measures)}\n\n",
            "# A plan may be stricter than these, never laxer.\n",
            f"minimum_cohort = {policy.minimum_cohort}\n",
            f"dominance_percent = {policy.dominance_percent}\n",
            f"# A disclosure profile whose rules all have to be kept: {_profile_names()};\n"
            '# "" for none beyond the numbers here.\n',
            f"profile = {json.dumps(policy.profile)}\n",
            "# Most percent of a published sum that the largest enterprise may hold, and that "
            "the top_count\n# largest may hold together; 0 leaves the rule out.\n",
            f"largest_share_percent = {policy.largest_share_percent}\n",
            f"top_count = {policy.top_count}\n",
            f"top_share_percent = {policy.top_share_percent}\n",
            "# How finely trustees may see sizes before a release: classes an octave, at most.\n",
            f"most_classes_per_octave = {policy.most_classes_per_octave}\n",
            "# What all releases of the same data may tell of it, as epsilon for delta = 1e-6; "
            'plans\n# without noise are refused then (docs/noise.md). "" for no such limit.\n',
            f"most_epsilon = {json.dumps(policy.most_epsilon)}\n",
            "# Rounds this node takes part in within 365 days.\n",
            f"rounds_a_year = {policy.rounds_a_year}\n\n",
            "[trustees]\n",
            "# All of them together, and nobody else, may hold the key of a round.\n",
            f"keys = [\n{keys}]\n" if keys else "keys = []\n",
            "# How many of them at least have to join to open anything.\n",
            f"minimum_threshold = {policy.trustees.minimum_threshold}\n",
            "# How many of them at least have to certify the roster and the closing.\n",
            f"minimum_quorum = {policy.trustees.minimum_quorum}\n",
        ]
    )


def _profile_names() -> str:
    return ", ".join(PROFILES)


def _names(names: tuple[str, ...]) -> str:
    return json.dumps(list(names), ensure_ascii=False)
