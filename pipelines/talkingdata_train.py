"""Train the click model: the script of the workflow's PYTHON task "train".

It reads the features that OpenMLDB has written (parquet, or CSV with a header line), learns the earlier clicks, is
judged by the latest ones, and writes the model with its contract and figures. Files are read in batches, several
times, so that many clicks need little memory; the same clicks make the same model, however they are spread over files,
whatever their order and the number of processors. DolphinScheduler fills in the placeholders of the seven lines below
before Python sees the script.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

sys.modules.setdefault("sklearn", None)  # xgboost would import it, which takes a second and is of no use here
import xgboost as xgb

FEATURE_DIR = r"${feature_dir}"
MODEL_DIR = r"${model_dir}"
FEATURES = r"${features}"
LABEL = r"${label}"
FINGERPRINTS = r"${fingerprints}"
DEVICE = r"${device}"
MEMORY = r"${memory}"

SHARE, LEAST = 0.3, 5  # of the clicks, held out; of either class, on either side
ROUNDS = 20
SAMPLE, PAGE = 500_000, 4_000_000  # clicks that say where bins begin; clicks that are binned at once
MANY = 1_000_000  # clicks from which on threads are worth it
MONTH = 31 * 24  # hours
# no weights, so that predictions stay probabilities; positives are few: a limit for the step that a leaf of them takes
PARAMETERS = {"objective": "binary:logistic", "tree_method": "hist", "max_depth": 5, "eta": 0.3, "max_delta_step": 4}


def main() -> None:
    """Read, split, train, measure, write, and tell DolphinScheduler."""
    label, features = given("label", LABEL), [name.strip() for name in given("features", FEATURES).split(",")]
    if len({label, "", *features}) < len(features) + 2:
        sys.exit(f"train: features takes names, each once, without the label {label}; it is {', '.join(features)}")
    models, directory, limit, on = place("model_dir", MODEL_DIR), place("feature_dir", FEATURE_DIR), memory(), device()
    clicks = AllClicks(find_parts(str(directory), [label, *features]), features, label, limit // 8)
    counts, sample = survey(clicks)
    late, how = split(clicks, counts)
    count, threads = int(counts.sum()), 0 if counts.sum() >= MANY else 1
    print(f"{count} clicks, {counts[:, 1].sum()} of them with {label} = 1; held out: {how}")

    early, read = sample.take(~late(sample)), pages(clicks, lambda some: ~late(some))
    with tempfile.TemporaryDirectory() as folder:  # for what has no room in memory
        fits = on != "cpu" or count * (1 - SHARE) * (4 * len(features) + 50) < limit
        known = binned(read, early, features, threads, None if fits else f"{folder}/clicks")
        answers = known.get_label()
        parameters = PARAMETERS | {"device": on, "nthread": threads, "base_score": float(answers.mean(dtype=float))}
        booster = xgb.train(parameters, known, ROUNDS, callbacks=[Progress()])
        del known
    booster.set_param({"device": "cpu"})
    judged = [
        (some.answers.astype(np.int8), booster.inplace_predict(some.values))
        for some in (some.take(late(some)) for some in clicks)
        if len(some.answers)
    ]
    unseen, scores = (np.concatenate(each) for each in zip(*judged, strict=True))
    area = auc(unseen, scores)
    print(f"AUC {area:.4f} on {len(unseen)} unseen clicks ({unseen.sum()} positive)")
    if unseen.sum() < 100 and count == len(sample.answers):  # an AUC by so few is uncertain
        whole, fold = xgb.DMatrix(sample.values, sample.answers), np.zeros(count, int)
        for answer in (0, 1):  # which are in the order of their digests: at random
            fold[sample.answers == answer] = np.arange(counts[:, answer].sum()) % 5
        folds = [(np.flatnonzero(fold != number), np.flatnonzero(fold == number)) for number in range(5)]
        found = xgb.cv(PARAMETERS | {"nthread": 1}, whole, ROUNDS, folds=folds, metrics="auc", as_pandas=False)
        print(f"for comparison: AUC {found['test-auc-mean'][-1]:.4f} in a cross-validation over all clicks")

    booster.set_attr(auc=f"{area:.6f}", label=label, validation=how, clicks=str(len(answers)))
    path = write_model(models, bytes(booster.save_raw("json")))
    write_contract(
        path, early.columns(features), rows=len(answers), label=label, kind="binary", classes=(0, 1),
        metrics={"auc": area}, time_range=days(early.hours, start(counts)),
        fingerprints="" if FINGERPRINTS.startswith("$") else FINGERPRINTS,
    )  # fmt: skip
    write_figures(path, unseen, scores, booster.get_score(importance_type="total_gain"))
    for output in (f"auc={area:.6f}", f"model_path={path}"):
        print("$" + "{setValue(" + output + ")}", flush=True)


def given(name: str, text: str) -> str:
    """The text of a parameter, if DolphinScheduler put one where the placeholder was."""
    if text.startswith("$" + "{") or not text.strip():
        sys.exit(f"train: the parameter {name} has no value")
    return text.strip()


def place(name: str, text: str) -> Path:
    """The local path that a parameter names, as a path or as a file URL."""
    path = given(name, text)
    path = "/" + path[5:].lstrip("/") if path.startswith("file:") else path
    if not path.startswith("/") or set(path) & set("()=$\r\n"):  # which would break the line of the output
        sys.exit(f"train: the parameter {name} is {path!r}; it takes an absolute local path without any of ( ) = $")
    return Path(path)


def memory() -> int:
    """How many bytes the training may take: a share of the machine's memory, without the parameter a quarter."""
    text = "0.25" if MEMORY.startswith("$") else MEMORY
    try:
        share = float(text)
    except ValueError:
        share = 0
    if not 0 < share <= 1:
        sys.exit(f"train: the parameter memory is {text}; it takes a share of the machine's memory, such as 0.25")
    return int(share * os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))


def device() -> str:
    """Where to train: on the cpu, or on a GPU by cuda."""
    name = "cpu" if DEVICE.startswith("$") else DEVICE
    if name not in ("cpu", "cuda"):
        sys.exit(f"train: the parameter device is {name}; it takes cpu or cuda")
    if name == "cuda":
        with warnings.catch_warnings():  # it goes back to the cpu where there is no GPU
            warnings.simplefilter("ignore")
            tried = xgb.train({"device": name}, xgb.DMatrix(np.zeros((2, 1)), [0, 1]), 1)
        if json.loads(tried.save_config())["learner"]["generic_param"]["device"] == "cpu":
            sys.exit(
                "train: device is cuda, and xgboost finds no GPU here; the package xgboost-cpu cannot use one at all"
            )
    return name


class Clicks(NamedTuple):
    """Some clicks.

    Attributes:
        values: the features, a row for each click; float32, NaN for NULL.
        answers: the label, 0 or 1.
        hours: hours of the month, 0 for the first one of its first day; MONTH where the day is not known.
    """

    values: np.ndarray
    answers: np.ndarray
    hours: np.ndarray

    def take(self, which: np.ndarray) -> Clicks:
        return Clicks(*(part[which] for part in self))

    def digests(self) -> np.ndarray:
        """A number for each click that its content alone decides, as good as random."""
        mixed = self.answers.astype(np.uint64)
        for column in self.values.T:
            mixed = (mixed ^ np.ascontiguousarray(column).view(np.uint32)) * np.uint64(0x9E3779B97F4A7C15)
            mixed ^= mixed >> np.uint64(32)
        return mixed

    def columns(self, names: list[str]) -> dict[str, np.ndarray]:
        """The features by name; whole numbers as such."""
        found = dict(zip(names, self.values.T, strict=True))
        return {name: some.astype(int) if (some % 1 == 0).all() else some for name, some in found.items()}


Chosen = Callable[[Clicks], np.ndarray]


class AllClicks:
    """The clicks of part files, some at a time; read anew for each pass, unless they fit in so many bytes."""

    def __init__(self, parts: list, features: list[str], label: str, room: int) -> None:
        self.parts, self.features, self.label, self.room = parts, features, label, room
        self.held: list[Clicks] = []
        self.complete = False

    def __iter__(self) -> Iterator[Clicks]:
        if self.complete:
            yield from self.held
            return
        left, self.held = self.room, []
        for batch in read_parts(self.parts, list(dict.fromkeys([self.label, *self.features, "day", "hour"]))):
            some = self.checked(batch)
            left -= sum(part.nbytes for part in some)
            self.held = [*self.held, some] if left > 0 else []
            yield some
        self.complete = left > 0

    def checked(self, batch: dict[str, np.ndarray]) -> Clicks:
        """A batch as clicks, unless something in it cannot be learned from."""
        answers = batch[self.label]
        if (wrong := answers[(answers != 0) & (answers != 1)]).size:
            sys.exit(f"train: the label {self.label} takes 0 and 1; there is {wrong[0]:g}")
        values = np.column_stack([batch[name] for name in self.features])
        if (infinite := np.isinf(values).any(axis=0)).any():
            sys.exit(f"train: the feature {self.features[infinite.argmax()]} is infinite in some clicks")
        unknown = np.full(len(answers), np.nan, np.float32)
        day, hour = batch.get("day", unknown), np.nan_to_num(batch.get("hour", unknown))
        known = (day >= 1) & (day <= 31) & (hour >= 0) & (hour < 24)
        return Clicks(values, answers, np.where(known, day * 24 - 24 + hour, MONTH).astype(np.int16))


def survey(clicks: AllClicks) -> tuple[np.ndarray, Clicks]:
    """How many clicks each hour of the month has of either class; and some clicks, the same for the same clicks."""
    counts, samples, limit = np.zeros((MONTH + 1, 2), int), [], 2**64 - 1
    for some in clicks:
        for answer in (0, 1):
            counts[:, answer] += np.bincount(some.hours[some.answers == answer], minlength=MONTH + 1)
        samples.append(some.take(some.digests() <= limit))
        while sum(len(part.answers) for part in samples) > SAMPLE and limit:
            limit //= 2
            samples = [part.take(part.digests() <= limit) for part in samples]
    if counts.sum(axis=0).min() < LEAST:
        told = " and ".join(f"{count} times {answer}" for answer, count in enumerate(counts.sum(axis=0)))
        sys.exit(f"train: the label {clicks.label} takes 0 and 1, each {LEAST} times at least; there is {told}")
    sample = joined(samples)
    if not len(sample.answers):
        sys.exit("train: too many clicks are equal: there is nothing to learn")
    return counts, sample.take(np.argsort(sample.digests(), kind="stable"))


def start(counts: np.ndarray) -> int | None:
    """The hour of the month with which time begins, None where a click has no day.

    After the end of a month it goes on with day 1: time begins after the largest gap between days.
    """
    present = np.flatnonzero(counts[:MONTH].reshape(31, 48).sum(axis=1))
    if counts[MONTH].any():
        return None
    return int(present[-np.diff(present, append=present[0] + 31)[::-1].argmax()]) * 24


def days(hours: np.ndarray, first: int | None) -> tuple[str, str] | None:
    """The first and the last day of clicks; None where a click has none."""
    since = (hours - first) % MONTH if first is not None else None
    return since if since is None else tuple(f"day {hours[at] // 24 + 1}" for at in (since.argmin(), since.argmax()))


def split(clicks: AllClicks, counts: np.ndarray) -> tuple[Chosen, str]:
    """Which clicks are held out, and how they were chosen, in words."""
    if (first := start(counts)) is not None:
        whole = counts.sum(axis=0)
        late = np.roll(counts[:MONTH], -first, axis=0)[::-1].cumsum(axis=0)[::-1]  # from each hour on
        share = late.sum(axis=1) / whole.sum()
        distance = np.where(np.minimum(late, whole - late).min(axis=1) >= LEAST, abs(share - SHARE), 1)
        cut = distance.argmin()
        if distance[cut] <= 0.1:
            how = f"the last {100 * share[cut]:.1f} % of the clicks by day and hour"
            return lambda some: (some.hours - first) % MONTH >= cut, how
    digests: list[list[np.ndarray]] = [[], []]
    for some in clicks:
        for answer in (0, 1):
            digests[answer].append(some.digests()[some.answers == answer])
    numbers = [np.sort(np.concatenate(each)) for each in digests]
    limits = np.array([each[len(each) // 3] for each in numbers])
    if any(each[0] == limit for each, limit in zip(numbers, limits, strict=True)):
        sys.exit(f"train: too many clicks of one {clicks.label} are equal: there is nothing to judge a model by")
    how = "a third of each class at random; no cut in time has enough of both"
    return lambda some: some.digests() < limits[some.answers.astype(int)], how


def pages(clicks: AllClicks, chosen: Chosen) -> Callable[[], Iterator[Clicks]]:
    """What gives the chosen clicks, many at a time, anew with each call."""

    def read() -> Iterator[Clicks]:
        page, rows = [], 0
        for some in clicks:
            page.append(some.take(chosen(some)))
            rows += len(page[-1].answers)
            if rows >= PAGE:
                yield joined(page)
                page, rows = [], 0
        if rows:
            yield joined(page)

    return list(read()).__iter__ if clicks.complete else read


def joined(parts: list[Clicks]) -> Clicks:
    """All of some."""
    return Clicks(*(np.concatenate(part) for part in zip(*parts, strict=True)))


class Pages(xgb.DataIter):
    """Hands clicks to XGBoost, a page at a time, as often as it asks."""

    def __init__(self, read: Callable[[], Iterator[Clicks]], features: list[str], cache: str | None) -> None:
        self.read, self.features, self.left = read, features, read()
        super().__init__(cache_prefix=cache)

    def reset(self) -> None:
        self.left = self.read()

    def next(self, input_data: Callable[..., None]) -> bool:
        page = next(self.left, None)
        if page is not None:
            input_data(data=page.values, label=page.answers, feature_names=self.features)
        return page is not None


def binned(
    read: Callable[[], Iterator[Clicks]], sample: Clicks, features: list[str], threads: int, cache: str | None
) -> xgb.DMatrix:
    """The clicks, each value as the number of its bin, in memory or in files; the sample says where bins begin."""
    bins = xgb.QuantileDMatrix(sample.values, sample.answers, feature_names=features, nthread=1)
    matrix = xgb.ExtMemQuantileDMatrix if cache else xgb.QuantileDMatrix
    return matrix(Pages(read, features, cache), ref=bins, nthread=threads)


class Progress(xgb.callback.TrainingCallback):
    """Says how far the training is; dsflow shows such lines while the task runs."""

    def after_iteration(self, model: xgb.Booster, epoch: int, evals_log: object) -> bool:
        print(f"progress: {epoch + 1}/{ROUNDS} rounds", flush=True)
        return False


def write_model(directory: Path, raw: bytes) -> str:
    """Write the model under the name of its content: a file that is being served is never changed in place."""
    path = directory / f"model-{hashlib.sha256(raw).hexdigest()[:16]}.json"
    temporary = directory / f".{path.name}.{os.getpid()}.tmp"
    try:
        directory.mkdir(parents=True, exist_ok=True)
        if not path.is_file() or path.read_bytes() != raw:
            temporary.write_bytes(raw)
            temporary.replace(path)
    except OSError as error:
        sys.exit(f"train: cannot write the model to {directory}: {error}")
    return str(path)


# fmt: off
# of dsflow.worker.parts, contract and figures, which say more: a worker has no dsflow
def find_parts(path, columns):
 import sys
 from pathlib import Path
 import pyarrow as pa
 import pyarrow.csv
 import pyarrow.dataset as ds
 found = [Path(path)] if Path(path).is_file() else sorted(Path(path).glob("[!._]*.*"))
 files = [file for file in found if file.suffix in (".csv", ".parquet") and file.stat().st_size]
 if len({file.suffix for file in files}) != 1:
  what = "both CSV and parquet files" if files else "no feature files; did the extraction run?"
  sys.exit(f"train: {path} holds {what}")
 parts = []
 for file in files:
  try:
   part = ds.dataset(file, format="csv" if file.suffix == ".csv" else ds.ParquetFileFormat(pre_buffer=False))
   kinds = dict(zip(part.schema.names, part.schema.types, strict=True))
   if lacking := [name for name in columns if name not in kinds]:
    sys.exit(f"train: {file} has no column {', '.join(lacking)}; it has {', '.join(kinds)}")
   if file.suffix == ".parquet" and not part.count_rows():
    continue
   for name in columns:
    kind = kinds[name]
    known = (pa.types.is_boolean, pa.types.is_integer, pa.types.is_floating, pa.types.is_null)
    if not any(is_kind(kind) for is_kind in known):
     sys.exit(f"train: the column {name} in {file} is to be a number; it is {kind}")
   if file.suffix == ".csv":
    options = pyarrow.csv.ConvertOptions(
     column_types={name: pa.float64() for name in columns if not pa.types.is_boolean(kinds[name])}
    )
    part = ds.dataset(file, format=ds.CsvFileFormat(convert_options=options))
    if not part.head(1, batch_readahead=0).num_rows:
     continue
   parts.append(part)
  except (pa.ArrowException, OSError) as error:
   sys.exit(f"train: cannot read {file}: {error}")
 if not parts:
  sys.exit(f"train: the feature files in {path} hold no rows; was the offline table loaded?")
 return parts

def read_parts(parts, columns):
 import sys
 import pyarrow as pa
 for part in parts:
  wanted = [name for name in columns if name in part.schema.names]
  try:
   for batch in part.to_batches(columns=wanted, batch_readahead=4):
    numbers = (batch[name].cast(pa.float32(), safe=False) for name in wanted)
    yield {name: some.to_numpy(zero_copy_only=False) for name, some in zip(wanted, numbers, strict=True)}
  except (pa.ArrowException, OSError) as error:
   sys.exit(f"train: cannot read {part.files[0]}: {error}")

def write_contract(
 model_path,
 features,
 *,
 label = "",
 kind = "",
 classes = (),
 missing = None,
 fingerprints = "",
 metrics = None,
 time_range = None,
 rows = None,
):
 import hashlib
 import json
 import math
 import os
 import platform
 import sys
 import numpy as np
 def column(name, values):
  raw = np.asarray(values)
  kinds = {"b": "boolean", "i": "integer", "u": "integer", "f": "number"}
  found = {"name": str(name), "type": kinds.get(raw.dtype.kind, "text")}
  if str(name) in digits:
   found["fingerprint"] = digits[str(name)]
  if raw.dtype.kind not in "biuf":
   return found
  numbers = raw.astype(float)
  known = numbers[np.isfinite(numbers) if missing is None else np.isfinite(numbers) & (numbers != missing)]
  statistics = {"count": len(numbers), "missing": len(numbers) - len(known)}
  if len(known):
   edges = np.unique(np.quantile(known, np.arange(1, 10) / 10))
   counts = np.bincount(np.searchsorted(edges, known), minlength=len(edges) + 1)
   statistics.update(
    mean=float(known.mean()),
    std=float(known.std()),
    min=float(known.min()),
    max=float(known.max()),
    edges=[float(edge) for edge in edges],
    shares=[round(float(count) / len(known), 9) for count in counts],
   )
  found["statistics"] = statistics
  return found
 def moment(value):
  return str(value.isoformat() if hasattr(value, "isoformat") else value)
 digits = dict(part.rsplit(":", 1) for part in fingerprints.split(",") if ":" in part)
 names = [str(name) for name in features]
 columns = [column(name, features[name]) for name in features]
 with open(model_path, "rb") as file:
  digest = hashlib.sha256(file.read()).hexdigest()
 libraries = {"python": platform.python_version(), "numpy": np.__version__}
 for package in ("xgboost", "lightgbm", "sklearn", "onnx", "skl2onnx", "pandas"):
  if package in sys.modules and hasattr(sys.modules[package], "__version__"):
   libraries[package] = str(sys.modules[package].__version__)
 contract = {
  "format": 1,
  "model": {"sha256": digest, "kind": kind or None, "classes": [str(name) for name in classes]},
  "features": columns,
  "missing": missing,
  "label": label or None,
  "sql": hashlib.sha256(fingerprints.encode()).hexdigest()[:16] if fingerprints else None,
  "libraries": libraries,
  "metrics": {str(name): float(value) for name, value in (metrics or {}).items() if math.isfinite(value)},
  "trained_on": {
   "rows": rows if rows is not None else len(np.asarray(features[names[0]])) if names else 0,
   "from": moment(time_range[0]) if time_range else None,
   "to": moment(time_range[1]) if time_range else None,
  },
 }
 path = model_path + ".contract.json"
 temporary = path + "." + str(os.getpid()) + ".tmp"
 with open(temporary, "w", encoding="utf-8") as out:
  json.dump(contract, out, ensure_ascii=False, indent=1, allow_nan=False)
  out.write("\n")
  out.flush()
  os.fsync(out.fileno())
 os.replace(temporary, path)
 return path

def auc(answers, scores):
 import numpy as np
 answers, scores = np.asarray(answers), np.asarray(scores)
 ones, others = np.sort(scores[answers == 1]), np.sort(scores[answers == 0])
 if not (len(ones) and len(others)) or np.isnan([ones[-1], others[-1]]).any():
  raise ValueError("figures take rows of both classes, 0 and 1, and scores that are numbers")
 below, up_to = np.searchsorted(others, ones), np.searchsorted(others, ones, "right")
 return int(below.sum() + up_to.sum()) / 2 / len(ones) / len(others)

def write_figures(model_path, answers, scores, importance = None):
 import json
 import os
 import numpy as np
 def curve(x, y):
  way = np.cumsum(np.hypot(np.diff(x, prepend=x[0]), np.diff(y, prepend=y[0])))
  kept = np.unique(np.searchsorted(way, np.linspace(0, way[-1], 50)))
  return [[round(float(value), 5) for value in axis[kept]] for axis in (x, y)]
 def counted(some):
  above = np.stack([np.searchsorted(some, cuts, "right"), np.searchsorted(some, cuts)], axis=1)
  return np.concatenate([[0], len(some) - above.ravel(), [len(some)]])
 area = auc(answers, scores)
 answers, scores = np.asarray(answers), np.asarray(scores)
 ones, others = np.sort(scores[answers == 1]), np.sort(scores[answers == 0])
 cuts = np.unique(ones)[::-1]
 hits, misses = counted(ones), counted(others)
 told = hits + misses
 recall, precision = hits / len(ones), np.where(told, hits / np.maximum(told, 1), 1)
 best = int(np.argmax(hits / (told + len(ones))))
 edges = np.quantile(scores, np.arange(1, 10) / 10)
 tenths = [np.split(some, np.searchsorted(some, edges, "right")) for some in (others, ones)]
 calibration = [
  (sum(float(some.sum(dtype=float)) for some in tenth) / rows, len(tenth[1]) / rows)
  for tenth in zip(*tenths, strict=True)
  if (rows := sum(map(len, tenth)))
 ]
 figures = {
  "format": 1,
  "rows": len(answers),
  "positives": len(ones),
  "auc": area,
  "average_precision": float(np.sum(np.diff(recall) * precision[1:])),
  "roc": curve(misses / len(others), recall),
  "precision_recall": curve(recall[::-1], precision[::-1]),
  "calibration": curve(*np.transpose(calibration)),
  "threshold": float(cuts[best // 2 - 1]),
  "confusion": [
   [len(others) - int(misses[best]), int(misses[best])],
   [len(ones) - int(hits[best]), int(hits[best])],
  ],
  "importance": {str(name): float(value) for name, value in (importance or {}).items()},
 }
 if os.path.exists(model_path + ".contract.json"):
  with open(model_path + ".contract.json", encoding="utf-8") as file:
   figures["features"] = json.load(file)["features"][:50]
 text = json.dumps(figures, separators=(",", ":"), allow_nan=False)
 path = model_path + ".figures.json"
 with open(path + "." + str(os.getpid()) + ".tmp", "w", encoding="utf-8") as out:
  out.write(text + "\n")
 os.replace(out.name, path)
 print("figures: " + text, flush=True)
 return path

# fmt: on

if __name__ == "__main__":
    main()
