"""Record what OpenMLDB's compiled expressions give: ``python -m tests.conformance.recorder.record CLASSES LIBRARY``.

CLASSES is a class path with the classes of ``com.4paradigm.openmldb:openmldb-batch:0.9.0`` (the Java side of the
engine; later ones are not in Maven's repository), slf4j and `Recorder`; LIBRARY is ``libsql_jsdk.so`` from
``com.4paradigm.openmldb:openmldb-native:0.9.2``, Linux on x86. Java 17 compiles and runs it.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.conformance.recorder.expressions import ROWS, SCHEMA, aggregates, scalars

RECORDED = Path(__file__).parent / "recorded.jsonl"
NULL = "\\N"
WINDOW = " WINDOW w AS (PARTITION BY k ORDER BY o ROWS_RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)"
TYPES = {
    "kBool": "bool", "kInt16": "smallint", "kInt32": "int", "kInt64": "bigint", "kFloat": "float", "kDouble": "double",
    "kVarchar": "string", "kTimestamp": "timestamp", "kDate": "date",
}  # fmt: skip


def query(expression: str, aggregate: bool) -> str:
    """The expression as the second column of a query; the first keeps Spark's own casts out of it."""
    over, window = (" OVER w", WINDOW) if aggregate else ("", "")
    return f"SELECT id + 1 AS y, {expression}{over} AS x FROM t{window}"


def _sent(value: Any, type_: str) -> str:
    if value is None:
        return NULL
    if type_ == "string":
        return str(value).encode().hex()
    if type_ == "bool":
        return str(value).lower()
    if isinstance(value, float):
        return repr(value).replace("nan", "NaN").replace("inf", "Infinity")
    return str(value)


def _received(text: str, type_: str) -> Any:
    if text == NULL:
        return None
    if type_ == "string":
        return bytes.fromhex(text).decode()
    if type_ == "bool":
        return text == "true"
    return text if type_ in ("date", "float", "double") else int(text)


def main(classes: str, library: str) -> None:
    """Ask for each expression and write the answers; what OpenMLDB refuses has no type."""
    process = subprocess.Popen(
        ["java", "-cp", classes, "Recorder", library], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None

    def send(*parts: str) -> None:
        assert process.stdin is not None
        process.stdin.write("\t".join(parts) + "\n")
        process.stdin.flush()

    def receive() -> list[str]:
        assert process.stdout is not None
        return process.stdout.readline().rstrip("\n").split("\t")

    send("SCHEMA", *(f"{name} {type_}" for name, type_ in SCHEMA.items()))
    for row in ROWS:
        send("ROW", *map(_sent, row, SCHEMA.values()))
    order = str(list(SCHEMA).index("o"))
    lines = []
    for aggregate, expressions in ((False, scalars()), (True, aggregates())):
        for expression in expressions:
            send("WINDOW" if aggregate else "SCALAR", (query(expression, aggregate) + ";").encode().hex(), order)
            word, *types = receive()
            found: dict[str, Any] = {"expression": expression, "aggregate": aggregate, "type": None}
            if word == "TYPES":
                type_ = found["type"] = TYPES[types[1]]
                answers = [receive() for _ in ROWS]
                if any(answer[0] != "ROW" for answer in answers) or receive() != ["."]:
                    raise SystemExit(f"OpenMLDB's process ended: {expression}")
                found["values"] = [_received(answer[2], type_) for answer in answers]
            elif word != "ERROR":
                raise SystemExit(f"OpenMLDB's process ended: {expression}")
            lines.append(json.dumps(found, ensure_ascii=False) + "\n")
    RECORDED.write_text("".join(lines), encoding="utf-8")
    process.stdin.close()
    process.wait()


if __name__ == "__main__":
    main(*sys.argv[1:])
