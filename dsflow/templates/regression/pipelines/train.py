"""Train the model of trips: the script of the task "train". A worker needs pandas, pyarrow and xgboost.

DolphinScheduler fills in the texts in quotes below. The last 30 % of the trips by time are held out. The error is the
root mean square of what the model is off by, as a share of what the mean of the earlier trips would be off by.
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

PARAMETERS = {"objective": "reg:squarederror", "eval_metric": "rmse", "max_depth": 4, "eta": 0.1, "nthread": 1}

rows = pd.read_parquet(FEATURE_DIR.removeprefix("file://"))
rows = rows.sort_values([MOMENT, *FEATURES], ignore_index=True)
cut = int(len(rows) * 0.7)
seen = xgb.DMatrix(rows[FEATURES][:cut], rows[LABEL][:cut])
unseen = xgb.DMatrix(rows[FEATURES][cut:], rows[LABEL][cut:])

found: dict[str, dict[str, list[float]]] = {}
model = xgb.train(PARAMETERS, seen, 120, evals=[(unseen, "unseen")], evals_result=found, verbose_eval=40)
rmse = found["unseen"]["rmse"][-1]
without = ((rows[LABEL][cut:] - rows[LABEL][:cut].mean()) ** 2).mean() ** 0.5

raw = bytes(model.save_raw("json"))
path = Path(MODEL_DIR) / f"trips-{hashlib.sha256(raw).hexdigest()[:16]}.json"
path.parent.mkdir(parents=True, exist_ok=True)
path.write_bytes(raw)
try:  # the curves of `--html`: a worker without dsflow trains the same model and draws none
    from dsflow.worker.contract import write_contract
    from dsflow.worker.figures import write_regression_figures

    write_contract(str(path), rows[FEATURES][:cut], label=LABEL, kind="regression", metrics={"rmse": rmse})
    write_regression_figures(
        str(path), rows[LABEL][cut:], model.predict(unseen), model.get_score(importance_type="total_gain")
    )
except (ImportError, ValueError) as error:  # such as rows without their minutes
    print(f"no figures: {error}")
print(f"off by {rmse:.2f} minutes on {len(rows) - cut} trips that the model has not seen; their mean by {without:.2f}")
print("$" + f"{{setValue(error={rmse / without:.6f})}}")
print("$" + f"{{setValue(model_path={path})}}")
