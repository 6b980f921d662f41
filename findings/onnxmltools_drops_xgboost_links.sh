#!/usr/bin/env bash
# onnxmltools converts XGBoost models whose answer it then does not compute, and says nothing: a regressor with the
# objective reg:logistic or survival:cox gives the sum of its trees, without the sigmoid or the exponential that
# Booster.predict applies ("probabilities" below 0); a classifier with multi:softmax gives sums in the output named
# "probabilities" (with multi:softprob, same trees, it gives probabilities); a regressor of two targets adds the trees of
# both into the first column, and leaves the second 0. binary:logistic in a classifier and count:poisson come out right.
#
# Seen with onnxmltools 1.16.0, xgboost-cpu 3.2.0, onnxruntime 1.32.0 on Python 3.11, the greatest difference:
#   reg:logistic 2.6603, survival:cox 81.8920, multi:softmax 2.0529, two targets 2.6575
#   binary:logistic 0.0000, multi:softprob 0.0000, count:poisson 0.0000
# Needs Python 3.11 or later with pip. Ends with 1 when this changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

python3 -m venv env
env/bin/pip install -q --no-compile xgboost-cpu==3.2.0 onnxmltools==1.16.0 skl2onnx==1.20.0 onnx==1.23.2 onnxruntime==1.32.0 \
  scikit-learn==1.7.2 numpy==2.4.6
cat > compare.py <<'PY'
import sys

import numpy as np
import onnxruntime
import xgboost as xgb
from onnxmltools import convert_xgboost
from onnxmltools.convert.common.data_types import FloatTensorType

onnxruntime.set_default_logger_severity(3)
rng = np.random.default_rng(0)
rows = rng.normal(size=(600, 4)).astype("float32")
two = (rows[:, 0] + rng.normal(size=600) > 0).astype(int)
three = two + (rows[:, 1] > 0)
options = {"n_estimators": 10, "max_depth": 3, "n_jobs": 1}


def difference(model, answers):
    """The greatest difference between the converted model's last output and XGBoost's own answer, by element."""
    model.fit(rows, answers)
    own = model.predict_proba(rows) if isinstance(model, xgb.XGBClassifier) else model.predict(rows)
    converted = convert_xgboost(model, initial_types=[("rows", FloatTensorType([None, 4]))])
    session = onnxruntime.InferenceSession(converted.SerializeToString())
    other = session.run(None, {"rows": rows})[-1]
    return np.abs(other.reshape(own.shape) - own).max()


regressor, classifier = xgb.XGBRegressor, xgb.XGBClassifier
differ = {
    "reg:logistic": difference(regressor(objective="reg:logistic", **options), two),
    "survival:cox": difference(regressor(objective="survival:cox", **options), two + 1),
    "multi:softmax": difference(classifier(objective="multi:softmax", **options), three),
    "two targets": difference(regressor(**options), np.column_stack([two, rows[:, 0]])),
}
equal = {
    "binary:logistic": difference(classifier(objective="binary:logistic", **options), two),
    "multi:softprob": difference(classifier(objective="multi:softprob", **options), three),
    "count:poisson": difference(regressor(objective="count:poisson", **options), two),
}
for group in (differ, equal):
    print(", ".join(f"{name} {value:.4f}" for name, value in group.items()))
sys.exit(0 if min(differ.values()) > 0.5 and max(equal.values()) < 1e-5 else 1)
PY
OMP_NUM_THREADS=1 env/bin/python -W ignore compare.py
