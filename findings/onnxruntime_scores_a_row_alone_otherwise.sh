#!/usr/bin/env bash
# onnxruntime gives the same row of the same tree model another score alone than in a batch, when it has more than one
# thread: of one row it adds up the trees in parts, one part a thread, of many rows each row's trees in order, and sums
# of 32 bits depend on the order. With one thread both are the same to the bit. XGBoost, of which the model is, gives one
# answer. So a prediction service and a batch job differ where a test of equality, or a threshold, stands.
#
# Seen with onnxruntime 1.32.0, xgboost-cpu 3.2.0, onnxmltools 1.16.0 on Python 3.11, 300 trees, 600 rows (how many
# differ depends on the processor):
#   1 thread: 0 rows differ; 2 threads: 48; XGBoost with 2 threads: 0
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

rng = np.random.default_rng(0)
rows = rng.normal(size=(600, 4)).astype("float32")
answers = 3 * rows[:, 0] + 100 + rng.normal(size=600)
model = xgb.XGBRegressor(n_estimators=300, max_depth=4, n_jobs=2).fit(rows, answers)
converted = convert_xgboost(model, initial_types=[("rows", FloatTensorType([None, 4]))]).SerializeToString()


def differ(score):
    """How many rows have another score alone than in the batch of all."""
    alone = np.concatenate([score(rows[i : i + 1]) for i in range(len(rows))])
    return int((score(rows) != alone).sum())


def with_threads(threads):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(converted, options)
    return lambda part: session.run(None, {"rows": part})[0].ravel()


one, two, own = differ(with_threads(1)), differ(with_threads(2)), differ(model.predict)
print(f"1 thread: {one} rows differ; 2 threads: {two}; XGBoost with 2 threads: {own}")
sys.exit(0 if one == 0 and two > 0 and own == 0 else 1)
PY
env/bin/python -W ignore compare.py
