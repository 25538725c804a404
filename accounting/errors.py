"""Exceptions of the accounting package.

Everything this package raises on bad input derives from `AccountingError`; errors of the csv, json,
tomllib, codec and pydantic layers are translated where they occur. A defect of a single record is
not an exception but a `findings.Finding`: one bad row must not stop the others.
"""

from __future__ import annotations


class AccountingError(Exception):
    """Root of the package's errors. `exit_code` is what a command line returns for it."""

    exit_code: int = 3


class UnitError(AccountingError):
    """A unit is unknown, or two units measure different things."""


class FactorError(AccountingError):
    """A factor set is malformed, or a factor is used outside its convention or gas basis."""


class MissingFactorError(FactorError):
    """No factor for this id, region or year. Never replaced by zero or by a national average."""


class MappingError(AccountingError):
    """The mapping file is malformed or does not fit the records."""


class RecordsError(AccountingError):
    """The records file as a whole cannot be read: encoding, delimiter, header, size."""


class CellError(AccountingError):
    """One cell is not a usable number. `code` becomes the code of the finding."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class ModelError(AccountingError):
    """A model was given values outside its range: no items, zero emissions, r outside 0..1."""
