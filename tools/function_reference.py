"""Write the list of functions from the table that the embedded engine looks them up in.

python tools/function_reference.py     # writes docs/reference/functions.md
"""

from __future__ import annotations

from pathlib import Path

from dsflow.embedded.compiler.functions import FAMILIES, FUNCTIONS
from dsflow.openmldb.releases import SINCE

PAGE = Path(__file__).parents[1] / "docs/reference/functions.md"
_HEAD = """# Functions

The functions and aggregates of OpenMLDB's SQL that the embedded engine computes (`run --local`, `consistency`, a
prediction server on an embedded OpenMLDB). Each is a function of OpenMLDB 0.9.2, whose compiler was asked; what it
takes and gives is held against OpenMLDB's own code for each type of argument. An aggregate stands before
`OVER window`, in `GROUP BY`, or over a list.
"""
_TITLES = {
    "arrays": "Lists and arrays",
    "cast": "Casts",
    "categories": "Aggregates that answer with a text",
    "conditional": "Choices",
    "datetime": "Times and dates",
    "features": "Feature signatures",
    "frames": "Aggregates",
    "jsons": "JSON",
    "maths": "Numbers",
    "strings": "Texts",
}


def reference() -> str:
    """The page, as Markdown."""
    parts = [_HEAD]
    for family in FAMILIES:
        names = sorted(name for name in family.FUNCTIONS if not FUNCTIONS[name].refused)
        folds = [name for name in names if FUNCTIONS[name].fold and not isinstance(family.FUNCTIONS[name], list)]
        scalars = [name for name in names if name not in folds]
        module = family.__name__.rpartition(".")[2]
        parts.append(f"\n## {_TITLES.get(module, module.capitalize())}\n")
        parts += [
            f"\n{word}: {_listed(found)}\n" for word, found in (("Functions", scalars), ("Aggregates", folds)) if found
        ]
    refused = {name: known.refused for name, known in FUNCTIONS.items() if known.refused}
    parts.append("\n## Not computed here\n\n| function | why |\n|---|---|\n")
    parts += [f"| `{name}` | {refused[name]} |\n" for name in sorted(refused)]
    return "".join(parts)


def _listed(names: list[str]) -> str:
    return ", ".join(f"`{name}`" + (f" (from {SINCE[name]} on)" if name in SINCE else "") for name in names)


if __name__ == "__main__":
    PAGE.write_text(reference(), encoding="utf-8")
    print(f"{PAGE}: {len(FUNCTIONS)} functions")
