"""Ask both of OpenMLDB's engines.

``python -m tests.conformance.skew.record CLASSES OFFLINE REQUESTS TABLETS [SHAPE...]`` asks for all shapes or some.

CLASSES is a class path, in this order: ``org.apache.spark:spark-sql_2.12:3.2.1`` with what it needs but protobuf,
``com.4paradigm.openmldb`` ``openmldb-common``, ``openmldb-batch`` and ``openmldb-native``, each 0.9.0, `Offline`,
`Requests` (compiled with ``javac -proc:none``). OFFLINE and REQUESTS are ``libsql_jsdk.so`` out of ``openmldb-native``
0.9.0 and 0.9.2, TABLETS is what ``gcc -shared -fPIC -O1 LocalTablets.c -ldl`` makes; Linux on x86-64, Java 17.
OpenMLDB's compiler has to be there too (``dsflow validate --install-compiler``): it says which indexes a deployment
makes.

``--table`` prints the table of docs/skew.md from what was recorded.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.conformance.recorder.record_files import OPENED
from tests.conformance.skew.shapes import SHAPES, Row, Shape

RECORDED = Path(__file__).parent / "skew.jsonl"
Answer = dict[str, Any]


class Engine:
    """One of the engines, in a Java process."""

    def __init__(self, program: str, classes: str, *libraries: str) -> None:
        opens = [f"--add-opens={name}=ALL-UNNAMED" for name in OPENED]
        command = ["java", *opens, "-Xmx2g", "-Duser.timezone=UTC", "-cp", classes, program, *libraries]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )

    def ask(self, question: dict[str, Any]) -> Answer:
        """``columns`` and ``rows``, or ``refused``."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(question) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line.startswith("{"):
            raise SystemExit(f"OpenMLDB's process ended: {question['sql']}")
        answer: Answer = json.loads(line)
        if "refused" in answer:  # the plan that follows is long
            answer = {"refused": answer["refused"].splitlines()[0]}
        return answer


def with_indexes(tables: list[dict[str, Any]], sql: str) -> list[dict[str, Any]]:
    """The tables with the indexes that OpenMLDB says a deployment needs."""
    from dsflow.openmldb.sdk import SdkMissing, find_sdk, shared_compiler

    sdk = find_sdk()
    assert not isinstance(sdk, SdkMissing), sdk.reason
    catalog = {"db": {table["name"]: [(name, kind) for name, kind in table["columns"]] for table in tables}}
    needs = shared_compiler(sdk).needed_indexes(sql, "db", catalog)
    return [
        {**table, "indexes": [{"keys": list(i.keys), "ts": i.ts} for i in needs.get(table["name"], ())]}
        for table in tables
    ]


def offline_tables(tables: list[dict[str, Any]], requests: list[Row]) -> list[dict[str, Any]]:
    """As an offline job sees them: the request rows are in the first table."""
    first, *others = tables
    return [{**first, "rows": requests}, *others]


def asked(offline: Engine, online: Engine, shape: Shape, sql: str) -> dict[str, Any]:
    """Both answers; the rows in the order of their first column."""
    tables = with_indexes(shape.tables, sql)
    request = {"table": "t", "rows": shape.requests, "stored": True}
    found = {
        "indexes": {table["name"]: table["indexes"] for table in tables},
        "offline": offline.ask({"sql": sql, "tables": offline_tables(tables, shape.requests)}),
        "request": online.ask({"sql": sql, "tables": tables, "request": request}),
    }
    if "rows" in found["offline"]:
        found["offline"]["rows"].sort(key=lambda row: [str(value) for value in row])
    return found


def main(classes: str, offline_library: str, online_library: str, tablets: str, *names: str) -> None:
    """Ask for each shape, or those of these names, and write the answers."""
    known = {line["shape"]: line for line in recorded()} if names else {}
    offline = Engine("Offline", classes, offline_library)
    online = Engine("Requests", classes, online_library, tablets)
    lines = []
    for shape in SHAPES:
        if names and shape.name not in names:
            lines.append(json.dumps(known[shape.name], ensure_ascii=False, separators=(",", ":")) + "\n")
            continue
        line = {
            "shape": shape.name,
            "rule": shape.rule or None,
            "undefined": shape.undefined or None,
            "tables": shape.tables,
            "requests": shape.requests,
            "sql": shape.sql,
            **asked(offline, online, shape, shape.sql),
        }
        if shape.instead:
            line["instead"] = {"sql": shape.instead, **asked(offline, online, shape, shape.instead)}
        lines.append(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n")
    RECORDED.write_text("".join(lines), encoding="utf-8")
    for engine in (offline, online):
        assert engine.process.stdin is not None
        engine.process.stdin.close()
        engine.process.wait()


def recorded() -> list[dict[str, Any]]:
    """What was recorded, in the order of the shapes."""
    return [json.loads(line) for line in RECORDED.read_text(encoding="utf-8").splitlines()]


def table() -> str:
    """The table of docs/skew.md."""
    lines = ["| | offline | request mode | rule |", "|---|---|---|---|"]
    by_name = {line["shape"]: line for line in recorded()}
    for shape in SHAPES:
        if shape.says:
            line = by_name[shape.name]
            rule = f"[{shape.rule}](rules.md)" if shape.rule else "-"
            says = f"{shape.name}: {shape.says}".replace("|", "\\|")
            lines.append(f"| {says} | {_told(line, 'offline')} | {_told(line, 'request')} | {rule} |")
    return "\n".join(lines) + "\n"


def _told(line: dict[str, Any], mode: str) -> str:
    """An answer in a few words: the first row that the other engine gives otherwise, without its number."""
    answer, other = line[mode], line["request" if mode == "offline" else "offline"]
    if "refused" in answer:
        return f"refused: {answer['refused']}".replace("|", "\\|")
    rows: list[Row]
    others: list[Row]
    rows, others = (sorted(rows, key=str) for rows in (answer["rows"], other.get("rows", [])))
    if line["undefined"] == "both":
        return "by chance"
    if len(rows) != len(others) and others:
        return f"{len(rows)} row{'s' * (len(rows) > 1)}"
    place = next((i for i, row in enumerate(rows) if i >= len(others) or row != others[i]), 0)
    values = rows[place][1:] or rows[place]
    if others:
        differ = [i for i, value in enumerate(values) if value != (others[place][1:] or others[place])[i]]
        values = [values[i] for i in differ] or values
    text = ", ".join(f"`{json.dumps(value, ensure_ascii=False)}`" for value in values)
    return text.replace("|", "\\|")


if __name__ == "__main__":
    if sys.argv[1:] == ["--table"]:
        sys.stdout.write(table())
    else:
        main(*sys.argv[1:])
