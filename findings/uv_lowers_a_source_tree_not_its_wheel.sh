#!/usr/bin/env bash
# uv pip install --resolution lowest-direct installs the lowest versions that a project's metadata allow, if it is given
# the project's folder. Given the wheel that was built of it, with the same metadata, it installs the newest: there the
# wheel is what is direct. So a job that tests the lower bounds of what is published, on the wheel, tests none of them,
# and is green. --resolution lowest does it, for all of the packages below as well.
#
# Seen with uv 0.13.9, a project that asks for click>=8.0.2:
#   folder: click 8.0.2; wheel: click 8.5.1; wheel with lowest: click 8.0.2
# Needs Python 3.10 or later with pip. Ends with 1 when this changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

python3 -m venv env
env/bin/pip install -q --no-compile uv==0.13.9
mkdir project
touch project/demo.py
cat > project/pyproject.toml <<'TOML'
[project]
name = "demo"
version = "1"
dependencies = ["click>=8.0.2"]
[build-system]
requires = ["setuptools==80.9.0"]
build-backend = "setuptools.build_meta"
[tool.setuptools]
py-modules = ["demo"]
TOML

uv() { env/bin/uv --quiet --no-config "$@"; }
click() { # the version of click that an installation of $2 by the strategy $1 brings
  uv venv --clear target
  uv pip install --python target/bin/python --resolution "$1" "$2"
  target/bin/python -c 'from importlib.metadata import version; print(version("click"))'
}
uv build --wheel --out-dir dist project
tree=$(click lowest-direct ./project)
wheel=$(click lowest-direct dist/demo-1-*.whl)
lowest=$(click lowest dist/demo-1-*.whl)
echo "folder: click $tree; wheel: click $wheel; wheel with lowest: click $lowest"
[ "$tree" = 8.0.2 ] && [ "$wheel" != 8.0.2 ] && [ "$lowest" = 8.0.2 ]
