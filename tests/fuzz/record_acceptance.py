"""Record what OpenMLDB makes of the generated queries: ``python -m tests.fuzz.record_acceptance CLASSES LIBRARY``.

CLASSES is a class path with the classes of ``com.4paradigm.openmldb:openmldb-batch:0.9.0`` and `Deployer`
(``tests/conformance/recorder/Deployer.java``); LIBRARY is ``libsql_jsdk.so`` from
``com.4paradigm.openmldb:openmldb-native:0.9.2``, Linux on x86. The compiler of the Python package says what batch mode
takes and which indexes a deployment needs; with these, the library compiles as a cluster's tablet does after DEPLOY has
made them.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from dsflow.openmldb.sdk import Compiler, CompilerError, find_sdk
from dsflow.openmldb.sdk.install import Sdk
from tests.fuzz.acceptance import TABLES, Question, questions

RECORDED = Path(__file__).parent / "acceptance.jsonl"
SEED, COUNT = 3, 24
CATALOG = {"db": {name: list(columns.items()) for name, columns in TABLES.items()}}
OK = "ok"


def validated(compiler: Compiler, sql: str, mode: str) -> str:
    """``ok``, or why the compiler does not take a query."""
    refusal = compiler.validate(sql, "db", CATALOG, "request" if mode == "request" else "batch")
    return OK if refusal is None else refusal.message


class Deployer:
    """The compiler as a tablet uses it."""

    def __init__(self, classes: str, library: str) -> None:
        self.process = subprocess.Popen(
            ["java", "-cp", classes, "Deployer", library],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def ask(self, compiler: Compiler, sql: str) -> str:
        """What DEPLOY answers once it has made the indexes."""
        needs = compiler.needed_indexes(sql, "db", CATALOG)
        parts = ["request", "db", sql.encode().hex()]
        for name, columns in TABLES.items():
            indexes = [f"{'|'.join(need.keys)},{need.ts or ''}" for need in needs.get(name, [])]
            parts.append(";".join([name, ",".join(f"{c} {t}" for c, t in columns.items()), *indexes]))
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write("\t".join(parts) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise CompilerError("the library's process ended")
        return answer.rstrip("\n")


def main(classes: str, library: str) -> None:
    """Write the answers; a query that ends OpenMLDB's process is left out."""
    sdk = find_sdk()
    if not isinstance(sdk, Sdk):
        raise SystemExit(sdk.reason)
    compiler, deployer = Compiler(sdk), Deployer(classes, library)
    lines = []
    for question in questions(SEED, COUNT):
        try:
            batch, request = (validated(compiler, question.sql, mode) for mode in ("batch", "request"))
            if request == OK:
                request = deployer.ask(compiler, question.sql)
        except CompilerError:
            continue
        found = {"kind": question.kind, "sql": question.sql, "batch": batch[:120], "request": request[:120]}
        lines.append(json.dumps(found, ensure_ascii=False, separators=(",", ":")) + "\n")
    RECORDED.write_text("".join(lines), encoding="utf-8")
    compiler.close()
    deployer.process.terminate()


def recorded() -> list[tuple[Question, dict[str, str]]]:
    """The recorded queries, and for each what OpenMLDB answers in ``batch`` and ``request`` mode."""
    found = map(json.loads, RECORDED.read_text(encoding="utf-8").splitlines())
    return [(Question(line["kind"], line["sql"]), {m: line[m] for m in ("batch", "request")}) for line in found]


if __name__ == "__main__":
    main(*sys.argv[1:])
