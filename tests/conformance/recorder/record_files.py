"""Record how OpenMLDB reads and writes files: ``python -m tests.conformance.recorder.record_files CLASSES LIBRARY``.

CLASSES is a class path, in this order: ``org.apache.spark:spark-sql_2.12:3.2.1`` with what it needs but protobuf,
``com.4paradigm.openmldb`` ``openmldb-common``, ``openmldb-batch`` and ``openmldb-native``, each 0.9.0, and `Files`
(compiled with ``javac -proc:none``). LIBRARY is ``libsql_jsdk.so`` out of ``openmldb-native``, Linux on x86.
Spark's session is in the zone Asia/Shanghai, the Java process in UTC: so a timestamp that it hands over is the instant.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from tests.conformance.recorder import file_cases
from tests.conformance.recorder.file_cases import Case

FOLDER = Path(__file__).parent
VALUES, TEXTS, PLACES, PARQUET, WRITTEN = (
    FOLDER / f"files_{name}.jsonl" for name in ("values", "texts", "places", "parquet", "written")
)
OPTIONS = {"delimiter": "sep", "header": "header", "null_value": "nullValue", "quote": "quote"}
"""Options of LOAD DATA and the names that OpenMLDB gives them when it asks Spark."""
OPENED = (
    *(f"java.base/java.{name}" for name in (
        "lang", "lang.invoke", "lang.reflect", "io", "net", "nio", "util", "util.concurrent", "util.concurrent.atomic",
    )),
    *(f"java.base/sun.{name}" for name in ("nio.ch", "nio.cs", "security.action", "util.calendar")),
)  # fmt: skip


class Files:
    """OpenMLDB's file code, in a Java process."""

    def __init__(self, classes: str, library: str) -> None:
        opens = [f"--add-opens={name}=ALL-UNNAMED" for name in OPENED]
        command = ["java", *opens, "-Xmx2g", "-Duser.timezone=UTC", "-cp", classes, "Files", library]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )

    def ask(self, question: dict[str, Any]) -> dict[str, Any]:
        """The answer: ``rows`` or ``error``."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(question) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"OpenMLDB's process ended: {question}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def read(self, case: Case, *, stored: bool = False) -> dict[str, Any]:
        """The rows of a case's path, or the error; with ``stored`` as they are after a load into the offline table."""
        with tempfile.TemporaryDirectory() as folder:
            file_cases.make(case, Path(folder))
            given = {
                OPTIONS[name]: str(value).lower() if value in (True, False) else value
                for name, value in case["options"].items()
            }
            answer = self.ask(
                {
                    "path": f"{folder}/{case['path']}",
                    "format": case.get("format", "csv"),
                    "options": {"header": "true", "nullValue": "null", **given}
                    if case.get("format") != "parquet"
                    else {},
                    "columns": case["columns"],
                    **({"stored": f"{folder}/stored"} if stored else {}),
                }
            )
            if "error" in answer:
                answer["error"] = answer["error"].replace(f"file:{folder}", "").replace(folder, "").split("\n")[0][:100]
            return answer

    def values(self, given: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str, Any]]:
        """Each value's type, text and what is read."""
        by_type: dict[str, list[str]] = {}
        for kind, text in given:
            by_type.setdefault(kind, []).append(text)
        for kind, texts in by_type.items():
            # the first value says which of two forms the timestamps of a column have
            starts = ["2021-01-01", "0"] if kind == "timestamp" else ["null"]
            found = [self._column(kind, start, texts) for start in starts]
            for number, text in enumerate(texts):
                yield (
                    kind,
                    text,
                    next((values[number] for values in reversed(found) if values[number] is not None), None),
                )

    def _column(self, kind: str, start: str, texts: list[str]) -> list[Any]:
        """What the values are read as, after the first one; None for one that fails the whole job, too."""
        lines = [f'"{value}"' if "," in value else value for value in (start, *texts)]
        text = "".join(f"{number},{value}\n" for number, value in enumerate(lines))
        case = {
            "columns": [["n", "int"], ["v", kind]],
            "options": {},
            "files": {"a.csv": "n,v\n" + text},
            "path": "a.csv",
        }
        answer = self.read(case, stored=kind in ("date", "timestamp"))
        if "error" not in answer:
            assert [row[0] for row in answer["rows"]] == list(range(len(lines)))
            return [row[1] for row in answer["rows"][1:]]
        if len(texts) == 1:
            return [None]
        half = len(texts) // 2
        return self._column(kind, start, texts[:half]) + self._column(kind, start, texts[half:])

    def write(self, case: Case) -> str | None:
        """The text of the part files, None if OpenMLDB refuses."""
        with tempfile.TemporaryDirectory() as folder:
            answer = self.ask(
                {"write": statement(case, f"{folder}/out"), "columns": case["columns"], "rows": case["rows"]}
            )
            if "error" in answer:
                return None
            parts = sorted(Path(folder, "out").glob("part-*"))
            return b"".join(part.read_bytes() for part in parts).decode("utf-8", "surrogateescape")


def statement(case: Case, path: str) -> str:
    """The SELECT INTO OUTFILE of a case."""
    given = {"mode": "overwrite", **case["options"]}
    options = ", ".join(f"{name}={_literal(value)}" for name, value in given.items())
    return f"SELECT * FROM t INTO OUTFILE '{path}' OPTIONS({options})"


def _literal(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    text = str(value).replace("\\", "\\\\").replace("'", "\\'").replace("\t", "\\t")
    return f"'{text}'"


def _save(path: Path, lines: Iterable[Any]) -> None:
    work = path.with_suffix(".new")
    with open(work, "w", encoding="utf-8") as out:
        for line in lines:
            out.write(json.dumps(line, separators=(",", ":")) + "\n")
    shutil.move(work, path)


def main(classes: str, library: str, *names: str) -> None:
    """Ask and write the answers; with names (``values``, ``texts`` ...) those alone."""
    files = Files(classes, library)
    made = {
        "values": (VALUES, lambda: map(list, files.values(file_cases.values()))),
        "texts": (TEXTS, lambda: ({**case, **files.read(case)} for case in file_cases.texts())),
        "places": (PLACES, lambda: ({**case, **files.read(case)} for case in file_cases.places())),
        "parquet": (PARQUET, lambda: ({**case, **files.read(case)} for case in file_cases.parquet())),
        "written": (WRITTEN, lambda: ({**case, "text": files.write(case)} for case in file_cases.written())),
    }
    for name in names or made:
        path, lines = made[name]
        _save(path, lines())
    assert files.process.stdin is not None
    files.process.stdin.close()
    files.process.wait()


if __name__ == "__main__":
    main(*sys.argv[1:])
