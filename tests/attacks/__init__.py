"""Attacks as runnable programs, each against the system as it is and against a weakened one.

``python -m tests.attacks.NAME`` plays an attack against the defaults and prints what the attacker
had, did and got; ``--weakened`` takes one named line of defence away first. Every module has
``run(weakened: bool)``, which returns a :class:`tests.attacks.result.Result`, and its docstring
says which line of defence is removed and how. The test beside it asserts both sides: the planted
value is gained without that line, and with it the attack ends in the named refusal. An attack that
succeeds against the defaults too says so, and its test asserts that as well, so that nobody forgets
it.

``docs/threats.md`` has a row for each: what the attacker has, what it gains, what stops it, and
what remains. Attacks on rounds use small moduli and the frozen keys of :mod:`tests.keys`.
"""
