"""Errors of the embedded OpenMLDB that no SQL text is to blame for.

DsflowError
├── StorageError    the folder or the database file cannot be used
├── LoadError       a file to import is missing, or its content does not fit the table
└── OutfileError    the result of a query cannot be written to a file
"""

from __future__ import annotations

from dsflow.errors import DsflowError


class StorageError(DsflowError):
    """The engine's folder or database file cannot be used."""


class LoadError(DsflowError):
    """A file cannot be imported; the table is as it was before."""


class OutfileError(DsflowError):
    """A result cannot be written; what was at the path is as it was before."""
