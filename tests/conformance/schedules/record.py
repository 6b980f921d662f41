"""Record when expressions fire: ``python -m tests.conformance.schedules.record``.

Needs Java 17 and Maven, which brings ``org.quartz-scheduler:quartz:2.3.2`` and ``com.cronutils:cron-utils:9.1.6``
(those of DolphinScheduler 3.1 and 3.2) and slf4j, on which they lean. Each line of recorded.jsonl is one answer:

    [expression, zone, after, Quartz's times, cron-utils' times]

Times are seconds after ``after``, which is seconds since 1970; null stands for an expression that is not taken, "ERROR"
for one that is taken and then fails, and "same" for Quartz's times. Questions that one of the two did not answer in a
few seconds are left out. The first line holds the last year that Quartz looked at.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from datetime import datetime, timezone
from pathlib import Path

from dsflow.cron import AHEAD
from tests.conformance.schedules.questions import FEW, Question, questions

HERE = Path(__file__).parent
RECORDED = HERE / "recorded.jsonl"
JARS = ("org.quartz-scheduler:quartz:2.3.2", "com.cronutils:cron-utils:9.1.6", "org.slf4j:slf4j-nop:1.7.36",
        "org.slf4j:slf4j-api:1.7.36")  # fmt: skip

Answer = list[int] | None


def class_path(folder: Path) -> str:
    """Bring the jars into a folder, compile the recorder there; gives the class path."""
    for jar in JARS:
        subprocess.run(
            ["mvn", "-q", "-B", "dependency:copy", f"-Dartifact={jar}", f"-DoutputDirectory={folder}"], check=True
        )
    path = ":".join(str(jar) for jar in sorted(folder.glob("*.jar")))
    subprocess.run(["javac", "-d", str(folder), "-cp", path, str(HERE / "ScheduleRecorder.java")], check=True)
    return f"{folder}:{path}"


def ask(asked: list[Question], classes: str) -> list[tuple[Answer | str, Answer | str]]:
    """Quartz's and cron-utils' answer to each question."""
    lines = "".join(f"{q.cron}\t{q.zone}\t{q.after}\t{FEW}\n" for q in asked)
    done = subprocess.run(
        ["java", "-cp", classes, "ScheduleRecorder"], input=lines, capture_output=True, text=True, check=True
    )
    answers = [line.split("\t") for line in done.stdout.splitlines()]
    return [(_answer(q, one), _answer(q, two)) for q, (one, two) in zip(asked, answers, strict=True)]


def _answer(question: Question, text: str) -> Answer | str:
    if text in ("REFUSED", "ERROR", "LATE"):
        return None if text == "REFUSED" else text
    return [int(time) - question.after for time in text.split()]


def main() -> None:
    """Ask everything and write the answers; questions that were not answered are left out."""
    asked = list(questions())
    with tempfile.TemporaryDirectory() as folder:
        answers = ask(asked, class_path(Path(folder)))
    lines = [json.dumps({"last_year": datetime.now(timezone.utc).year + AHEAD})]
    left_out = 0
    for question, (quartz, other) in zip(asked, answers, strict=True):
        if "LATE" in (quartz, other):
            print("no answer:", question)
            left_out += 1
            continue
        said = "same" if other == quartz else other
        lines.append(json.dumps([question.cron, question.zone, question.after, quartz, said], separators=(",", ":")))
    RECORDED.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"{len(lines) - 1} recorded, {left_out} without an answer")


if __name__ == "__main__":
    main()
