"""Hostile input: every reader of bytes that somebody else controls, in the suite and for hours.

``targets`` names them, ``test_targets`` runs each for a moment, ``python -m tests.fuzz.long`` for
as long as wanted, led by coverage.
"""
