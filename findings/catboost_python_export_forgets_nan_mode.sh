#!/usr/bin/env bash
# A CatBoost model that was trained with nan_mode="Max" puts missing values above every border. Saved as Python code
# (save_model, format="python") it puts them below: the code compares with ">", which is false for NaN, and of nan_mode
# nothing is in it. The same model saved as JSON or as ONNX scores as before. With nan_mode="Min", the default, the code is
# right, so that a test with the default does not show it.
#
# Seen with catboost 1.2.10 and onnxruntime 1.32.0 on Python 3.11, the greatest difference of a raw score:
#   Min: python 0.00, json 0.00, onnx 0.00
#   Max: python 3.06, json 0.00, onnx 0.00
# Needs Python 3.11 or later with pip. Ends with 1 when this changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

python3 -m venv env
env/bin/pip install -q --no-compile onnxruntime==1.32.0 numpy==2.4.6 scipy==1.17.0 pandas==2.3.3 six==1.17.0
# what catboost asks for to draw is left out
env/bin/pip install -q --no-compile --no-deps catboost==1.2.10 2> pip.log || { cat pip.log; exit 1; }
cat > compare.py <<'PY'
import sys

import numpy as np
import onnxruntime
from catboost import CatBoostRegressor

onnxruntime.set_default_logger_severity(3)
rng = np.random.default_rng(0)
rows = rng.normal(size=(600, 4)).astype("float32")
answers = 3.0 * (rows[:, 0] + rows[:, 1] > 0.3)
rows[rng.random(rows.shape) < 0.3] = np.nan

seen = {}
for mode in ("Min", "Max"):
    model = CatBoostRegressor(iterations=20, nan_mode=mode, thread_count=1, verbose=0, allow_writing_files=False)
    own = model.fit(rows, answers).predict(rows)
    for kind in ("python", "json", "onnx"):
        model.save_model(f"model.{kind}", format=kind)
    code = {}
    with open("model.python") as file:
        exec(file.read(), code)
    session = onnxruntime.InferenceSession("model.onnx")
    others = {
        "python": np.array([code["apply_catboost_model"]([float(value) for value in row]) for row in rows]),
        "json": CatBoostRegressor().load_model("model.json", format="json").predict(rows),
        "onnx": session.run(None, {session.get_inputs()[0].name: rows})[0].ravel(),
    }
    seen[mode] = {kind: np.abs(other - own).max() for kind, other in others.items()}
    print(f"{mode}: " + ", ".join(f"{kind} {value:.2f}" for kind, value in seen[mode].items()))
wrong = seen["Max"].pop("python")
rest = max(*seen["Min"].values(), *seen["Max"].values())
sys.exit(0 if wrong > 0.5 and rest < 1e-4 else 1)
PY
env/bin/python compare.py
