"""The benchmark of the whole main job, at its smallest size: so that it keeps working."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path


def test_the_whole_job_is_measured_step_by_step(root: Path, tmp_path: Path) -> None:
    command = [
        sys.executable,
        "benchmarks/pipeline.py",
        "--rows",
        "0.02",
        "--set",
        "min_auc=0.5",
        "--dir",
        str(tmp_path),
    ]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "20,000 clicks" in done.stdout
    steps = re.findall(r"^  (\S.*?) {2,}([\d.]+) +([\d.]+) +([\d,]+) +([\d,]+) MiB$", done.stdout, re.MULTILINE)
    names = [name for name, *_ in steps]
    assert names[0] == "create talkingdata"
    assert {"load offline talkingdata", "extract features", "train", "serve features"} <= set(names)
    whole = steps[-1]
    assert whole[0] == "from the command to its end"
    assert float(whole[1]) > sum(float(seconds) for _, seconds, *_ in steps[:-1]) * 0.5
    assert int(whole[4].replace(",", "")) > 50
    assert re.search(r"AUC 0\.\d{4}", done.stdout)
