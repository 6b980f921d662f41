"""Every format predicts as its own library does, and what is no model is refused without being loaded."""

from __future__ import annotations

import pickle
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xgboost

from dsflow.serving import formats
from dsflow.serving.errors import NotServableError
from dsflow.serving.formats import FORMATS, Format, ModelFormat, import_format, load_model

NAMES = ("a", "b", "c", "d")
RNG = np.random.default_rng(7)
ROWS = RNG.normal(size=(300, 4)).astype(np.float32)
LEFT = ROWS[:, 0].copy()
TWO = (ROWS[:, 0] > 0).astype(int)
THREE = np.digitize(ROWS[:, 0], [-0.5, 0.5])


@pytest.mark.parametrize("kind", ["json", "ubj"])
@pytest.mark.parametrize(
    ("objective", "answers", "task", "classes", "probabilities"),
    [
        ("binary:logistic", TWO, "binary", 2, True),
        ("binary:hinge", TWO, "binary", 2, False),
        ("reg:squarederror", LEFT, "regression", 0, False),
        ("multi:softprob", THREE, "multiclass", 3, True),
        ("multi:softmax", THREE, "multiclass", 3, False),
    ],
)
def test_xgboost(objective: str, answers: Any, task: str, classes: int, probabilities: bool, kind: str) -> None:
    settings = {"objective": objective, "nthread": 1} | ({"num_class": 3} if classes == 3 else {})
    matrix = xgboost.DMatrix(ROWS, answers, feature_names=list(NAMES))
    booster = xgboost.train(settings, matrix, 5)
    found = load_model("m", bytes(booster.save_raw(kind)))
    found.check()
    assert (found.format, found.suffix, found.features) == ("xgboost", f".{kind}", NAMES)
    assert (found.task, found.classes, found.gives_probabilities) == (task, classes, probabilities)
    np.testing.assert_allclose(found.predict(ROWS), booster.predict(matrix), rtol=1e-6)


@pytest.mark.parametrize(
    ("objective", "answers", "task", "classes"),
    [
        ("binary", TWO, "binary", 2),
        ("regression", LEFT, "regression", 0),
        ("multiclass", THREE, "multiclass", 3),
    ],
)
def test_lightgbm(objective: str, answers: Any, task: str, classes: int) -> None:
    lightgbm = pytest.importorskip("lightgbm", reason="the extra lightgbm is not installed")
    settings = {"objective": objective, "verbose": -1, "num_threads": 1} | ({"num_class": 3} if classes == 3 else {})
    booster = lightgbm.train(settings, lightgbm.Dataset(ROWS.copy(), answers, feature_name=list(NAMES)), 5)
    found = load_model("m.txt", booster.model_to_string().encode())
    assert (found.format, found.features, found.task, found.classes) == ("lightgbm", NAMES, task, classes)
    rows = ROWS.copy()
    rows[::7, 1] = np.nan
    np.testing.assert_allclose(found.predict(rows), booster.predict(rows.copy()), rtol=1e-9)


@pytest.mark.parametrize(
    ("loss", "answers", "task", "classes"),
    [
        ("Logloss", TWO, "binary", 2),
        ("RMSE", LEFT, "regression", 0),
        ("Poisson", abs(LEFT), "regression", 0),
        ("MultiClass", THREE, "multiclass", 3),
    ],
)
def test_catboost(loss: str, answers: Any, task: str, classes: int, tmp_path: Path) -> None:
    model = catboost_model(loss, ROWS, answers, feature_names=list(NAMES))
    model.get_metadata()["auc"] = "0.9"
    model.save_model(tmp_path / "m.cbm")
    found = load_model("m.cbm", (tmp_path / "m.cbm").read_bytes())
    found.check()
    assert (found.format, found.suffix, found.features) == ("catboost", ".cbm", NAMES)
    assert (found.task, found.classes, found.attributes) == (task, classes, {"auc": "0.9"})
    rows = ROWS.copy()
    rows[::7, 1] = np.nan
    kind = {"RMSE": "RawFormulaVal", "Poisson": "Exponent"}.get(loss, "Probability")
    wanted = model.predict(rows, prediction_type=kind)
    np.testing.assert_allclose(found.predict(rows), wanted[:, 1] if task == "binary" else wanted, rtol=1e-9)


def test_catboost_that_is_not_on_numbers_or_gives_several(tmp_path: Path) -> None:
    texts = [["red" if row[0] > 0 else "blue", float(row[1])] for row in ROWS]
    model = catboost_model("Logloss", texts, TWO, cat_features=[0], feature_names=["colour", "b"])
    model.save_model(tmp_path / "m.cbm")
    with pytest.raises(NotServableError, match="categories or texts, not numbers, for colour"):
        load_model("m.cbm", (tmp_path / "m.cbm").read_bytes())
    catboost_model("MultiRMSE", ROWS, ROWS[:, :2]).save_model(tmp_path / "two.cbm")
    with pytest.raises(NotServableError, match="several numbers for a row"):
        load_model("two.cbm", (tmp_path / "two.cbm").read_bytes())


def test_catboost_where_frames_are_left_out(tmp_path: Path) -> None:
    """As in the server: pandas is there, and nothing but catboost imports it."""
    catboost_model("RMSE", ROWS, LEFT).save_model(tmp_path / "m.cbm")
    script = (
        "import sys; from pathlib import Path; import numpy; from dsflow.serving import formats\n"
        "formats.import_beforehand(); assert sys.modules['pandas'] is None\n"
        "model = formats.load_model('m', Path(sys.argv[1]).read_bytes())\n"
        "print(len(model.predict(numpy.zeros((3, 4), dtype=numpy.float32))))"
    )
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path / "m.cbm")], capture_output=True, text=True)
    assert (done.stdout, done.returncode) == ("3\n", 0), done.stderr


def catboost_model(loss: str, rows: Any, answers: Any, **pool: Any) -> Any:
    catboost = pytest.importorskip("catboost", reason="the extra catboost is not installed")
    settings = {"loss_function": loss, "iterations": 5, "verbose": False, "thread_count": 1}
    return catboost.CatBoost(settings | {"allow_writing_files": False}).fit(catboost.Pool(rows, answers, **pool))


def graph(outputs: int, *, inputs: int = 1, location: bool = False) -> bytes:
    """A linear model, with a softmax when it has several outputs; one input for the row, or one for each column."""
    onnx = pytest.importorskip("onnx", reason="the package onnx is not installed")
    pytest.importorskip("onnxruntime", reason="the extra onnx is not installed")
    helper, floats = onnx.helper, onnx.TensorProto.FLOAT
    weights = helper.make_tensor("w", floats, [4, outputs], np.arange(4 * outputs, dtype=np.float32) / 8)
    if location:
        weights.ClearField("float_data")
        weights.data_location = onnx.TensorProto.EXTERNAL
        weights.external_data.add(key="location", value="numbers.bin")
    nodes = [helper.make_node("MatMul", ["x", "w"], ["line"])]
    names = ["x"]
    if inputs > 1:
        names = list(NAMES)
        nodes.insert(0, helper.make_node("Concat", names, ["x"], axis=1))
    last = "line"
    if outputs > 1:
        nodes.append(helper.make_node("Softmax", ["line"], ["probabilities"], axis=1))
        last = "probabilities"
    made = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info(name, floats, [None, 4 // inputs]) for name in names],
        [helper.make_tensor_value_info(last, floats, [None, outputs])],
        [weights],
    )
    raw: bytes = helper.make_model(made, opset_imports=[helper.make_opsetid("", 13)], ir_version=8).SerializeToString()
    return raw


@pytest.mark.parametrize("inputs", [1, 4])
@pytest.mark.parametrize(("outputs", "task", "classes"), [(1, "regression", 0), (2, "binary", 2), (3, "multiclass", 3)])
def test_onnx(outputs: int, task: str, classes: int, inputs: int) -> None:
    found = load_model("m.onnx", graph(outputs, inputs=inputs))
    assert (found.format, found.task, found.classes, found.width) == ("onnx", task, classes, 4)
    assert found.features == (() if inputs == 1 else NAMES)
    line = ROWS @ (np.arange(4 * outputs, dtype=np.float32) / 8).reshape(4, outputs)
    shares = np.exp(line) / np.exp(line).sum(axis=1, keepdims=True)
    expected = line[:, 0] if outputs == 1 else shares[:, 1] if outputs == 2 else shares
    np.testing.assert_allclose(found.predict(ROWS), expected, rtol=1e-4)


def test_an_onnx_model_whose_numbers_lie_elsewhere_is_refused() -> None:
    with pytest.raises(NotServableError, match="another file"):
        load_model("m.onnx", graph(1, location=True))


class Trap:
    """What a pickle can be."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.mark,))


@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_a_pickle_is_refused_and_not_run(tmp_path: Path, protocol: int) -> None:
    with pytest.raises(NotServableError, match=r"pickle.*never loaded"):
        load_model("m.json", pickle.dumps(Trap(tmp_path / "ran"), protocol))
    for protocol_of_old in (0, 1):
        with pytest.raises(NotServableError):
            load_model("m.json", pickle.dumps(Trap(tmp_path / "ran"), protocol_of_old))
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        (b"", "empty"),
        (b"PK\x03\x04rest", "ZIP"),
        (b"\x1f\x8brest", "compressed"),
        (b"nothing of the kind", "neither"),
        (b"{", "not an xgboost model"),
        (b"tree\nnonsense", "not a lightgbm model"),
        (b"CBM1nonsense", "not a catboost model"),
        (b"\x08\x08nonsense", "not an ONNX model"),
    ],
)
def test_what_is_no_model(raw: bytes, told: str) -> None:
    with pytest.raises(NotServableError, match=told):
        load_model("m", raw)


class Constant(ModelFormat):
    """A format of a test: a file that holds one number, which is predicted for every row."""

    format = "constant"

    def __init__(self, value: float) -> None:
        self.value = value
        self.suffix = ".one"
        self.features = ()
        self.width = 0
        self.task = "regression"
        self.classes = 0
        self.attributes: dict[str, str] = {}
        self.details: dict[str, Any] = {}

    @classmethod
    def load(cls, name: str, raw: bytes) -> ModelFormat:
        return cls(float(raw.removeprefix(b"ONE ")))

    def predict(self, matrix: Any) -> Any:
        return np.full(len(matrix), self.value)


ADDED = Format(
    name="constant",
    reader=f"{__name__}:Constant",
    package="numpy",
    extra="serve",
    begins=lambda raw: raw.startswith(b"ONE "),
    endings=(".one",),
    files="a number",
    written_by="printf",
)


def test_a_format_is_added_by_its_class_and_its_line_in_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(formats, "FORMATS", (*FORMATS, ADDED))
    assert load_model("m", b"ONE 0.25").predict(ROWS).tolist() == [0.25] * len(ROWS)
    with pytest.raises(NotServableError, match="nor a number"):
        load_model("m", b"TWO")
    missing = replace(ADDED, package="no_such_package", extra="one")
    monkeypatch.setattr(formats, "FORMATS", (*FORMATS, missing))
    with pytest.raises(NotServableError, match="has no no_such_package") as error:
        load_model("m", b"ONE 0.25")
    assert "[one]" in str(error.value.hint)


@pytest.mark.parametrize("format", FORMATS, ids=lambda format: format.name)
def test_the_table_names_the_class(format: Format) -> None:
    pytest.importorskip(format.package)
    assert import_format(format).format == format.name
