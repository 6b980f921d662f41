#!/usr/bin/env bash
# apache-dolphinscheduler 4.0.4 can not be imported where setuptools is not installed, or is 82 or later: it imports
# pkg_resources, and its metadata asks for setuptools in the extra "build" only. Environments of Python 3.12 and later, and
# those that uv makes, have none.
# 4.1.0 does not import it.
#
# Seen with 4.0.4:   ModuleNotFoundError: No module named 'pkg_resources'
# Needs pip.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

python3 -m pip install --quiet --disable-pip-version-check --target packages apache-dolphinscheduler==4.0.4
if grep -iE '^Requires-Dist: setuptools[^;]*$' packages/apache_dolphinscheduler-4.0.4.dist-info/METADATA; then
  echo "changed: it asks for setuptools"
  exit 1
fi
# -S: no other installed package is seen
python3 -I -S -c 'import sys; sys.path.insert(0, "packages"); import pydolphinscheduler.core.resource_plugin' > said 2>&1 || true
tail -1 said
grep -q "No module named 'pkg_resources'" said
