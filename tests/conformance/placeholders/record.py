"""Record what DolphinScheduler makes of placeholders and outputs.

``python -m tests.conformance.placeholders.record 3.1 CLASSES``: CLASSES is a class path with the compiled Recorder,
``series31/Outputs``, ``org.apache.dolphinscheduler:dolphinscheduler-task-api:3.1.4`` and what it needs. For 3.2 it is
``series32/Outputs`` and the classes of a 3.2.2 that was built from source; no registry has them. Java 17 compiles and
runs it, in UTC and English.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.conformance.placeholders.questions import outputs, texts, times

RECORDED = Path(__file__).parent / "recorded.jsonl"
NOW = "20261129200507"


def questions() -> list[dict[str, Any]]:
    """All questions, in a fixed order."""
    asked: list[dict[str, Any]] = [{"text": text, "now": now, "values": {}} for text, now in times()]
    asked += [{"text": text, "now": NOW, "values": values} for text, values in texts()]
    return asked + [{"written": written, "outs": outs} for written, outs in outputs()]


def _send(question: dict[str, Any]) -> str:
    if "written" in question:
        word, texts = "OUTPUTS", [question["written"], *question["outs"]]
    else:
        values = {"system.datetime": question["now"], **question["values"]}
        word, texts = "FILL", [question["text"], *(part for pair in values.items() for part in pair)]
    return "\t".join([word, *(text.encode().hex() for text in texts)])


def main(series: str, classes: str) -> None:
    """Ask everything, and write the answers beside those of the other series; None for what is an error there."""
    asked = questions()
    done = subprocess.run(
        ["java", "-Duser.timezone=UTC", "-Duser.language=en", "-Duser.country=US", "-cp", classes, "Recorder"],
        input="".join(_send(q) + "\n" for q in asked), capture_output=True, text=True, check=True,
    )  # fmt: skip
    answers = done.stdout.splitlines()
    if len(answers) != len(asked):
        raise SystemExit(f"{len(answers)} answers to {len(asked)} questions: {done.stderr[-2000:]}")
    known = (
        [json.loads(line) for line in RECORDED.read_text(encoding="utf-8").splitlines()] if RECORDED.exists() else []
    )
    before = {json.dumps([q.get(k) for k in ("text", "now", "values", "written", "outs")]): q for q in known}
    lines = []
    for question, answer in zip(asked, answers, strict=True):
        word, *parts = answer.split("\t")
        texts = [bytes.fromhex(part).decode() for part in parts]
        value: Any = None
        if word == "OK":
            value = texts[0] if "text" in question else dict(zip(texts[::2], texts[1::2], strict=True))
        old = before.get(json.dumps([question.get(k) for k in ("text", "now", "values", "written", "outs")]), {})
        found = {**question, **{s: old[s] for s in ("3.1", "3.2") if s in old}, series: value}
        lines.append(json.dumps(found, ensure_ascii=False, separators=(",", ":")) + "\n")
    RECORDED.write_text("".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
