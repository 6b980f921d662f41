#!/usr/bin/env bash
# `import xgboost` imports the whole of scikit-learn where that is installed (xgboost/compat.py does, for its wrapper
# classes), and with it pandas and the rest, also for a program that only loads a Booster and predicts: a prediction
# server. In an environment that trains as well each process of it so takes twice the memory or more. Where scikit-learn
# is made to look absent before the import, a Booster loads and predicts the same.
#
# Seen with xgboost-cpu 3.2.0, scikit-learn 1.7.2, pandas 2.3.3 on Python 3.11 (Linux x86-64): 68 MB become
# 149. The script looks at the modules and at the memory. Needs Python 3.10 to 3.13 with pip.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

python3 -m venv env
env/bin/pip install -q xgboost-cpu==3.2.0 scikit-learn==1.7.2 pandas==2.3.3 numpy==2.2.6 scipy==1.15.3

cat > ask.py <<'PY'
import resource
import sys

if sys.argv[1] == "without":
    sys.modules["sklearn"] = None
import numpy as np
import xgboost

there = [name for name in ("sklearn.base", "pandas") if name in sys.modules]
size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
rows = np.arange(40, dtype=np.float32).reshape(20, 2)
booster = xgboost.train({"max_depth": 2, "seed": 1, "nthread": 1}, xgboost.DMatrix(rows, rows[:, 0]), 3)
print(",".join(there) or "none", size, booster.inplace_predict(rows).tobytes().hex())
PY
read -r with_modules with_size with_answer < <(env/bin/python ask.py with)
read -r without_modules without_size without_answer < <(env/bin/python ask.py without)
echo "with scikit-learn: $with_modules imported, $with_size MB; without: $without_modules, $without_size MB"
[ "$with_modules" = sklearn.base,pandas ] && [ "$without_modules" = none ] && [ "$with_answer" = "$without_answer" ]
[ "$((with_size * 2))" -gt "$((without_size * 3))" ]
