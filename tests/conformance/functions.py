"""The names of OpenMLDB's functions: of each a call that OpenMLDB's own compiler takes, recorded in ``functions.txt``.

    python -m tests.conformance.functions      # records them anew, for the functions that the embedded engine knows

The compiler answers an unknown name and arguments of the wrong types in the same words, so a call that it takes is
what shows that a function is there. ``make_tuple`` is known by an answer of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from dsflow.openmldb.sdk import Compiler, SdkMissing, find_sdk
from tests.conformance import signatures

RECORDED = Path(__file__).with_name("functions.txt")
UNRESOLVED = "Fail to resolve expression"

_TABLE = {"id": "int", "k": "string", "o": "timestamp", **signatures.COLUMNS}
_WINDOW = "WINDOW w AS (PARTITION BY k ORDER BY o ROWS BETWEEN 9 PRECEDING AND CURRENT ROW)"


def recorded() -> dict[str, str]:
    """Name -> a call, ending in ``OVER w`` when it is an aggregate's."""
    return dict(line.split("\t") for line in RECORDED.read_text(encoding="utf-8").splitlines())


def is_known(compiler: Compiler, call: str) -> bool:
    """Whether the compiler knows the function of a call whose arguments are right."""
    window = _WINDOW if call.endswith(" OVER w") else ""
    refusal = compiler.validate(
        f"SELECT id + 1 AS id, {call} AS c FROM t {window}", "db", {"db": {"t": [*_TABLE.items()]}}
    )
    return refusal is None or (not refusal.is_syntax and UNRESOLVED not in refusal.message)


def _calls() -> Iterator[str]:
    yield from signatures.scalars()
    yield from (f"{call} OVER w" for call in signatures.aggregates())
    yield "map_keys(map(k, i))"
    yield from (f"window_split_by_{half}(v, ',', ':') OVER w" for half in ("key", "value"))


def main() -> None:
    """Find a call for each function."""
    from dsflow.embedded.compiler.functions import FUNCTIONS

    sdk = find_sdk()
    if isinstance(sdk, SdkMissing):
        raise SystemExit(sdk.reason)
    compiler = Compiler(sdk)
    found: dict[str, str] = {}
    for call in _calls():
        name = call.partition("(")[0].strip("`")
        if name in FUNCTIONS and name not in found and is_known(compiler, call):
            found[name] = call
    compiler.close()
    RECORDED.write_text("".join(f"{name}\t{found[name]}\n" for name in sorted(found)), encoding="utf-8")
    print(f"{len(found)} functions; no call for: {', '.join(sorted(set(FUNCTIONS) - set(found))) or 'none'}")


if __name__ == "__main__":
    main()
