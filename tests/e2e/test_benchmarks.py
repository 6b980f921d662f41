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
        "0.01",
        "--dir",
        str(tmp_path),
    ]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "10,000 clicks" in done.stdout
    steps = re.findall(r"^  (\S.*?) {2,}([\d.]+) +([\d.]+) +([\d,]+) +([\d,]+) MiB$", done.stdout, re.MULTILINE)
    names = [name for name, *_ in steps]
    assert names[0] == "create talkingdata"
    assert {"load offline talkingdata", "extract features", "train", "serve features"} <= set(names)
    whole = steps[-1]
    assert whole[0] == "from the command to its end"
    assert float(whole[1]) > sum(float(seconds) for _, seconds, *_ in steps[:-1]) * 0.5
    assert int(whole[4].replace(",", "")) > 50
    assert re.search(r"AUC 0\.\d{4}", done.stdout)
    share = re.search(r"asks and checks ([\d.]+) s, ([\d.]+) % of the run \(at most 0.5 s\)", done.stdout)
    assert share is not None
    asked = sum(float(seconds) for name, seconds, *_ in steps if name.startswith(("ask ", "check ")))
    assert abs(float(share[1]) - asked) < 1


def test_clicks_of_a_file_are_taken_as_they_are(root: Path, tmp_path: Path) -> None:
    sample = root / "pipelines/data/train_sample.csv"
    command = [sys.executable, "benchmarks/pipeline.py", "--file", str(sample), "--dir", str(tmp_path)]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "10,000 clicks" in done.stdout
    assert re.search(r"AUC 0\.98\d\d$", done.stdout, re.MULTILINE)
    assert sample.exists()
    assert not list(tmp_path.iterdir())
