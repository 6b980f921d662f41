"""What doctor runs on a worker: a small workflow whose logs tell what the worker has.

The scripts print one line of JSON after a mark. They never fail by themselves: a task that fails says something about
the worker, too.
"""

from __future__ import annotations

import json
import re
from typing import Any

from dsflow.definition import Definition, JsonDict, Property, Relation, TaskDefinition

WORKFLOW = "dsflow doctor"
SHELL, PYTHON, OPENMLDB, SWITCH, TAKEN, NOT_TAKEN = "shell", "python", "openmldb", "switch", "taken", "not taken"
MARK = "DSFLOW-DOCTOR"
CONNECT_TIMEOUT = 60  # seconds for the openmldb module to find its cluster

_FACTS = re.compile(MARK + r" (\{.*\})")

# how sh calls itself is what matters: a worker's own files use bash's `source`
_SHELL_SCRIPT = r"""
sh -c 'source /dev/null' 2>/dev/null && source_works=true || source_works=false
printf 'DSFLOW-DOCTOR {"user": "%s", "sh_knows_source": %s, "python_home": "%s", "python_launcher": "%s"}\n' \
    "$(id -un)" "$source_works" "$PYTHON_HOME" "$PYTHON_LAUNCHER"
"""

_PYTHON_SCRIPT = r'''
import importlib
import json
import os
import shutil
import subprocess
import sys

CONNECT = """
import json
import openmldb
import sqlalchemy
found = {}
try:
    engine = sqlalchemy.create_engine("openmldb:///?zk=" + ZK + "&zkPath=" + ZK_PATH)
    connection = engine.connect()
    found["connected"] = True
    connection.execute("SELECT 1")
    found["select"] = True
    found["components"] = [[str(v) for v in row] for row in connection.execute("SHOW COMPONENTS").fetchall()]
except Exception as error:
    found["error"] = type(error).__name__ + ": " + str(error).strip()
print("CONNECTED " + json.dumps(found))
"""


def version(name):
    try:
        module = importlib.import_module(name)
        return {"version": str(getattr(module, "__version__", "")), "file": str(getattr(module, "__file__", ""))}
    except BaseException as error:
        return {"error": type(error).__name__ + ": " + str(error)}


def connect(python):
    head = "ZK, ZK_PATH = " + repr((OPTIONS["zookeeper"], OPTIONS["zookeeper_path"])) + "\n"
    try:
        done = subprocess.run(
            [python, "-c", head + CONNECT], capture_output=True, text=True, timeout=OPTIONS["timeout"]
        )
    except subprocess.TimeoutExpired:
        return {"error": "no answer within %d s" % OPTIONS["timeout"]}
    for line in done.stdout.splitlines():
        if line.startswith("CONNECTED "):
            return json.loads(line[len("CONNECTED "):])
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    return {"error": lines[-1] if lines else "it ended with code %d" % done.returncode}


def free(path):
    while not os.path.isdir(path) and os.path.dirname(path) != path:
        path = os.path.dirname(path)
    return {"path": path, "free": shutil.disk_usage(path).free, "writable": os.access(path, os.W_OK)}


python3 = os.path.join(os.path.dirname(sys.executable), "python3")
found = {
    "executable": sys.executable,
    "version": sys.version.split()[0],
    "python3": python3 if os.path.exists(python3) else "",
    "modules": {name: version(name) for name in ("openmldb", "sqlalchemy", "pandas", "pyarrow", "sklearn", "xgboost")},
    "folders": [free(path) for path in OPTIONS["folders"]],
}
if "error" not in found["modules"]["openmldb"] and "error" not in found["modules"]["sqlalchemy"]:
    found["openmldb"] = connect(found["python3"] or sys.executable)
print("DSFLOW-DOCTOR " + json.dumps(found), flush=True)
'''


_ASK_SCRIPT = "echo '${setValue(answer=yes)}'\n"
_BRANCH = {"condition": '${answer} == "yes"', "nextNode": TAKEN}


def worker_workflow(project: str, *, zookeeper: str, zookeeper_path: str, folders: list[str]) -> Definition:
    """The workflow.

    Args:
        folders: whose free space is asked for.
    """
    options = {
        "zookeeper": zookeeper,
        "zookeeper_path": zookeeper_path,
        "folders": folders,
        "timeout": CONNECT_TIMEOUT,
    }
    tasks = (
        _task(SHELL, "SHELL", rawScript=_SHELL_SCRIPT),
        _task(PYTHON, "PYTHON", rawScript=f"OPTIONS = {options!r}\n" + _PYTHON_SCRIPT),
        _task(
            OPENMLDB, "OPENMLDB", zk=zookeeper, zkPath=zookeeper_path, executeMode="online", sql="SELECT 1",
        ),
        TaskDefinition(
            "ask", "SHELL",
            {"rawScript": _ASK_SCRIPT, "resourceList": [],
             "localParams": [Property("answer", "OUT", "VARCHAR").to_dict()]},
        ),
        _task(
            SWITCH, "SWITCH",
            switchResult={"dependTaskList": [_BRANCH], "nextNode": NOT_TAKEN},
        ),
        _task(TAKEN, "SHELL", rawScript="true"),
        _task(NOT_TAKEN, "SHELL", rawScript="true"),
    )  # fmt: skip
    relations = (Relation("ask", SWITCH), Relation(SWITCH, TAKEN), Relation(SWITCH, NOT_TAKEN))
    return Definition(project, WORKFLOW, tasks, relations, description="made and deleted by dsflow doctor")


def _task(name: str, kind: str, **params: Any) -> TaskDefinition:
    return TaskDefinition(name, kind, {"localParams": [], "resourceList": [], **params})


def facts(log: str) -> JsonDict | None:
    """What a script printed, or None when it did not get so far."""
    for match in _FACTS.finditer(log):
        try:
            found = json.loads(match[1])
        except ValueError:
            continue
        if isinstance(found, dict):
            return found
    return None


def last_error(log: str) -> str:
    """The line of a failed task's log that says most."""
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    telling = [line for line in lines if re.search(r"(error|exception|not found|denied|unknown|no such)", line, re.I)]
    useful = [line for line in telling if not line.startswith(("at ", "[INFO]")) and "[INFO]" not in line]
    return (useful or telling or lines or ["its log is empty"])[-1][-300:]
