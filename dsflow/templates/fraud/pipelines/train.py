"""Train the fraud model: the script of the task "train". A worker needs pandas, pyarrow and xgboost.

DolphinScheduler fills in the texts in quotes below. The last 30 % of the payments by time are held out: the model is
judged on payments that come after those it has seen, as it will be in service.
"""

import hashlib
from pathlib import Path

import pandas as pd
import xgboost as xgb

FEATURE_DIR = r"${feature_dir}"
MODEL_DIR = r"${model_dir}"
FEATURES = r"${features}".split(",")
LABEL = r"${label}"
MOMENT = r"${moment}"

PARAMETERS = {"objective": "binary:logistic", "eval_metric": "auc", "max_depth": 4, "eta": 0.1, "nthread": 1}

rows = pd.read_parquet(FEATURE_DIR.removeprefix("file://"))
rows = rows.sort_values([MOMENT, *FEATURES], ignore_index=True)
cut = int(len(rows) * 0.7)
seen = xgb.DMatrix(rows[FEATURES][:cut], rows[LABEL][:cut])
unseen = xgb.DMatrix(rows[FEATURES][cut:], rows[LABEL][cut:])

found: dict[str, dict[str, list[float]]] = {}
model = xgb.train(PARAMETERS, seen, 80, evals=[(unseen, "unseen")], evals_result=found, verbose_eval=20)
auc = found["unseen"]["auc"][-1]

raw = bytes(model.save_raw("json"))
path = Path(MODEL_DIR) / f"fraud-{hashlib.sha256(raw).hexdigest()[:16]}.json"
path.parent.mkdir(parents=True, exist_ok=True)
path.write_bytes(raw)
try:  # the curves of `--html`: a worker without dsflow trains the same model and draws none
    from dsflow.worker.contract import write_contract
    from dsflow.worker.figures import write_figures

    write_contract(str(path), rows[FEATURES][:cut], label=LABEL, kind="binary", classes=(0, 1), metrics={"auc": auc})
    write_figures(str(path), rows[LABEL][cut:], model.predict(unseen), model.get_score(importance_type="total_gain"))
except (ImportError, ValueError) as error:  # such as a single class among the rows held out
    print(f"no figures: {error}")
print(f"AUC {auc:.4f} on {len(rows) - cut} payments that the model has not seen")
print("$" + f"{{setValue(auc={auc:.6f})}}")
print("$" + f"{{setValue(model_path={path})}}")
