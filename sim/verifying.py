"""``cefed verify`` on what was just written, as a process of its own, like anybody would run it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sim.errors import VerificationFailed
from sim.processes import run_command


@dataclass(frozen=True)
class Verdict:
    """What ``cefed verify`` said."""

    accepted: bool
    text: str

    def require(self) -> None:
        """Raise :class:`VerificationFailed` unless the bundle was accepted."""
        if not self.accepted:
            raise VerificationFailed(f"cefed verify does not accept the bundle: {self.text}")


def verify_bundle(folder: Path) -> Verdict:
    """Run ``cefed verify`` on a bundle."""
    done = run_command(["verify", str(folder)])
    return Verdict(done.returncode == 0, (done.stdout + done.stderr).strip())
