#!/bin/bash
# xgboost 3.2.0: a model that the scikit-learn wrapper saved after it stopped early predicts otherwise when its file is
# loaded as a Booster. The wrapper takes the rounds up to best_iteration, which stands in the file as an attribute;
# Booster.predict takes all. And the wrapper's missing= is not in the file: loaded by the wrapper itself, it is forgotten.
#
# Seen:  wrapper and Booster differ: True;  Booster cut at best_iteration equal: True
#        after loading: missing = nan (was -1), predictions differ: True
#
# Needs Python 3.10 or later with pip. Ends with 1 when this changes.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
python3 -m venv v
v/bin/pip install -q xgboost-cpu==3.2.0 scikit-learn==1.7.2 numpy==2.2.6
OMP_NUM_THREADS=1 v/bin/python -W ignore - <<'PYTHON'
import sys

import numpy as np
import xgboost as xgb

rng = np.random.default_rng(0)
rows = rng.normal(size=(400, 4)).astype("float32")
answers = (rows[:, 0] + rng.normal(size=400) * 2 > 0).astype(int)
model = xgb.XGBClassifier(n_estimators=200, early_stopping_rounds=5, learning_rate=0.5, n_jobs=1)
model.fit(rows[:300], answers[:300], eval_set=[(rows[300:], answers[300:])], verbose=False)
model.save_model("m.json")
wrapper = model.predict_proba(rows)[:, 1]
booster = xgb.Booster(model_file="m.json")
whole = booster.predict(xgb.DMatrix(rows))
cut = booster.predict(xgb.DMatrix(rows), iteration_range=(0, int(booster.attr("best_iteration")) + 1))
differ, equal = not np.allclose(wrapper, whole), np.allclose(wrapper, cut)
print(f"wrapper and Booster differ: {differ};  Booster cut at best_iteration equal: {equal}")

rows[::3, 0] = -1
model = xgb.XGBClassifier(missing=-1, n_estimators=5, n_jobs=1).fit(rows, rows[:, 0] == -1)
model.save_model("m.json")
again = xgb.XGBClassifier()
again.load_model("m.json")
forgotten = not np.allclose(model.predict_proba(rows), again.predict_proba(rows))
print(f"after loading: missing = {again.missing} (was -1), predictions differ: {forgotten}")
sys.exit(0 if differ and equal and forgotten and np.isnan(again.missing) else 1)
PYTHON
