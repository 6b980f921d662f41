#!/bin/bash
# pyarrow 26.0.1: "import pyarrow.dataset" imports pandas (3.1.1) where that is installed, and takes two to three times as long
# for it, though nothing was asked of either: while the module comes to be, it makes a scalar, and making a scalar asks
# whether the value is one of pandas'. So does the first array that becomes one of numpy's, of a program that never
# names pandas. "import pyarrow" and "import pyarrow.parquet" do not.
#
# Seen:  after pyarrow: False  pyarrow.parquet: False  pyarrow.dataset: True
#        after pyarrow: False  array.to_numpy(): True
#
# Needs Python 3.11 or later with pip. Ends with 1 when this changes.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
python3 -m venv v
v/bin/pip install -q pyarrow==26.0.1 pandas==3.1.1 numpy==2.4.6
v/bin/python - <<'PYTHON'
import sys


def known():
    return "pandas" in sys.modules


import pyarrow

after = [known()]
import pyarrow.parquet

after.append(known())
import pyarrow.dataset

after.append(known())
print(f"after pyarrow: {after[0]}  pyarrow.parquet: {after[1]}  pyarrow.dataset: {after[2]}")
sys.exit(0 if after == [False, False, True] else 1)
PYTHON
v/bin/python - <<'PYTHON'
import sys

import pyarrow

before = "pandas" in sys.modules
pyarrow.array([1, 2]).to_numpy()
after = "pandas" in sys.modules
print(f"after pyarrow: {before}  array.to_numpy(): {after}")
sys.exit(0 if (before, after) == (False, True) else 1)
PYTHON
