"""The training script, run as a DolphinScheduler worker runs it: placeholders filled in, then a Python of its own."""

from __future__ import annotations

import hashlib
import importlib.util
import inspect
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xgboost
from hypothesis import given, settings
from hypothesis import strategies as st

from dsflow.figures import figures_in
from dsflow.serving.contract import check_model, read_contract
from dsflow.worker.contract import write_contract
from dsflow.worker.excerpt import excerpt
from dsflow.worker.figures import write_figures
from dsflow.worker.parts import find_parts, read_parts

SCRIPT = Path(__file__).parents[3] / "pipelines" / "talkingdata_train.py"
FEATURES = "app,device,os,channel,hour,day,qty,ip_app_count,ip_app_os_count"
COLUMNS = ["is_attributed", *FEATURES.split(",")]


def clicks(count: int = 3000, seed: int = 0, positive_share: float = 0.05) -> pd.DataFrame:
    """Synthetic features in which the app tells something about the label."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({name: rng.integers(1, 50, count) for name in COLUMNS})
    hours = np.sort(rng.integers(0, 96, count))
    frame["day"], frame["hour"] = 6 + hours // 24, hours % 24
    chance = positive_share * np.where(frame["app"] > 40, 4.0, 0.3)
    frame["is_attributed"] = (rng.random(count) < chance).astype(int)
    return frame[COLUMNS]


def substituted(parameters: dict[str, str]) -> str:
    """The script after DolphinScheduler's substitution: known names are replaced, unknown ones left alone."""
    return re.sub(r"\$\{([^}]*)\}", lambda m: parameters.get(m[1], m[0]), SCRIPT.read_text(encoding="utf-8"))


def parameters_of(tmp_path: Path, feature_dir: Path | str, parameters: dict[str, str]) -> dict[str, str]:
    """What the task's parameters are; UNDEFINED leaves one out."""
    usual = {
        "feature_dir": str(feature_dir),
        "model_dir": str(tmp_path / "models"),
        "features": FEATURES,
        "label": "is_attributed",
    }
    return {name: value for name, value in (usual | parameters).items() if value != "UNDEFINED"}


def run_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, feature_dir: Path | str, **parameters: str) -> None:
    """The script's work in this process, for the many cases in which only the message counts."""
    filled = parameters_of(tmp_path, feature_dir, parameters)
    for name in ("feature_dir", "model_dir", "features", "label", "device", "memory"):
        monkeypatch.setattr(train, name.upper(), filled.get(name, "${" + name + "}"))
    train.main()


def run(tmp_path: Path, feature_dir: Path | str, **parameters: str) -> subprocess.CompletedProcess[str]:
    filled = parameters_of(tmp_path, feature_dir, parameters)
    script = tmp_path / "py_1_2_3.py"
    # These are the lines that DolphinScheduler 3.1 writes before a script.
    script.write_text("#-*- encoding=utf8 -*-\n\n\n" + substituted(filled), encoding="utf-8")
    return subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=120, check=False)


def outputs(done: subprocess.CompletedProcess[str]) -> dict[str, str]:
    """What DolphinScheduler reads from the log: its own pattern, on lines that start with it."""
    assert done.returncode == 0, done.stderr
    found = {}
    for line in done.stdout.splitlines():
        if line.startswith("${setValue("):
            match = re.search(r"[\$#]\{setValue\(([^)]*)\)}", line)
            assert match
            name, value = match[1].split("=")
            found[name] = value
    return found


def write(tmp_path: Path, frame: pd.DataFrame, parts: int = 2) -> Path:
    directory = tmp_path / "features"
    directory.mkdir(exist_ok=True)
    for number in range(parts):
        frame.iloc[number::parts].to_csv(directory / f"part-{number}.csv", index=False)
    (directory / "_SUCCESS").write_text("")
    (directory / ".part-0.csv.crc").write_bytes(b"\xff\x00")
    return directory


def module() -> ModuleType:
    spec = importlib.util.spec_from_file_location("talkingdata_train", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


train = module()


def test_the_script_has_exactly_its_seven_placeholders() -> None:
    text = SCRIPT.read_text(encoding="utf-8")
    assert re.findall(r"\$\{([^}]*)\}?", text) == [
        "feature_dir",
        "model_dir",
        "features",
        "label",
        "fingerprints",
        "device",
        "memory",
    ]
    assert "$[" not in text
    assert text.isascii()


@pytest.mark.parametrize("functions", [(find_parts, read_parts), (write_contract,), (write_figures,)])
def test_it_holds_functions_of_dsflow(functions: tuple[Callable[..., object], ...]) -> None:
    held = excerpt(Path(inspect.getfile(functions[0])), tuple(each.__name__ for each in functions)).strip()
    assert held + "\n" in SCRIPT.read_text(encoding="utf-8")


def test_the_contract_says_what_the_model_was_trained_on(tmp_path: Path) -> None:
    fingerprints = ",".join(f"{name}:0000000{number}" for number, name in enumerate(FEATURES.split(",")))
    found = outputs(run(tmp_path, write(tmp_path, clicks()), fingerprints=fingerprints))
    path = Path(found["model_path"])
    contract = read_contract("c", path.with_name(f"{path.name}.contract.json").read_bytes())
    check_model(contract, "m", hashlib.sha256(path.read_bytes()).hexdigest(), FEATURES.split(","), 0)
    assert [f"{f.name}:{f.fingerprint}" for f in contract.features] == fingerprints.split(",")
    assert {f.type for f in contract.features} == {"integer"}
    assert (contract.kind, contract.label) == ("binary", "is_attributed")
    assert contract.metrics["auc"] == pytest.approx(float(found["auc"]), abs=1e-6)
    assert contract.first.startswith("day 6")
    assert 0 < contract.rows < 3000
    assert "xgboost" in contract.libraries


def test_it_trains_measures_and_writes(tmp_path: Path) -> None:
    frame = clicks()
    found = outputs(run(tmp_path, write(tmp_path, frame)))
    assert set(found) == {"auc", "model_path"}
    path = Path(found["model_path"])
    assert path.parent == tmp_path / "models"
    assert {p.name for p in path.parent.iterdir()} == {
        path.name,
        f"{path.name}.contract.json",
        f"{path.name}.figures.json",
    }

    booster = xgboost.Booster()
    booster.load_model(path)
    assert booster.feature_names == FEATURES.split(",")
    # The AUC is that of this very model on the last clicks, which it has not seen.
    late = (frame["day"] * 24 + frame["hour"]).to_numpy()
    share, first = min((abs((late >= h).mean() - 0.3), h) for h in np.unique(late)[1:])
    assert share < 0.02
    unseen = frame[late >= first]
    scores = booster.predict(xgboost.DMatrix(unseen[FEATURES.split(",")].astype("float32")))
    positive = scores[unseen["is_attributed"] == 1][:, None]
    negative = scores[unseen["is_attributed"] == 0][None, :]
    expected = ((positive > negative) + 0.5 * (positive == negative)).mean()
    assert float(found["auc"]) == pytest.approx(expected, abs=1e-6)
    assert booster.attr("clicks") == str(len(frame) - len(unseen))
    assert booster.attr("auc") == found["auc"]


def test_the_same_clicks_give_the_same_model_whatever_the_files(tmp_path: Path) -> None:
    frame = clicks()
    first = outputs(run(tmp_path, write(tmp_path, frame)))
    path = Path(first["model_path"])
    os.utime(path, ns=(1, 1))
    other = tmp_path / "other"
    other.mkdir()
    again = outputs(run(tmp_path, write(other, frame.sample(frac=1, random_state=3), parts=5)))
    assert again == first
    assert path.stat().st_mtime_ns == 1  # a file that may be in service is not touched


def test_other_clicks_give_another_file(tmp_path: Path) -> None:
    first = outputs(run(tmp_path, write(tmp_path, clicks(seed=1))))
    second = outputs(run(tmp_path, write(tmp_path, clicks(seed=2))))
    assert first["model_path"] != second["model_path"]
    assert Path(first["model_path"]).exists()


def test_a_damaged_file_under_the_models_name_is_replaced(tmp_path: Path) -> None:
    features = write(tmp_path, clicks())
    path = Path(outputs(run(tmp_path, features))["model_path"])
    good = path.read_bytes()
    path.write_bytes(good[:100])
    assert outputs(run(tmp_path, features))["model_path"] == str(path)
    assert path.read_bytes() == good


def test_the_model_can_be_read_by_others(tmp_path: Path) -> None:
    path = Path(outputs(run(tmp_path, write(tmp_path, clicks())))["model_path"])
    umask = os.umask(0)
    os.umask(umask)
    assert path.stat().st_mode & 0o777 == 0o666 & ~umask


def test_one_file_a_file_url_and_parquet(tmp_path: Path) -> None:
    frame = clicks()
    expected = outputs(run(tmp_path, write(tmp_path, frame)))
    single = tmp_path / "all.csv"
    frame.to_csv(single, index=False)
    assert outputs(run(tmp_path, single)) == expected
    assert outputs(run(tmp_path, f"file://{tmp_path}/features")) == expected
    parquet = tmp_path / "parquet"
    parquet.mkdir()
    frame.to_parquet(parquet / "part-0.parquet")
    assert outputs(run(tmp_path, parquet)) == expected


def test_nulls_in_features_are_missing_values(tmp_path: Path) -> None:
    frame = clicks().astype({"os": "object"})
    frame.loc[::7, "os"] = "null"  # as OpenMLDB writes NULL into CSV
    frame.loc[1::7, "os"] = ""
    assert 0 <= float(outputs(run(tmp_path, write(tmp_path, frame)))["auc"]) <= 1


def test_an_empty_part_file_is_no_part(tmp_path: Path) -> None:
    features = write(tmp_path, clicks())
    expected = outputs(run(tmp_path, features))
    (features / "part-8.csv").write_bytes(b"")
    (features / "part-9.csv").write_text(",".join(COLUMNS) + "\n")
    assert outputs(run(tmp_path, features)) == expected


def test_few_positives_fall_back_to_both_classes_on_both_sides(tmp_path: Path) -> None:
    frame = clicks(400)
    frame["is_attributed"] = 0
    frame.loc[[3, 50, 60, 120, 150, 200], "is_attributed"] = 1  # none of them late
    done = run(tmp_path, write(tmp_path, frame))
    assert float(outputs(done)["auc"]) >= 0
    assert "a third of each class at random" in done.stdout
    assert "(2 positive)" in done.stdout
    assert "in a cross-validation over all clicks" in done.stdout


def test_without_a_day_each_class_is_split_at_random(tmp_path: Path) -> None:
    frame = clicks().drop(columns="day")
    done = run(tmp_path, write(tmp_path, frame), features=FEATURES.replace(",day", ""))
    assert "a third of each class at random" in done.stdout
    assert outputs(done) == outputs(run(tmp_path, tmp_path / "features", features=FEATURES.replace(",day", "")))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda f: f.drop(columns=["os", "qty"]), "part-0.csv has no column os, qty; it has is_attributed, app"),
        (lambda f: f.drop(columns=["is_attributed"]), "has no column is_attributed"),
        (lambda f: f.assign(is_attributed=0), "takes 0 and 1, each 5 times at least"),
        (lambda f: f.assign(is_attributed=1), "there is 0 times 0 and 300 times 1"),
        (lambda f: f.assign(is_attributed=[None, *f["is_attributed"][1:]]), "takes 0 and 1; there is nan"),
        (lambda f: f.assign(is_attributed=[2, *f["is_attributed"][1:]]), "takes 0 and 1; there is 2"),
        (lambda f: f.assign(is_attributed="yes"), "the column is_attributed in"),
        (lambda f: f.assign(day="Monday"), "the column day in"),
        (lambda f: f.assign(os="linux"), "the column os in"),
        (lambda f: f.assign(qty=[float("inf"), *f["qty"][1:]]), "the feature qty is infinite"),
        (lambda f: f.iloc[:0], "hold no rows"),
    ],
)
def test_features_that_cannot_be_learnt_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: object, told: str
) -> None:
    assert callable(change)
    with pytest.raises(SystemExit, match=re.escape(told)):
        run_here(tmp_path, monkeypatch, write(tmp_path, change(clicks(300)), parts=1))
    assert not (tmp_path / "models").exists()


@pytest.mark.parametrize(
    ("parameters", "told"),
    [
        ({"device": "gpu"}, "device is gpu; it takes cpu or cuda"),
        ({"memory": "8GB"}, "memory is 8GB; it takes a share of the machine's memory, such as 0.25"),
        ({"memory": "0"}, "memory is 0; it takes a share"),
        ({"feature_dir": "UNDEFINED"}, "feature_dir has no value"),
        ({"model_dir": "UNDEFINED"}, "model_dir has no value"),
        ({"features": "UNDEFINED"}, "features has no value"),
        ({"label": " "}, "label has no value"),
        ({"features": ","}, "takes names, each once"),
        ({"features": "app,os,app"}, "takes names, each once"),
        ({"features": "app,is_attributed"}, "without the label is_attributed"),
        ({"feature_dir": "features"}, "absolute local path"),
        ({"feature_dir": "hdfs://host/x"}, "absolute local path"),
        ({"model_dir": "/tmp/a)b"}, "absolute local path without any of"),
        ({"model_dir": "/dev/null/models"}, "cannot write the model to /dev/null/models"),
    ],
)
def test_parameters_that_cannot_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, parameters: dict[str, str], told: str
) -> None:
    features = write(tmp_path, clicks(500))
    with pytest.raises(SystemExit, match=re.escape(told)):
        run_here(tmp_path, monkeypatch, **{"feature_dir": str(features)} | parameters)


def test_a_refusal_is_a_line_on_standard_error_and_exit_code_1(tmp_path: Path) -> None:
    refused(run(tmp_path, write(tmp_path, clicks(300).drop(columns="os"))), "has no column os")
    refused(run(tmp_path, tmp_path / "features", label="UNDEFINED"), "label has no value")


def test_no_feature_files(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    refused(run(tmp_path, tmp_path / "empty"), "no feature files; did the extraction run?")
    refused(run(tmp_path, tmp_path / "gone"), "no feature files")
    features = write(tmp_path, clicks(300))
    (features / "x.parquet").write_bytes(b"PAR1")
    refused(run(tmp_path, features), "both CSV and parquet")
    (tmp_path / "empty" / "bad.csv").write_text(",".join(COLUMNS) + "\n0,1\n")
    refused(run(tmp_path, tmp_path / "empty"), "cannot read", "bad.csv")


def refused(done: subprocess.CompletedProcess[str], *told: str) -> None:
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith("train: ")
    for text in told:
        assert text in done.stderr
    assert "setValue" not in done.stdout


def test_a_worker_without_xgboost_is_told_so(tmp_path: Path) -> None:
    (tmp_path / "xgboost.py").write_text("raise ImportError(\"No module named 'xgboost'\", name='xgboost')")
    done = run(tmp_path, write(tmp_path, clicks(300)))
    assert done.returncode == 1
    assert "No module named 'xgboost'" in done.stderr  # `dsflow doctor` says what to install, and `run` to ask it


def test_the_figures_are_those_of_the_model_on_the_clicks_it_has_not_seen(tmp_path: Path) -> None:
    done = run(tmp_path, write(tmp_path, clicks()))
    found = outputs(done)
    path = Path(found["model_path"])
    figures = json.loads(path.with_name(f"{path.name}.figures.json").read_bytes())
    assert figures_in(done.stdout) == figures  # so they leave a worker
    assert figures["auc"] == pytest.approx(float(found["auc"]), abs=1e-6)
    (untrue, true, below, hit) = (count for row in figures["confusion"] for count in row)
    assert untrue + true + below + hit == figures["rows"]
    assert below + hit == figures["positives"]
    for x, y in (figures["roc"], figures["precision_recall"], figures["calibration"]):
        assert len(x) == len(y) <= 50
        assert all(0 <= value <= 1 for value in (*x, *y))
    x, y = figures["roc"]
    assert np.trapezoid(y, x) == pytest.approx(figures["auc"], abs=0.02)
    assert max(figures["importance"], key=figures["importance"].get) == "app"
    assert [feature["name"] for feature in figures["features"]] == FEATURES.split(",")


def all_clicks(directory: Path, features: list[str], room: int = 0) -> Any:
    return train.AllClicks(
        train.find_parts(str(directory), ["is_attributed", *features]), features, "is_attributed", room
    )


@pytest.mark.parametrize(
    ("day", "hour", "first", "days"),
    [
        ([30, 31, 1, 2, 29], [5, 0, 23, 0, 1], 28 * 24, ("day 29", "day 2")),
        ([6, 9, 7], None, 5 * 24, ("day 6", "day 9")),
        ([3, 3], [4, 2], 2 * 24, ("day 3", "day 3")),
        (None, [3], None, None),
        ([3, None], [4, 2], None, None),
        ([3, 32], [4, 2], None, None),
        ([3, 3], [4, 24], None, None),
    ],
)
def test_time_goes_on_over_the_end_of_a_month(
    tmp_path: Path, day: list[int] | None, hour: list[int] | None, first: int | None, days: tuple[str, str] | None
) -> None:
    given = {"day": day, "hour": hour}
    frame = pd.DataFrame({name: values for name, values in given.items() if values}).assign(app=1, is_attributed=0)
    frame.to_csv(tmp_path / "part.csv", index=False)
    hours = np.concatenate([some.hours for some in all_clicks(tmp_path, ["app"])])
    counts = np.zeros((train.MONTH + 1, 2), int)
    np.add.at(counts[:, 0], hours, 1)
    assert train.start(counts) == first
    assert train.days(hours, first) == days


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 1000), st.integers(20, 400), st.integers(5, 40), st.booleans())
def test_both_sides_always_have_both_classes(seed: int, count: int, positives: int, with_day: bool) -> None:
    frame = clicks(count, seed)
    answers = np.zeros(count, dtype=np.int8)
    answers[np.random.default_rng(seed).choice(count, min(positives, count - 5), replace=False)] = 1
    frame["is_attributed"] = answers
    frame = frame if with_day else frame.drop(columns="day")
    with tempfile.TemporaryDirectory() as folder:
        frame.to_parquet(f"{folder}/part.parquet")
        found = all_clicks(Path(folder), [name for name in frame if name != "is_attributed"])
        counts, sample = train.survey(found)
        chosen, how = train.split(found, counts)
    held_out = chosen(sample)
    assert len(sample.answers) == count
    for side in (held_out, ~held_out):
        assert set(sample.answers[side]) == {0, 1}
    assert 0.15 < held_out.mean() < 0.45
    assert how


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 1000), st.integers(1, 5), st.sampled_from([500, 7000, 10**7]), st.booleans(), st.booleans())
def test_the_same_clicks_give_the_same_bytes(seed: int, parts: int, page: int, threads: bool, on_disk: bool) -> None:
    frame = clicks(6000)
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        run_here(Path(folder) / "first", patch, write(Path(folder), frame))
        patch.setattr(train, "PAGE", page)
        patch.setattr(train, "MANY", 0 if threads else 10**9)
        other = Path(folder) / "other"
        other.mkdir()
        shuffled = write(other, frame.sample(frac=1, random_state=seed), parts)
        run_here(Path(folder) / "second", patch, shuffled, memory="1e-9" if on_disk else "0.25")
        first, second = (
            {f.name: f.read_bytes() for f in Path(folder).glob(f"{n}/models/*")} for n in ("first", "second")
        )
    assert first == second
    assert len(first) == 3


def test_a_sample_says_where_bins_begin_and_all_clicks_are_learned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    features = write(tmp_path, clicks(20_000), parts=4)
    run_here(tmp_path, monkeypatch, features)
    whole = float(re.findall(r"AUC (\S+)", capsys.readouterr().out)[0])
    monkeypatch.setattr(train, "SAMPLE", 4000)
    run_here(tmp_path, monkeypatch, features, memory="1e-9")
    sampled = capsys.readouterr().out
    assert float(re.findall(r"AUC (\S+)", sampled)[0]) == pytest.approx(whole, abs=0.02)
    (path,) = re.findall(r"model_path=(.*)\)", sampled)
    contract = read_contract("c", Path(f"{path}.contract.json").read_bytes())
    assert contract.rows == pytest.approx(14_000, rel=0.05)
    assert contract.features[0].statistics is not None


def test_equal_clicks_cannot_be_judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without_day = FEATURES.replace(",day", "")
    frame = clicks(300).drop(columns="day")
    frame.loc[frame["is_attributed"] == 1, frame.columns[1:]] = 7
    with pytest.raises(SystemExit, match="too many clicks of one is_attributed are equal"):
        run_here(tmp_path, monkeypatch, write(tmp_path, frame), features=without_day)
    frame.loc[:, frame.columns[1:]] = 7
    monkeypatch.setattr(train, "SAMPLE", 10)
    with pytest.raises(SystemExit, match="too many clicks are equal: there is nothing to learn"):
        run_here(tmp_path, monkeypatch, write(tmp_path, frame), features=without_day)


def test_fractions_below_the_lines_that_tell_a_files_types_are_read(tmp_path: Path) -> None:
    lines = ["is_attributed,app"] + ["0,1"] * 400_000 + ["1,2.5"]
    (tmp_path / "part.csv").write_text("\n".join(lines) + "\n")
    assert max(some.values.max() for some in all_clicks(tmp_path, ["app"])) == 2.5
    (tmp_path / "part.csv").write_text("\n".join([*lines, "1,many"]) + "\n")
    with pytest.raises(SystemExit, match=r"cannot read .*part.csv: .*invalid value 'many'"):
        list(all_clicks(tmp_path, ["app"]))


@pytest.mark.skipif(xgboost.build_info()["USE_CUDA"], reason="there may be a GPU")
def test_a_gpu_that_is_not_there_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SystemExit, match="device is cuda, and xgboost finds no GPU here"):
        run_here(tmp_path, monkeypatch, write(tmp_path, clicks(300)), device="cuda")


needs_data = pytest.mark.skipif(
    "DSFLOW_TEST_OPENMLDB" not in os.environ,
    reason="set DSFLOW_TEST_OPENMLDB to the folder of the OpenMLDB conformance data to run this",
)


@needs_data
def test_the_demos_clicks_give_a_model_well_above_the_threshold(tmp_path: Path) -> None:
    features = tmp_path / "features"
    features.mkdir()
    source = Path(os.environ["DSFLOW_TEST_OPENMLDB"]) / "talkingdata" / "expected.csv"
    (features / "part-0.csv").write_bytes(source.read_bytes())
    done = run(tmp_path, features)
    found = outputs(done)
    assert float(found["auc"]) > 0.9
    assert "10000 clicks, 31 of them with is_attributed = 1" in done.stdout
    compared = re.search(r"for comparison: AUC (0\.\d+)", done.stdout)
    assert compared
    assert float(compared[1]) > 0.8
    model = json.loads(Path(found["model_path"]).read_bytes())
    assert model["learner"]["feature_names"] == FEATURES.split(",")
