"""Frozen vectors of the federated backend (SPEC.md section 11): ``federated.json``.

Written by :mod:`tests.vectors.write_vectors` with the others. Bytes are hexadecimal, words
little-endian as they travel, sums decimal; the ceremony is that of ``positive.json``.
"""

from __future__ import annotations

import json

from tests.vectors.federated_answers import answers
from tests.vectors.federated_negative import negative

NAME = "federated.json"


def render() -> str:
    """The file's content: the same each time."""
    content = {**answers(), "negative": negative()}
    return json.dumps(content, indent=1, sort_keys=True) + "\n"
