"""Steps of a local run that are taken from the run before, because nothing that they read or made has changed.

A step is what the user declared as one task, with all its nodes. When it has ended well, what went into it and what
came of it is written down beside the state; when its turn comes again, both are compared with what is there now:

- its statements and scripts, with each value that is filled in, and dsflow's version;
- of an OPENMLDB step: the tables and deployments that its statements name, by what they hold, and its files;
- of a script, of which nobody knows what it reads: the steps before it, which must themselves be those of then; the
  files and folders whose absolute paths stand in its text, its values or its outputs; the variables of the environment
  that it names; and the Python that runs it.

What was made must still be as the step left it. So it does not matter who changed what, or how: another program, an
edited folder, a run that failed or was killed. A step with an HTTP task, and a script that speaks to OpenMLDB, deal
with what cannot be looked at: they are always run, as are switches and conditions, which cost nothing.
"""

from __future__ import annotations

import ast
import hashlib
import json
import os
import re
import sys
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dsflow._version import VERSION
from dsflow.declare.encoding import decode
from dsflow.declare.tasks import type_of
from dsflow.definition import Definition, TaskDefinition
from dsflow.errors import DsflowError
from dsflow.local.files import FileState, TooManyFiles, is_same, state_of
from dsflow.local.folders import folder_name
from dsflow.local.footprint import Contents, Footprint, NotUnderstood, Thing, files_of, footprint_of
from dsflow.local.values import typed
from dsflow.outputs import decoded
from dsflow.placeholders import Series
from dsflow.report import SUCCESS

FORMAT = 1

_PATH = re.compile(r"(/[^/\s'\"`;|&<>()${},:=*?\[\]\\][^\s'\"`;|&<>()${},:=*?\[\]\\]*)")
_VARIABLE = re.compile(r"\b[A-Z_][A-Z0-9_]{2,}\b")
_NAMES = re.compile(r"\$\{([^{}]*)\}")
_SCRIPTS = frozenset({"PYTHON", "SHELL"})

Fill = Callable[[str], str]


class _NotReusable(Exception):
    """Nobody can tell whether the step would do the same again; the message is for the user, '' when it is no news."""


@dataclass(frozen=True)
class Past:
    """How a node ended in an earlier run.

    Attributes:
        run: the folder's name of that run.
        outputs: what its script set, as its text, for each series.
        taken, passed: of a switch.
    """

    run: str
    outputs: Mapping[Series, Mapping[str, str]]
    taken: tuple[str, ...] = ()
    passed: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        outputs = {_word(series): dict(values) for series, values in self.outputs.items()}
        return {"outputs": outputs, "taken": list(self.taken), "passed": list(self.passed)}

    @classmethod
    def from_dict(cls, run: str, data: Mapping[str, Any]) -> Past:
        outputs = {_series(word): dict(values) for word, values in data["outputs"].items()}
        return cls(run, outputs, tuple(data["taken"]), tuple(data["passed"]))


@dataclass
class _Step:
    """A step of this run.

    Attributes:
        nodes: their names, from the first to the last.
        parts: what went into it, as digests.
        things: what OpenMLDB held of what it only reads, when it began.
        inputs: likewise of the files.
        ended: its nodes' endings so far.
        past: of a step that is taken from an earlier run: its nodes then.
        made: the same as long as it is not run again.
    """

    name: str
    nodes: tuple[str, ...]
    parts: dict[str, str] = field(default_factory=dict)
    footprint: Footprint | None = None
    things: dict[Thing, str] = field(default_factory=dict)
    inputs: dict[str, FileState] = field(default_factory=dict)
    paths: list[str] = field(default_factory=list)
    ended: dict[str, Past] = field(default_factory=dict)
    past: dict[str, Past] | None = None
    made: str = ""
    why: str = ""
    reusable: bool = False
    failed: bool = False


class Reuse:
    """What a local run takes from the runs before it on the same state.

    Args:
        state: the state's folder.
        definition: what runs.
        steps: by name, the names of each step's nodes.
        openmldb_url: the embedded OpenMLDB, '' when there is none.
        run: the name of this run's folder.
        running: the nodes that this run is about; None: all.
        fresh: take nothing; what is run is written down all the same.
    """

    def __init__(
        self,
        state: Path,
        definition: Definition,
        steps: Mapping[str, Sequence[str]],
        openmldb_url: str,
        run: str,
        *,
        running: frozenset[str] | None = None,
        fresh: bool = False,
    ) -> None:
        self._state = state
        self._folder = state / "steps"
        self._definition = definition
        self._run = run
        self._fresh = fresh
        self._running = running
        self._contents = Contents(openmldb_url)
        self._steps = {name: _Step(name, tuple(nodes)) for name, nodes in steps.items()}
        self._of = {node: step for step in self._steps.values() for node in step.nodes}

    def begin(self, node: str, fill: Callable[[TaskDefinition], Fill], series: Sequence[Series]) -> Past | None:
        """A node's turn has come: how it ended before, or None when it is to be run.

        Args:
            fill: gives of a task what puts the values that are known now into a text.
            series: those that the run follows.
        """
        step = self._of.get(node)
        if step is None:
            return None
        if node == step.nodes[0]:
            self._decide(step, fill, series)
        return step.past.get(node) if step.past is not None else None

    def why(self, node: str) -> str:
        """Why a step that has been run before is run again; '' when there is nothing to say."""
        step = self._of.get(node)
        return step.why if step is not None and node == step.nodes[0] else ""

    def ended(self, node: str, state: str, past: Past) -> None:
        """A node was run and has ended."""
        step = self._of.get(node)
        if step is None or step.past is not None:
            return
        if state != SUCCESS:
            step.failed = True
            return
        step.ended[node] = past
        if node == step.nodes[-1] and not step.failed:
            self._write(step)

    # -- decision ----------------------------------------------------------------------------------------------------

    def _decide(self, step: _Step, fill: Callable[[TaskDefinition], Fill], series: Sequence[Series]) -> None:
        file = self._file(step.name)
        before = _read(file)
        if "parts" not in before:
            before = {}
        step.made = uuid.uuid4().hex
        try:
            self._take_stock(step, fill, series)
            step.reusable = True
            step.why = self._difference(step, before)
        except (_NotReusable, NotUnderstood, TooManyFiles, OSError, DsflowError) as error:
            step.why = str(error) if isinstance(error, _NotReusable) else ""
            before = {}
        if before and not step.why and not self._fresh:
            with suppress(DsflowError, LookupError):  # somebody has edited the record
                step.past = self._taken(before)
                step.made = before["made"]
                return
        if not before or self._fresh:
            step.why = ""
        # from here on what the step has made may be half done: nobody may take it for whole
        file.unlink(missing_ok=True)

    def _taken(self, record: Mapping[str, Any]) -> dict[str, Past]:
        nodes = {name: Past.from_dict(record["run"], data) for name, data in record["nodes"].items()}
        for name, past in nodes.items():
            for values in past.outputs.values():
                typed(self._definition.task(name), {key: decoded(text) for key, text in values.items()})
        return nodes

    def _take_stock(self, step: _Step, fill: Callable[[TaskDefinition], Fill], series: Sequence[Series]) -> None:
        """What goes into the step now."""
        tasks = [self._definition.task(name) for name in step.nodes]
        kinds = {task.task_type for task in tasks}
        if not kinds <= {"OPENMLDB", "SWITCH", *_SCRIPTS} or not kinds & {"OPENMLDB", *_SCRIPTS}:
            raise _NotReusable
        step.parts["dsflow"] = f"{VERSION} {' '.join(map(_word, series))}"
        own = {p.prop for task in tasks for p in task.local_params if p.direct == "OUT"}
        texts: dict[str, list[str]] = {}
        values: list[str] = []
        for task in tasks:
            put = fill(task)
            raw = [text for text in _texts(task.task_params) if text]
            texts[task.name] = [put(text) for text in raw]
            step.parts[f"text {task.name}"] = _digest([task.task_type, task.task_params])
            step.parts[f"filled {task.name}"] = _digest(texts[task.name])
            for name in {name for text in raw for name in _NAMES.findall(text)} - own:
                values.append(put(f"${{{name}}}"))
                step.parts[f"value {name}"] = _digest(values[-1])
        statements = [(task, put) for task, put in ((t, fill(t)) for t in tasks) if task.task_type == "OPENMLDB"]
        if statements:
            step.footprint = Footprint()
            for task, put in statements:
                sql = decode(put(task.task_params["sql"]))
                step.footprint += footprint_of(sql, task.task_params["executeMode"])
            step.things = self._contents.of(sorted(step.footprint.reads))
            step.inputs = self._look(map(str, files_of(step.footprint.files_in)))
            step.paths = [_local(path) for path in step.footprint.files_out]
            return
        script = "\n".join(text for found in texts.values() for text in found)
        if any(
            _asks_openmldb(t.task_type, fill(t)(t.task_params["rawScript"])) for t in tasks if t.task_type in _SCRIPTS
        ):
            raise _NotReusable
        for before in self._ancestors(step):
            step.parts[f"step {before.name}"] = before.made
        named = sorted({name for name in _VARIABLE.findall(script) if name in os.environ})
        step.parts["environment"] = _digest([[name, os.environ[name]] for name in named])
        if "PYTHON" in kinds:
            step.parts["python"] = _digest(_python())
        step.paths = sorted(_paths([script], values))

    def _difference(self, step: _Step, before: Mapping[str, Any]) -> str:
        """What has changed since; '' for nothing, and where there is no before."""
        if not before:
            return ""
        if said := _differing(step.parts, before["parts"], step):
            return said
        for path, then in before["inputs"].items():
            if not self._same(path, then):
                return f"{_short(path)} changed"
        if set(before["inputs"]) != set(step.inputs):
            return "there are other files"
        then = {Thing(*words): text for *words, text in before["things"]}
        now = {**step.things, **self._contents.of(sorted(set(then) - set(step.things)))}
        for thing, text in then.items():
            if now[thing] != text:
                return f"{thing} changed" if now[thing] else f"{thing} is not there"
        for path, made in before["made files"].items():
            if not self._same(path, made):
                return f"{_short(path)} changed" if Path(path).exists() else f"{_short(path)} is not there"
        return ""

    def _ancestors(self, step: _Step) -> list[_Step]:
        """The steps that lie before it, near or far; of those that this run did not come to, what is known of them."""
        found: set[str] = set()
        waiting = list(step.nodes)
        while waiting:
            for before in self._definition.upstream(waiting.pop()):
                if before not in found:
                    found.add(before)
                    waiting.append(before)
        steps = {self._of[node].name: self._of[node] for node in found if node in self._of}
        steps.pop(step.name, None)
        for other in steps.values():
            if not other.made and self._running is not None and other.nodes[0] not in self._running:
                other.made = _read(self._file(other.name)).get("made", "")
        return [steps[name] for name in sorted(steps) if steps[name].made and self._has_effects(steps[name])]

    def _has_effects(self, step: _Step) -> bool:
        return any(not type_of(self._definition.task(node).task_type).steers for node in step.nodes)

    # -- what is kept ------------------------------------------------------------------------------------------------

    def _write(self, step: _Step) -> None:
        """Write a step's record; without what was looked at, it is run again, and ``--from`` finds its outputs."""
        record = {
            "format": FORMAT,
            "run": self._run,
            "made": step.made,
            "nodes": {name: past.to_dict() for name, past in step.ended.items()},
        }
        if step.reusable:
            with suppress(_NotReusable, OSError, DsflowError):
                record |= self._seen(step)
        file = self._file(step.name)
        temporary = file.with_name(f".{file.name}.{os.getpid()}.tmp")
        try:
            self._folder.mkdir(exist_ok=True)
            temporary.write_text(json.dumps(record, ensure_ascii=False), encoding="utf-8")
            os.replace(temporary, file)
        except OSError:
            temporary.unlink(missing_ok=True)  # a full disk: the step has ended well all the same, and runs again

    def _seen(self, step: _Step) -> dict[str, Any]:
        """What a step's record is compared by."""
        for path, state in step.inputs.items():
            if not self._same(path, state):
                raise _NotReusable  # it changed while it was read
        footprint = step.footprint or Footprint()
        things = self._contents.of(footprint.things)
        if any(things[thing] != text for thing, text in step.things.items()):
            raise _NotReusable
        outputs = [text for past in step.ended.values() for values in past.outputs.values() for text in values.values()]
        return {
            "parts": step.parts,
            "inputs": step.inputs,
            "things": [[thing.kind, thing.db, thing.name, text] for thing, text in things.items()],
            "made files": self._look(sorted({*step.paths, *_paths(outputs, outputs)})),
        }

    def _look(self, paths: Iterable[str]) -> dict[str, FileState]:
        try:
            return {path: state_of(Path(path), self._without(path)) for path in paths}
        except TooManyFiles as error:
            raise _NotReusable(f"{error} holds too many files to look at") from None

    def _same(self, path: str, then: FileState) -> bool:
        try:
            return is_same(Path(path), then, self._without(path))
        except (OSError, TooManyFiles, LookupError, TypeError):
            return False  # it cannot be read, or the record is damaged

    def _without(self, path: str) -> Path | None:
        """The state itself is no part of a folder that it happens to lie in."""
        return self._state if Path(path) in self._state.parents else None

    def _file(self, step: str) -> Path:
        return self._folder / f"{folder_name(step)}.json"


def earlier_outputs(state: Path, step: str) -> Mapping[str, Past]:
    """How the nodes of a step ended when it was last run to its end; empty when it was not."""
    record = _read(state / "steps" / f"{folder_name(step)}.json")
    return {node: Past.from_dict(record["run"], data) for node, data in record["nodes"].items()} if record else {}


def _read(file: Path) -> dict[str, Any]:
    """A step's record; one that is not there, of another form or damaged counts as none."""
    try:
        record = json.loads(file.read_text(encoding="utf-8"))
        if record["format"] != FORMAT or not isinstance(record["made"], str):
            return {}
        for data in record["nodes"].values():
            Past.from_dict(record["run"], data)
        for *words, _ in record.get("things", ()):
            Thing(*words)
        if not all(isinstance(record.get(key, {}), dict) for key in ("parts", "inputs", "made files")):
            return {}
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return {}
    return dict(record)


def _differing(now: Mapping[str, str], then: Mapping[str, str], step: _Step) -> str:
    changed = [name for name in (*now, *(n for n in then if n not in now)) if now.get(name) != then.get(name)]
    for kind, say in _SAID:
        if names := [name.partition(" ")[2] for name in changed if name.partition(" ")[0] == kind]:
            return say(sorted(names), step)
    return "what goes into it changed" if changed else ""


_SAID: tuple[tuple[str, Callable[[list[str], _Step], str]], ...] = (
    ("dsflow", lambda names, step: "another dsflow, or another version of DolphinScheduler to be like"),
    ("text", lambda names, step: "its statements changed" if step.footprint is not None else "its script changed"),
    ("value", lambda names, step: f"{', '.join(names)} changed"),
    ("step", lambda names, step: f"{', '.join(names)} ran again"),
    ("python", lambda names, step: "the Python that runs it changed, or its packages"),
    ("environment", lambda names, step: "a variable of the environment changed"),
    ("filled", lambda names, step: "a time in it is another"),
)


def _asks_openmldb(kind: str, script: str) -> bool:
    """Whether a script speaks to OpenMLDB itself, so that nobody can tell what it read there; also when in doubt."""
    if kind == "SHELL":
        return bool(re.search(r"\bopenmldb\b", re.sub(r"(?m)(?:^|\s)#.*$", "", script)))
    try:
        tree = ast.parse(script)
    except (SyntaxError, ValueError):
        return True
    for node in ast.walk(tree):
        if isinstance(node, ast.Import) and any(name.name.partition(".")[0] == "openmldb" for name in node.names):
            return True
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "openmldb":
            return True
        text = node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""
        if text == "openmldb" or re.search(r"\bopenmldb(?:://|\.dbapi)", text):
            return True
    return False


def _paths(texts: Iterable[str], values: Iterable[str]) -> set[str]:
    """The absolute paths that stand in texts; a value as a whole may be one too, with blanks in it."""
    found = {match[1].rstrip(".") for text in texts for match in _PATH.finditer(text)}
    return found | {value.removeprefix("file:") for value in values if value.removeprefix("file:").startswith("/")}


def _texts(value: object) -> Iterator[str]:
    """All texts in a task's parameters."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)


def _python() -> list[object]:
    """The interpreter, and where its packages are: an installation or an upgrade changes these folders."""
    folders = [Path(entry) for entry in sys.path if Path(entry).name in ("site-packages", "dist-packages")]
    return [sys.executable, sys.version, [[str(f), f.stat().st_mtime_ns] for f in folders if f.is_dir()]]


def _local(path: str) -> str:
    from dsflow.embedded.sources import local_path

    return local_path(path)


def _short(path: str) -> str:
    return path if len(path) <= 40 else "…" + path[-39:]


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()[:32]


def _word(series: Series) -> str:
    return ".".join(map(str, series))


def _series(word: str) -> Series:
    major, minor = word.split(".")
    return int(major), int(minor)
