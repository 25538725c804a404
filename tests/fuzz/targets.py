"""All targets by name, in the order in which they are run."""

from __future__ import annotations

from functools import cache

from tests.fuzz import answers, boards, calls, files, folders, statements
from tests.fuzz.target import Target


@cache
def targets() -> dict[str, Target]:
    """Every target; a name is that of the message, file or service it reads."""
    modules = (statements, files, folders, boards, answers, calls)
    found = [target for module in modules for target in module.targets()]
    return {target.name: target for target in found}
