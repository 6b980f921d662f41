"""``%load_ext dsflow``: a notebook's cell of SQL becomes a FeatureView."""

from __future__ import annotations

import shlex
from typing import Any

from dsflow._api.explaining import check_query
from dsflow._api.features import FeatureView
from dsflow.declare.table import Table
from dsflow.errors import DeclarationError

USAGE = "%%openmldb NAME --source TABLE [--label COLUMN]"


def load(shell: Any) -> None:
    """Register the magic with IPython's shell."""

    def openmldb(line: str, cell: str) -> FeatureView:
        """Make a FeatureView of the cell's query: %%openmldb NAME --source TABLE [--label COLUMN]

        NAME is the variable that it gets, and its name; TABLE is a variable that holds a Table. The query is compiled
        as a deployment; what OpenMLDB's compiler refuses is shown below the cell, and the variable stays as it was.
        """
        view = feature_view(line, cell, shell.user_ns)
        unknown = check_query(view)
        shell.user_ns[view.name] = view
        if unknown:
            print(f"note: not compiled: {unknown}")
        return view

    shell.register_magic_function(openmldb, "cell", "openmldb")


def feature_view(line: str, cell: str, names: dict[str, Any]) -> FeatureView:
    """The view that a cell declares.

    Args:
        line: what stands after ``%%openmldb``.
        cell: the query.
        names: the notebook's variables.

    Raises:
        DeclarationError: the line is not of the form of USAGE, or names no Table; or the query does not parse.
    """
    try:
        words = shlex.split(line)
    except ValueError as error:
        raise DeclarationError(f"%%openmldb {line}: {error}", hint=USAGE) from None
    options: dict[str, str] = {}
    positional = []
    while words:
        word = words.pop(0)
        if word in ("--source", "--label"):
            if not words:
                raise DeclarationError(f"%%openmldb: {word} names nothing", hint=USAGE)
            options[word] = words.pop(0)
        else:
            positional.append(word)
    if len(positional) != 1 or "--source" not in options:
        raise DeclarationError(f"%%openmldb {line}".rstrip() + " is not of the form that it takes", hint=USAGE)
    source = names.get(options["--source"])
    if not isinstance(source, Table):
        tables = sorted(name for name, value in names.items() if isinstance(value, Table) and not name.startswith("_"))
        known = f"tables here: {', '.join(tables)}" if tables else "declare one: clicks = Table(...)"
        raise DeclarationError(f"%%openmldb: {options['--source']} is no Table", hint=known)
    view = FeatureView(positional[0], source=source, sql=cell, label=options.get("--label"))
    view.output_columns  # noqa: B018 - says what is wrong with the query's names
    return view
