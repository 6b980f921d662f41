"""ONNX, by onnxruntime: one matrix of numbers in, and a number, or probabilities of classes, out.

ONNX files carry no names of columns: they stand in the contract beside the model, or each column is an input of the
graph by its own name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from dsflow.serving.errors import NotServableError
from dsflow.serving.formats.base import ModelFormat, Task

_TYPES: Mapping[str, Any] = {
    "tensor(float)": np.float32,
    "tensor(double)": np.float64,
    "tensor(int64)": np.int64,
    "tensor(int32)": np.int32,
}
_HINT = "give the graph one input of shape [rows, columns], or one of shape [rows, 1] for each column"
# An entry "location" of external_data: the numbers lie in another file, which nobody has looked at.
_ELSEWHERE = b"\x0a\x08location"


class OnnxModel(ModelFormat):
    """A session of onnxruntime on one thread."""

    format: ClassVar[str] = "onnx"
    takes_missing: ClassVar[bool] = False  # what a graph makes of NaN, only its author knows

    def __init__(self, name: str, raw: bytes) -> None:
        import onnxruntime

        if _ELSEWHERE in raw:
            raise NotServableError(
                f"the model {name} keeps its numbers in another file", hint="save it as one file, without external data"
            )
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 4
        try:
            session = onnxruntime.InferenceSession(raw, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime's errors have no base of their own
            told = str(error).splitlines()[0][:300]
            raise NotServableError(f"{name} is not an ONNX model: {told}", hint="export it again") from error
        self.session = session
        inputs = session.get_inputs()
        other = [f"{each.name} ({each.type})" for each in inputs if each.type not in _TYPES]
        if other or not inputs:
            raise NotServableError(
                f"the model {name} takes {', '.join(other) or 'nothing'}, not numbers",
                hint="encode texts in the feature query, and export the model with numeric inputs",
            )
        self._inputs = [(each.name, _TYPES[each.type]) for each in inputs]
        shape = inputs[0].shape
        if len(inputs) == 1 and len(shape) == 2 and shape[1] != 1:
            self.features = ()
            self.width = shape[1] if isinstance(shape[1], int) else 0
        elif all(len(each.shape) == 2 and each.shape[1] == 1 for each in inputs):
            self.features = tuple(each.name for each in inputs)
            self.width = len(inputs)
        else:
            raise NotServableError(f"the model {name} takes inputs of another shape than a table's", hint=_HINT)
        self._output, self.task, self.classes = self._find_output(name)
        self.suffix = ".onnx"
        about = session.get_modelmeta()
        self.attributes = {str(k): str(v) for k, v in about.custom_metadata_map.items()}
        self.details: Mapping[str, Any] = {}

    def _find_output(self, name: str) -> tuple[str, Task, int]:
        outputs = self.session.get_outputs()
        floats = [each for each in outputs if each.type in ("tensor(float)", "tensor(double)")]
        labels = [each for each in outputs if each.type in ("tensor(int64)", "tensor(string)")]
        if not floats:
            zipped = any(each.type.startswith("seq(map") for each in outputs)
            raise NotServableError(
                f"the model {name} gives {', '.join(each.type for each in outputs)}, not a tensor of numbers",
                hint="export it with zipmap=False" if zipped else "export it with its probabilities as an output",
            )
        chosen = next((each for each in floats if "prob" in each.name.lower()), floats[0])
        width = chosen.shape[1] if len(chosen.shape) == 2 else 1
        if not isinstance(width, int):
            # the file does not say how many: ask it
            rows = 1 if self.width == 0 else self.width
            width = int(np.atleast_2d(self._run(chosen.name, np.zeros((1, rows), dtype=np.float32))).shape[-1])
        if width == 1:
            return chosen.name, "binary" if labels else "regression", 2 if labels else 0
        if width == 2:
            return chosen.name, "binary", 2
        return chosen.name, "multiclass", width

    @classmethod
    def load(cls, name: str, raw: bytes) -> OnnxModel:
        return cls(name, raw)

    def predict(self, matrix: NDArray[np.float32]) -> NDArray[Any]:
        found = np.asarray(self._run(self._output, matrix))
        if found.ndim == 2 and found.shape[1] == 1:
            return found[:, 0]
        return found[:, 1] if self.task == "binary" and found.ndim == 2 else found

    def _run(self, output: str, matrix: NDArray[np.float32]) -> Any:
        if self.features:
            fed = {
                name: matrix[:, [column]].astype(kind, copy=False) for column, (name, kind) in enumerate(self._inputs)
            }
        else:
            name, kind = self._inputs[0]
            fed = {name: matrix.astype(kind, copy=False)}
        try:
            return self.session.run([output], fed)[0]
        except Exception as error:  # onnxruntime's errors have no base of their own
            raise ValueError(str(error).splitlines()[0][:300]) from error
