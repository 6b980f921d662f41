"""Declaration -> the text of a Python file that declares it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from graphlib import CycleError
from typing import Any

from dsflow.declare.folding import steps_of
from dsflow.declare.params import PLACEHOLDER, Reference, property_type
from dsflow.declare.steps import Check
from dsflow.declare.tasks import CLASSES
from dsflow.declare.written import Branch, DependsOn, Ended, Group, ParamRef, TaskRef, TypedParam
from dsflow.definition import Definition
from dsflow.errors import DsflowError
from dsflow.source.conditions import Comparison, Expression, Joined, Negated, parse
from dsflow.source.declaration import TaskDeclaration, WorkflowDeclaration, implied_edges, in_order, references
from dsflow.source.errors import SourceError
from dsflow.source.from_definition import declare, differences
from dsflow.source.layout import WIDTH, Code, Node, block, call, listing, literal, mapping, render, string
from dsflow.source.names import Identifiers, is_attribute
from dsflow.source.steps import Made, Steps, TableDeclaration, ViewDeclaration, read_steps, with_steps

# arguments that hold a text of several lines, and how the constant that holds it is called
_TEXTS = {"script": "script", "body": "script", "sql": "sql", "raw_sql": "sql"}
# of the methods that make a step the arguments that are given without their names
_FIRST: dict[str, tuple[str, ...]] = {
    "create": (),
    "load_offline": ("path",),
    "load_online": ("path",),
    "extract": ("path",),
    "deploy": ("name",),
    "serve": ("server",),
}
_LAST = ("extra",)


def python_source(definition: Definition, *, every: bool = False) -> str:
    """A Python file that declares this workflow.

    What the file compiles to is compared with the Definition before it is given out.

    Args:
        every: each node of a step by itself; else ``table.load_offline(...)`` and the like, where they make just these
            nodes.

    Raises:
        SourceError: it cannot be declared, or not exactly.
    """
    declaration = declare(definition)
    if not every and (text := _with_steps(declaration, definition)):
        return text
    text = _Writer(declaration).text()
    left = _differences(text, definition)
    if left:
        raise SourceError(
            f"the source of workflow {definition.name!r} would not declare it exactly:"
            + "".join(f"\n  - {line}" for line in left)
        )
    return text


def _with_steps(declaration: WorkflowDeclaration, definition: Definition) -> str:
    """The source with steps; '' when there are none that make just these nodes."""
    found = read_steps(definition, declaration)
    strict = {k: v for k, v in declaration.fields.items() if k != "strict"}
    while found.steps:
        wanted = with_steps(replace(declaration, fields=strict), definition, found.steps)
        try:
            text = _Writer(wanted, found.made).text()
            left = _differences(text, definition)
        except (SourceError, CycleError):
            return ""
        if not left:
            return text
        if not _less(found, definition, left):
            return ""
    return ""


def _less(found: Steps, definition: Definition, left: Sequence[str]) -> bool:
    """Take away what makes a difference; whether there was something to take away."""
    nodes = {name: step for name, step in steps_of(definition).items() if step in found.steps}
    wrong = {
        nodes.get(task.name, task.name)
        for task in definition.tasks
        if any(line.startswith(f"task {task.name!r}") for line in left)
        and nodes.get(task.name, task.name) in found.steps
    }
    wrong &= set(found.steps)
    for name in wrong:
        table = found.made[found.steps[name].on]
        if found.steps[name].kind == "create" and isinstance(table, TableDeclaration) and table.derived:
            table.indexes, table.derived = table.derived, []  # they were declared after all
            return True
    for name in wrong:
        del found.steps[name]
    return bool(wrong)


def _differences(text: str, definition: Definition) -> list[str]:
    from dsflow.declare.workflow import Workflow

    scope: dict[str, Any] = {"__name__": "dsflow_imported"}
    try:
        exec(compile(text, "<imported>", "exec"), scope)
        workflow = scope["wf"]
        assert isinstance(workflow, Workflow)
        return differences(definition, workflow.definition())
    except (DsflowError, SyntaxError) as error:
        raise SourceError(f"the source of workflow {definition.name!r} does not run: {error}") from error


class _Writer:
    def __init__(self, declaration: WorkflowDeclaration, made: Mapping[str, Made] | None = None) -> None:
        self.declaration = declaration
        used = {task.on for task in declaration.tasks}
        views = {key: view for key, view in (made or {}).items() if key in used and isinstance(view, ViewDeclaration)}
        used |= {view.table for view in views.values()}
        self.made = {key: one for key, one in (made or {}).items() if key in used}
        self.tasks = in_order(declaration)
        self.owners = declaration.owners()
        self.imports: set[str] = {"Workflow"}
        self.datetime = False
        self.constants: list[tuple[str, str]] = []
        taken = ["wf", "datetime", "Workflow", "Schedule", "Param", "Condition", *CLASSES]
        taken += ["DependsOn", "all_of", "any_of", "succeeded", "failed", "Table", "FeatureView", "Index", "Check"]
        self.identifiers = Identifiers(taken)
        self.objects = {key: self.identifiers.new(one.name, "table") for key, one in self.made.items()}
        named = self._named()
        self.variables = {
            task.name: self.identifiers.new(task.name, "task") for task in declaration.tasks if task.name in named
        }
        self.known = self._references()

    def _named(self) -> set[str]:
        """Tasks that something refers to, so that they need a variable."""
        named = {name for edge in self.declaration.edges for name in edge}
        for task in self.declaration.tasks:
            for reference in references(list(task.fields.values())):
                if isinstance(reference, TaskRef):
                    named.add(reference.name)
                elif isinstance(reference, ParamRef) and reference.owner:
                    named.add(reference.owner)
                elif isinstance(reference, Branch):
                    named |= {task for name, task in self.owners.items() if f"${{{name}}}" in reference.condition}
        return named

    def _references(self) -> dict[str, Reference]:
        found = {name: Reference(name, _type_of(value)) for name, value in self.declaration.params.items()}
        for task in self.declaration.tasks:
            for name, kind in (task.fields.get("outputs") or {}).items():
                if self.owners.get(name) == task.name:
                    found[name] = Reference(name, kind, task.name)
        return found

    # -- the file ----------------------------------------------------------------------------------------------------

    def text(self) -> str:
        header = render(self._workflow(), 0, "with ", " as wf:")
        body = [f"    {line}" for line in (*self._objects(), *self._tasks())]
        chains = [f"    {line}" for line in self._chains()]
        parts = [_docstring(self.declaration), self._imports()]
        parts += [f"{name} = {block(text)}" for name, text in self.constants]
        with_block = [f"with {header} as wf:", *body]
        if chains:
            with_block += ["", *chains]
        parts.append("\n".join(with_block))
        parts.append('if __name__ == "__main__":\n    wf.cli()')
        return "\n\n".join(parts) + "\n"

    def _imports(self) -> str:
        names = sorted(self.imports, key=lambda n: (n[0].islower(), n))
        line = "from dsflow import " + ", ".join(names)
        if len(line) > WIDTH:
            line = "from dsflow import (\n" + "".join(f"    {name},\n" for name in names) + ")"
        return ("from datetime import datetime\n\n" if self.datetime else "") + line

    def _workflow(self) -> Node:
        d = self.declaration
        keywords: dict[str, Node] = {"project": Code(string(d.project))}
        fields = dict(d.fields)
        if "description" in fields:
            keywords["description"] = literal(fields.pop("description"))
        if d.params:
            keywords["params"] = mapping([(string(name), self._scalar(value)) for name, value in d.params.items()])
        if d.schedule:
            keywords["schedule"] = self._schedule(d.schedule)
        keywords |= {name: literal(value) for name, value in fields.items()}
        return call("Workflow", Code(string(d.name)), **keywords)

    def _schedule(self, schedule: Mapping[str, Any]) -> Node:
        rest = dict(schedule)
        cron = Code(string(rest.pop("cron")))
        if not rest:
            return cron
        self.imports.add("Schedule")
        return call("Schedule", cron, **{name: self._moment(value) for name, value in rest.items()})

    def _moment(self, value: Any) -> Node:
        if not isinstance(value, datetime):
            return literal(value)
        self.datetime = True
        parts = [value.year, value.month, value.day, value.hour, value.minute, value.second]
        while len(parts) > 3 and parts[-1] == 0:
            parts.pop()
        return call("datetime", *(Code(str(p)) for p in parts))

    def _scalar(self, value: Any) -> Node:
        if not isinstance(value, TypedParam):
            return literal(value)
        self.imports.add("Param")
        options = {"local": value.local, "description": value.description or None, "type": value.type}
        return call("Param", literal(value.default), **{k: literal(v) for k, v in options.items() if v is not None})

    # -- tasks -------------------------------------------------------------------------------------------------------

    def _objects(self) -> Iterator[str]:
        for key, one in self.made.items():
            prefix = f"{self.objects[key]} = "
            if isinstance(one, TableDeclaration):
                self.imports.add("Table")
                keywords: dict[str, Node] = {"database": self._operand(one.database)}
                if one.indexes:
                    self.imports.add("Index")
                    keywords["indexes"] = listing([self._index(index) for index in one.indexes])
                node = call("Table", Code(string(one.name)), literal(one.columns), **keywords)
            else:
                self.imports.add("FeatureView")
                source = Code(self.objects[one.table])
                node = call("FeatureView", Code(string(one.name)), source=source, sql=self._sql(one))
            yield prefix + render(node, 1, prefix)

    def _operand(self, text: str) -> Node:
        match = PLACEHOLDER.fullmatch(text)
        return Code(self._reference(match[1])) if match and match[1] in self.declaration.params else literal(text)

    def _index(self, index: Mapping[str, Any]) -> Node:
        return call("Index", literal(index["key"]), **{k: literal(v) for k, v in index.items() if k != "key"})

    def _sql(self, view: ViewDeclaration) -> Node:
        if "\n" not in view.sql:
            return literal(view.sql)
        name = self.identifiers.new(f"{view.name} sql", "sql").upper()
        self.constants.append((name, view.sql))
        return Code(name)

    def _tasks(self) -> Iterator[str]:
        for task in self.tasks:
            if not task.on:
                self.imports.add(task.kind)
            prefix = f"{self.variables[task.name]} = " if task.name in self.variables else ""
            yield prefix + render(self._call(task), 1, prefix)

    def _call(self, task: TaskDeclaration) -> Node:
        fields = dict(task.fields)
        positional: list[Node] = [] if task.on else [Code(string(task.name))]
        for name in _FIRST[task.kind] if task.on else CLASSES[task.kind].about.first:
            if name not in fields:
                break
            positional.append(self._value(task, name, fields.pop(name)))
        rest = sorted(fields, key=lambda name: name in _LAST)
        called = f"{self.objects[task.on]}.{task.kind}" if task.on else task.kind
        return call(called, *positional, **{name: self._value(task, name, fields[name]) for name in rest})

    def _value(self, task: TaskDeclaration, name: str, value: Any) -> Node:
        if name in _TEXTS and isinstance(value, str) and "\n" in value.strip("\n"):
            return self._constant(task, _TEXTS[name], value)
        if isinstance(value, Check):
            self.imports.add("Check")
            return call("Check", literal(value.timeout))
        if isinstance(value, TaskRef):
            return Code(self.variables[value.name])
        if isinstance(value, ParamRef):
            return Code(self._reference(value.name))
        if isinstance(value, TypedParam):
            return self._scalar(value)
        if name == "branches":
            return mapping([(self._condition(b.condition), Code(self.variables[b.task.name])) for b in value])
        if name in ("when", "on"):
            groups = [self._group(group) for group in value]
            return groups[0] if len(groups) == 1 else listing(groups)
        if isinstance(value, dict) and name in ("params", "outputs"):
            return mapping([(string(key), self._value(task, "", item)) for key, item in value.items()])
        return literal(value)

    def _constant(self, task: TaskDeclaration, suffix: str, text: str) -> Node:
        base = self.variables.get(task.name, task.name)
        name = self.identifiers.new(base if base.lower().endswith(suffix) else f"{base} {suffix}", suffix)
        name = name.upper() if name.upper().lower() == name else name
        self.constants.append((name, text))
        return Code(name)

    def _reference(self, name: str) -> str:
        owner = self.owners.get(name)
        place = f"{self.variables[owner]}.outputs" if owner else "wf.params"
        return f"{place}.{name}" if is_attribute(name) else f"{place}[{string(name)}]"

    def _condition(self, text: str) -> str:
        parsed = parse(text, self.known)
        if parsed is not None:
            code = self._expression(parsed)
            if len(code) < WIDTH - 40:
                return code
        self.imports.add("Condition")
        return f"Condition({string(text)})"

    def _expression(self, expression: Expression) -> str:
        if isinstance(expression, Negated):
            return f"~({self._expression(expression.operand)})"
        if isinstance(expression, Joined):
            left, right = self._expression(expression.left), self._expression(expression.right)
            return f"({left}) {expression.operator} ({right})"
        assert isinstance(expression, Comparison)
        right = self._reference(str(expression.right)) if expression.is_reference else render(literal(expression.right))
        return f"{self._reference(expression.left)} {expression.operator} {right}"

    def _group(self, group: Group) -> Node:
        items = [self._item(item) for item in group.items]
        if group.relation == "AND" and len(items) == 1:
            return items[0]
        name = "all_of" if group.relation == "AND" else "any_of"
        self.imports.add(name)
        return call(name, *items)

    def _item(self, item: Ended | DependsOn) -> Node:
        if isinstance(item, Ended):
            name = "succeeded" if item.status == "SUCCESS" else "failed"
            self.imports.add(name)
            return call(name, Code(self.variables[item.task.name]))
        self.imports.add("DependsOn")
        options = {
            "task": item.task or None,
            "project": item.project if item.project != self.declaration.project else None,
            "date": item.date if item.date != "today" else None,
        }
        given = {k: Code(string(v)) for k, v in options.items() if v is not None}
        return call("DependsOn", Code(string(item.workflow)), **given)

    # -- edges -------------------------------------------------------------------------------------------------------

    def _chains(self) -> list[str]:
        order = [task.name for task in self.tasks]
        return [_chain_text(chain, self.variables) for chain in chains(self.declaration, order)]


Link = list[str]


def chains(declaration: WorkflowDeclaration, order: Sequence[str]) -> list[list[Link]]:
    """The edges as chains of links, each link one task or several: ``a >> [b, c] >> d``.

    Two lists never stand side by side: Python has no ``>>`` for them.
    """
    left: dict[str, list[str]] = {name: [] for name in order}
    for pre, post in declaration.edges:
        left[pre].append(post)
    position = {name: i for i, name in enumerate(_by_running(declaration, order))}
    for targets in left.values():
        targets.sort(key=lambda name: position[name])
    found = []
    for name in sorted(order, key=lambda name: position[name]):
        while left[name]:
            alike = [n for n in sorted(left, key=lambda n: position[n]) if left[n] == left[name]]
            found.append(_follow(alike if len(left[name]) == 1 else [name], left))
    return found


def _follow(start: Link, left: dict[str, list[str]]) -> list[Link]:
    chain = [start]
    link = start
    while True:
        targets = left[link[0]]
        if not targets or any(left[name] != targets for name in link) or (len(link) > 1 and len(targets) > 1):
            return chain
        for name in link:
            left[name] = []
        chain.append(list(targets))
        link = targets


def _by_running(declaration: WorkflowDeclaration, order: Sequence[str]) -> list[str]:
    from graphlib import TopologicalSorter

    sorter: TopologicalSorter[str] = TopologicalSorter({name: set() for name in order})
    for pre, post in [*declaration.edges, *implied_edges(declaration)]:
        sorter.add(post, pre)
    return list(sorter.static_order())


def _chain_text(chain: list[Link], variables: Mapping[str, str]) -> str:
    """A chain as code, cut into several lines where one would be too long."""
    lines: list[str] = []
    line = ""
    last = ""
    for link in chain:
        text = variables[link[0]] if len(link) == 1 else "[" + ", ".join(variables[n] for n in link) + "]"
        if line and len(line) + len(text) + 8 > WIDTH:
            lines.append(line)
            line = last
        line = f"{line} >> {text}" if line else text
        last = text
    return "\n    ".join([*lines, line])


def _docstring(declaration: WorkflowDeclaration) -> str:
    text = f"The workflow {declaration.name} of the project {declaration.project}."
    plain = "".join(c if c.isprintable() and c not in '"\\' else "'" if c == '"' else " " for c in text)
    return f'"""{" ".join(plain.split())}"""'


def _type_of(value: Any) -> str:
    if isinstance(value, TypedParam):
        return value.type or property_type(type(value.default))
    return property_type(type(value))
