"""Workflows as YAML: written from a Definition, and read as the workflow that the Python API would make.

A file holds one workflow, or several as documents divided by ``---``::

    workflow: nightly
    project: demo
    params: {min_auc: 0.7, day: {value: "3", type: INTEGER}}
    schedule: {cron: "0 0 2 * * ? *", timezone: Asia/Shanghai}
    tasks:
      train:
        type: Python
        file: train.py
        outputs: {auc: float}
      check:
        type: Switch
        branches:
          - {if: "${auc} >= ${min_auc}", then: deploy}
        otherwise: reject
      deploy: {type: Shell, script: ./deploy.sh}
      reject: {type: Shell, script: exit 1}
    edges:
      - [train, check]

Every field is called as in Python (:class:`dsflow.Shell`, :class:`dsflow.Workflow`, ...). A local parameter whose value
is ``${name}`` of a parameter or an output has that one's type. An edge is a chain; a list inside it stands for several
tasks side by side. ``when`` and ``on`` hold ``all_of`` and ``any_of`` groups of ``{succeeded: task}``,
``{failed: task}`` and ``{workflow: ..., task: ..., project: ..., date: ...}``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields as dataclass_fields
from datetime import date, datetime
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from dsflow.declare.params import PLACEHOLDER, property_type
from dsflow.declare.schedule import Schedule
from dsflow.declare.tasks import CLASSES
from dsflow.declare.tasks.base import PYTHON_ONLY
from dsflow.declare.workflow import Workflow
from dsflow.declare.written import Branch, DependsOn, Ended, Group, ParamRef, TaskRef, TypedParam
from dsflow.definition import Definition
from dsflow.errors import DeclarationError, DsflowError, SourceLocation, did_you_mean
from dsflow.source.build import build
from dsflow.source.declaration import TaskDeclaration, WorkflowDeclaration
from dsflow.source.errors import SourceError
from dsflow.source.from_definition import declare, differences
from dsflow.source.pydolphinscheduler import is_pydolphinscheduler, refusal

if TYPE_CHECKING:
    import yaml

PYTHON_TYPES = {"str": str, "int": int, "float": float, "bool": bool}
_TASK_FIELDS = frozenset({"success", "failure", "otherwise"})
_MOMENT = "%Y-%m-%d %H:%M:%S"
_OWN_WORKFLOW_FIELDS = frozenset({"workflow", "tasks", "edges"})


# ------------------------------------------------------------------ writing


def yaml_source(definitions: Sequence[Definition]) -> str:
    """YAML that declares these workflows.

    What it says when it is read is compared with the Definitions before it is given out.

    Raises:
        SourceError: one cannot be declared, or not exactly.
    """
    text = "---\n".join(_dump(_document(declare(definition))) for definition in definitions)
    for definition, declaration in zip(definitions, read_declarations(text, "the YAML text"), strict=True):
        try:
            left = differences(definition, build(declaration).definition())
        except DsflowError as error:
            raise SourceError(f"the YAML of workflow {definition.name!r} does not compile: {error}") from error
        if left:
            raise SourceError(
                f"the YAML of workflow {definition.name!r} would not declare it exactly:"
                + "".join(f"\n  - {line}" for line in left)
            )
    return text


def rendered_yaml(definition: Definition) -> str:
    """The Definition itself as YAML, every field of it; :func:`load_yaml` reads that too."""
    return _dump(definition.to_dict())


def _document(declaration: WorkflowDeclaration) -> dict[str, Any]:
    from dsflow.source.python import chains

    fields = dict(declaration.fields)
    document: dict[str, Any] = {"workflow": declaration.name, "project": declaration.project}
    if "description" in fields:
        document["description"] = fields.pop("description")
    if declaration.params:
        document["params"] = _Lines((name, _param_out(value)) for name, value in declaration.params.items())
    if declaration.schedule:
        document["schedule"] = {
            name: value.strftime(_MOMENT) if isinstance(value, datetime) else value
            for name, value in declaration.schedule.items()
        }
    document |= fields
    document["tasks"] = {task.name: _task_out(declaration, task) for task in declaration.tasks}
    if declaration.edges:
        found = chains(declaration, [task.name for task in declaration.tasks])
        document["edges"] = [_Line(link[0] if len(link) == 1 else link for link in chain) for chain in found]
    return document


class _Line(list[Any]):
    """A list that is written on one line."""


class _Lines(dict[str, Any]):
    """A mapping with a line for each of its names."""


def _param_out(value: Any) -> Any:
    if not isinstance(value, TypedParam):
        return value
    options = {"type": value.type, "local": value.local, "description": value.description or None}
    return {"value": value.default} | {k: v for k, v in options.items() if v is not None}


def _task_out(declaration: WorkflowDeclaration, task: TaskDeclaration) -> dict[str, Any]:
    return {"type": task.kind} | {name: _out(declaration, name, value) for name, value in task.fields.items()}


def _out(declaration: WorkflowDeclaration, name: str, value: Any) -> Any:
    if isinstance(value, TaskRef):
        return value.name
    if name == "branches":
        return [{"if": b.condition, "then": b.task.name} for b in value]
    if name in ("when", "on"):
        return [
            {"all_of" if g.relation == "AND" else "any_of": [_item_out(declaration, i) for i in g.items]} for g in value
        ]
    if name == "outputs":
        return {key: kind if isinstance(kind, str) else kind.__name__ for key, kind in value.items()}
    if name == "params":
        return {
            key: f"${{{item.name}}}" if isinstance(item, ParamRef) else _param_out(item) for key, item in value.items()
        }
    return value


def _item_out(declaration: WorkflowDeclaration, item: Ended | DependsOn) -> dict[str, str]:
    if isinstance(item, Ended):
        return {"succeeded" if item.status == "SUCCESS" else "failed": item.task.name}
    options = {
        "task": item.task or None,
        "project": item.project if item.project != declaration.project else None,
        "date": item.date if item.date != "today" else None,
    }
    return {"workflow": item.workflow} | {k: v for k, v in options.items() if v is not None}


def _dump(document: Mapping[str, Any]) -> str:
    import yaml

    class Dumper(yaml.SafeDumper):
        def increase_indent(self, flow: bool = False, indentless: bool = False) -> Any:
            return super().increase_indent(flow, False)

        def ignore_aliases(self, data: Any) -> bool:
            return True

    def text(dumper: yaml.SafeDumper, data: str) -> Any:
        # a trailing blank in a line makes the emitter fall back to quotes by itself
        odd = any(not c.isprintable() and c not in "\n\t" for c in data)  # some of them are line ends to YAML
        style = '"' if odd else "|" if "\n" in data else None
        return dumper.represent_scalar("tag:yaml.org,2002:str", data, style=style)

    def line(dumper: yaml.SafeDumper, data: _Line) -> Any:
        return dumper.represent_sequence("tag:yaml.org,2002:seq", data, flow_style=True)

    Dumper.add_representer(str, text)

    def lines(dumper: yaml.SafeDumper, data: _Lines) -> Any:
        return dumper.represent_mapping("tag:yaml.org,2002:map", data, flow_style=False)

    Dumper.add_representer(_Line, line)
    Dumper.add_representer(_Lines, lines)
    options: dict[str, Any] = {"sort_keys": False, "allow_unicode": True, "width": 120, "default_flow_style": None}
    result: str = yaml.dump(dict(document), Dumper=Dumper, **options)
    return result


# ------------------------------------------------------------------ reading


def task_fields(kind: str) -> set[str]:
    """The fields that a task of a type can have in YAML."""
    given = {field.name for field in dataclass_fields(CLASSES[kind]) if not field.metadata.keys() & PYTHON_ONLY.keys()}
    return given - {"name", "_", "where", "workflow"}


def load_yaml(path: Path) -> list[Workflow]:
    """The workflows that a YAML file declares, in order.

    Raises:
        DeclarationError: it is not readable, no valid YAML, or says something that cannot be; with file and line.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise DeclarationError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise DeclarationError(f"{path} is not UTF-8 text (byte {error.start})") from error
    return [build(declaration) for declaration in read_declarations(text, str(path))]


def read_declarations(text: str, file: str) -> list[WorkflowDeclaration]:
    """What a YAML text declares.

    Args:
        file: what to call it in errors.

    Raises:
        DeclarationError: it is no valid YAML, or says something that cannot be.
    """
    import yaml

    try:
        nodes = [node for node in yaml.compose_all(text, Loader=yaml.SafeLoader) if node is not None]
        if len(nodes) == 1 and is_pydolphinscheduler(text):
            raise refusal(file)
        return [_Document(file, node).read() for node in nodes]
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = SourceLocation(file, mark.line + 1) if mark else file
        raise DeclarationError(f"not valid YAML: {error.problem}", where=where) from error
    except yaml.YAMLError as error:
        raise DeclarationError(f"not valid YAML: {error}", where=file) from error


class _Document:
    """One workflow of a file."""

    def __init__(self, file: str, node: yaml.Node) -> None:
        self.file = file
        self.node = node
        self.params: dict[str, Any] = {}
        self.outputs: dict[str, str] = {}

    # -- nodes -------------------------------------------------------------------------------------------------------

    def at(self, node: yaml.Node) -> SourceLocation:
        return SourceLocation(self.file, node.start_mark.line + 1)

    def fail(self, node: yaml.Node, message: str, hint: str | None = None) -> NoReturn:
        raise DeclarationError(message, where=self.at(node), hint=hint)

    def mapping(self, node: yaml.Node, what: str) -> dict[str, tuple[yaml.Node, yaml.Node]]:
        import yaml

        if not isinstance(node, yaml.MappingNode):
            self.fail(node, f"{what} must be a mapping (name: value)")
        found: dict[str, tuple[yaml.Node, yaml.Node]] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                self.fail(key, f"a name in {what} must be a string")
            name = str(key.value)  # as it is written: YAML would make a bool of on, and a number of 1
            if name in found:
                self.fail(key, f"{name!r} is there twice in {what}")
            found[name] = (key, value)
        return found

    def items(self, node: yaml.Node, what: str) -> list[yaml.Node]:
        import yaml

        if not isinstance(node, yaml.SequenceNode):
            self.fail(node, f"{what} must be a list")
        return list(node.value)

    def plain(self, node: yaml.Node) -> Any:
        import yaml

        loader = yaml.SafeLoader("")
        try:
            return loader.construct_document(node)
        except (yaml.YAMLError, ValueError) as error:
            problem = getattr(error, "problem", None) or error
            self.fail(node, f"this value cannot be read: {problem}")
        finally:
            loader.dispose()

    def text(self, node: yaml.Node, what: str) -> str:
        value = self.plain(node)
        if not isinstance(value, str):
            self.fail(node, f"{what} must be a string, not {value!r}", hint="put it in quotes")
        return value

    def known(self, key: yaml.Node, name: str, allowed: Iterable[str], what: str) -> None:
        names = sorted(allowed)
        if name not in names:
            self.fail(
                key, f"{what} has no field {name!r}", hint=did_you_mean(name, names, "fields: " + ", ".join(names))
            )

    # -- the workflow ------------------------------------------------------------------------------------------------

    def rendered(self) -> WorkflowDeclaration:
        """Of what ``dsflow render`` prints."""
        try:
            definition = Definition.from_dict(self.plain(self.node))
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            self.fail(
                self.node, f"this looks like a rendered workflow, but cannot be read as one ({error!r})",
                hint="a workflow that is declared in YAML has the keys workflow, project, tasks",
            )  # fmt: skip
        declaration = declare(definition)
        declaration.where = self.at(self.node)
        return declaration

    def read(self) -> WorkflowDeclaration:
        top = self.mapping(self.node, "a workflow")
        if "workflow" not in top and {"name", "relations"} <= set(top):
            return self.rendered()
        own = set(signature(Workflow.__init__).parameters) - {"self", "name"}
        for name, (key, _) in top.items():
            self.known(key, name, own | _OWN_WORKFLOW_FIELDS, "a workflow")
        for needed in ("workflow", "project", "tasks"):
            if needed not in top:
                self.fail(self.node, f"the workflow has no {needed!r}")
        result = WorkflowDeclaration(
            name=self.text(top["workflow"][1], "the workflow's name"),
            project=self.text(top["project"][1], "the project's name"),
            where=self.at(self.node),
        )
        if "params" in top:
            self.params = {
                name: self.param(value, f"parameter {name!r}")
                for name, (_, value) in self.mapping(top["params"][1], "params").items()
            }
            result.params = self.params
        if "schedule" in top:
            result.schedule = self.schedule(top["schedule"][1])
        for name in own - {"project", "params", "schedule"}:
            if name in top:
                result.fields[name] = self.plain(top[name][1])
        tasks = self.mapping(top["tasks"][1], "tasks")
        for name, (_, node) in tasks.items():
            self.collect_outputs(name, node)
        result.tasks = [self.task(name, key, node, set(tasks)) for name, (key, node) in tasks.items()]
        for chain in self.items(top["edges"][1], "edges") if "edges" in top else []:
            self.chain(result, chain, set(tasks))
        return result

    def param(self, node: yaml.Node, what: str) -> Any:
        import yaml

        if not isinstance(node, yaml.MappingNode):
            return self.scalar(node, what)
        given = self.mapping(node, what)
        for name, (key, _) in given.items():
            self.known(key, name, ("value", "type", "local", "description"), what)
        if "value" not in given:
            self.fail(node, f"{what} has no value")
        kind = self.text(given["type"][1], "the type") if "type" in given else None
        return TypedParam(
            self.scalar(given["value"][1], what),
            type=property_type(PYTHON_TYPES[kind]) if kind in PYTHON_TYPES else kind,
            local=self.scalar(given["local"][1], what) if "local" in given else None,
            description=self.text(given["description"][1], "the description") if "description" in given else "",
        )

    def scalar(self, node: yaml.Node, what: str) -> Any:
        value = self.plain(node)
        if not isinstance(value, (str, int, float, bool)):
            hint = "put it in quotes if it is a text" if isinstance(value, date) or value is None else None
            self.fail(node, f"{what} must be a string, a number or true/false, not {value!r}", hint=hint)
        return value

    def schedule(self, node: yaml.Node) -> dict[str, Any]:
        import yaml

        if isinstance(node, yaml.ScalarNode):
            return {"cron": self.text(node, "the schedule")}
        given = self.mapping(node, "the schedule")
        names = [field.name for field in dataclass_fields(Schedule)]
        found: dict[str, Any] = {}
        for name, (key, value) in given.items():
            self.known(key, name, names, "the schedule")
            found[name] = self.moment(value) if name in ("start", "end") else self.plain(value)
        if "cron" not in found:
            self.fail(node, "the schedule has no cron")
        return found

    def moment(self, node: yaml.Node) -> datetime:
        value = self.plain(node)
        if type(value) is date:
            return datetime(value.year, value.month, value.day)
        if isinstance(value, str):
            for form in (_MOMENT, "%Y-%m-%d"):
                try:
                    return datetime.strptime(value, form)
                except ValueError:
                    continue
        if not isinstance(value, datetime):
            self.fail(node, f"{value!r} is no moment", hint="YYYY-MM-DD HH:MM:SS, in the schedule's time zone")
        return value

    def chain(self, result: WorkflowDeclaration, node: yaml.Node, names: set[str]) -> None:
        import yaml

        before: list[str] = []
        for link in self.items(node, "an edge"):
            listed = self.items(link, "") if isinstance(link, yaml.SequenceNode) else [link]
            after = []
            for one in listed:
                after.append(self.task_name(one, names))
            for pre in before:
                for post in after:
                    result.edges.append((pre, post))
                    result.places.setdefault((pre, post), self.at(link))
            before = after
        result.edges = list(dict.fromkeys(result.edges))

    def task_name(self, node: yaml.Node, names: set[str]) -> str:
        name = self.text(node, "a task's name")
        if name not in names:
            self.fail(node, f"there is no task {name!r}", hint=did_you_mean(name, names) or None)
        return name

    # -- tasks -------------------------------------------------------------------------------------------------------

    def collect_outputs(self, task: str, node: yaml.Node) -> None:
        fields = self.mapping(node, f"task {task!r}")
        if "outputs" in fields:
            for name in self.mapping(fields["outputs"][1], "outputs"):
                self.outputs[name] = task

    def task(self, name: str, key: yaml.Node, node: yaml.Node, names: set[str]) -> TaskDeclaration:
        what = f"task {name!r}"
        given = self.mapping(node, what)
        if "type" not in given:
            self.fail(key, f"{what} has no type", hint="one of " + ", ".join(CLASSES))
        kind = self.text(given["type"][1], "the type")
        if kind not in CLASSES:
            types = f"types: {', '.join(CLASSES)} (RawTask for any other)"
            self.fail(given["type"][1], f"there is no task type {kind!r}", hint=did_you_mean(kind, CLASSES, types))
        allowed = task_fields(kind)
        declared = TaskDeclaration(kind, name, where=self.at(key))
        for field, (field_key, value) in given.items():
            if field == "type":
                continue
            self.known(field_key, field, allowed | {"type"}, f"{what} (a {kind})")
            declared.fields[field] = self.field(field, value, names, what)
        return declared

    def field(self, name: str, node: yaml.Node, names: set[str], what: str) -> Any:
        if name in _TASK_FIELDS:
            return TaskRef(self.task_name(node, names))
        if name == "branches":
            return [self.branch(one, names) for one in self.items(node, "branches")]
        if name in ("when", "on"):
            return [self.group(one, name, names) for one in self.listed(node)]
        if name == "outputs":
            return {key: self.output(value) for key, (_, value) in self.mapping(node, "outputs").items()}
        if name == "params":
            return {key: self.local(value, key) for key, (_, value) in self.mapping(node, "params").items()}
        return self.plain(node)

    def output(self, node: yaml.Node) -> Any:
        word = self.text(node, "an output's type")
        return PYTHON_TYPES.get(word, word)

    def local(self, node: yaml.Node, name: str) -> Any:
        value = self.param(node, f"parameter {name!r}")
        match = PLACEHOLDER.fullmatch(value) if isinstance(value, str) else None
        if match and match[1] in self.params:
            return ParamRef(match[1])
        if match and match[1] in self.outputs:
            return ParamRef(match[1], self.outputs[match[1]])
        return value

    def listed(self, node: yaml.Node) -> list[yaml.Node]:
        import yaml

        return list(node.value) if isinstance(node, yaml.SequenceNode) else [node]

    def branch(self, node: yaml.Node, names: set[str]) -> Branch:
        given = self.mapping(node, "a branch")
        for name, (key, _) in given.items():
            self.known(key, name, ("if", "then"), "a branch")
        for needed in ("if", "then"):
            if needed not in given:
                self.fail(node, f"a branch has no {needed!r}", hint='{if: "${auc} >= 0.7", then: deploy}')
        return Branch(self.text(given["if"][1], "a condition"), TaskRef(self.task_name(given["then"][1], names)))

    def group(self, node: yaml.Node, field: str, names: set[str]) -> Group:
        given = self.mapping(node, "a condition")
        for word, relation in (("all_of", "AND"), ("any_of", "OR")):
            if word in given:
                if len(given) > 1:
                    self.fail(node, f"nothing else can stand beside {word}")
                items = self.items(given[word][1], word)
                return Group(relation, tuple(self.item(one, field, names) for one in items))
        return Group("AND", (self.item(node, field, names),))

    def item(self, node: yaml.Node, field: str, names: set[str]) -> Ended | DependsOn:
        given = self.mapping(node, "a condition")
        if field == "on":
            for name, (key, _) in given.items():
                self.known(key, name, ("workflow", "task", "project", "date"), "a dependence")
            if "workflow" not in given:
                self.fail(node, "which workflow to wait for is missing", hint="{workflow: NAME, task: NAME}")
            return DependsOn(**{name: self.text(value, name) for name, (_, value) in given.items()})
        for word, status in (("succeeded", "SUCCESS"), ("failed", "FAILURE")):
            if list(given) == [word]:
                return Ended(TaskRef(self.task_name(given[word][1], names)), status)
        return self.fail(node, "expected {succeeded: TASK} or {failed: TASK}")
