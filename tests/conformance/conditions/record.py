"""Record what switches make of conditions: ``python -m tests.conformance.conditions.record CLASSES``.

CLASSES is a class path with the jars of ``org.apache.dolphinscheduler:dolphinscheduler-standalone-server:3.1.1`` (its
master fills the conditions of 3.1), ``org.openjdk.nashorn:nashorn-core:15.4``, the sandbox that 3.2.2 evaluates in,
``org.javadelight:delight-nashorn-sandbox:0.3.2`` with ``io.beautifier:js-beautify:1.14.7`` of webjars, and
`ConditionRecorder`, compiled. Java 17 runs it; 3600 conditions take two minutes.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.conformance.conditions.generate import cases

RECORDED = Path(__file__).parent / "recorded.jsonl"
COUNT = 3600


def load() -> list[dict[str, Any]]:
    """The recorded cases: condition, globals, outputs, and for each series the filled text and the answer.

    An answer is ``true``, ``false``, ``other`` (no boolean), ``error``, or ``no number``: Java does not read a value.
    """
    names = ("condition", "globals", "outputs", "3.1", "3.2")
    return [dict(zip(names, json.loads(line), strict=True)) for line in RECORDED.read_text("utf-8").splitlines()]


def main(classes: str) -> None:
    """Ask for each case and write the answers."""
    asked = list(cases(COUNT))
    done = subprocess.run(
        ["java", "-cp", classes, "ConditionRecorder"],
        input="".join(json.dumps(case) + "\n" for case in asked),
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        check=True,
    )
    with RECORDED.open("w", encoding="utf-8") as out:
        for case, line in zip(asked, done.stdout.splitlines(), strict=True):
            answer = json.loads(line)
            properties = [[[p["prop"], p["type"], p["value"]] for p in case[of]] for of in ("globals", "outputs")]
            row = [case["condition"], *properties, answer["3.1"], answer["3.2"]]
            out.write(json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
