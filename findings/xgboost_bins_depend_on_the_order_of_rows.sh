#!/bin/bash
# xgboost 3.2.0: the same rows in another order give another model once a feature has tens of thousands of different
# values. The bins come from a sketch that is exact for few values only, and what it drops depends on what it saw first;
# tree_method="hist" on a DMatrix and a QuantileDMatrix both do so, with one thread. It is no matter of base_score, nor of
# seeds. With ref=, a matrix whose bins are taken over, the order no longer matters.
#
# Seen:   5,000 rows: the same model in another order: True
#        50,000 rows: the same model in another order: False;  with the bins of one matrix: True
#
# Needs Python 3.10 or later with pip. Ends with 1 when this changes.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
python3 -m venv v
v/bin/pip install -q xgboost-cpu==3.2.0 numpy==2.2.6
v/bin/python - <<'PYTHON'
import sys

import numpy as np
import xgboost as xgb

SETTINGS = {"objective": "binary:logistic", "tree_method": "hist", "max_depth": 3, "nthread": 1, "base_score": 0.2}


def model(matrix):
    return bytes(xgb.train(SETTINGS, matrix, 5).save_raw("json"))


def compare(count):
    rng = np.random.default_rng(0)
    rows = rng.integers(0, count // 2, (count, 3)).astype("float32")
    answers = (rng.random(count) < 0.1 + 0.2 * (rows[:, 0] > count / 4)).astype("float32")
    order = rng.permutation(count)
    whole = xgb.QuantileDMatrix(rows, answers, nthread=1)
    kinds = [
        model(xgb.DMatrix(rows, answers)) == model(xgb.DMatrix(rows[order], answers[order])),
        model(whole) == model(xgb.QuantileDMatrix(rows[order], answers[order], nthread=1)),
    ]
    given = model(whole) == model(xgb.QuantileDMatrix(rows[order], answers[order], ref=whole, nthread=1))
    return kinds, given


few, _ = compare(5_000)
many, given = compare(50_000)
print(f" 5,000 rows: the same model in another order: {all(few)}")
print(f"50,000 rows: the same model in another order: {any(many)};  with the bins of one matrix: {given}")
sys.exit(0 if all(few) and not any(many) and given else 1)
PYTHON
