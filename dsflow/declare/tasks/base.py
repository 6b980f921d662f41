"""What every task has: DolphinScheduler's common fields, edges, outputs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import KW_ONLY, MISSING, Field, dataclass, field, fields
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeVar, Union

from dsflow.declare.context import current_workflow
from dsflow.declare.locations import caller
from dsflow.declare.params import Namespace, Param, Reference, Scalar, check_name, property_type, to_text
from dsflow.declare.tasks.about import TaskType
from dsflow.declare.written import Fields
from dsflow.definition import JsonDict, Priority, Property, TaskDefinition
from dsflow.errors import DeclarationError, SourceLocation

if TYPE_CHECKING:
    from dsflow.declare.workflow import Workflow

Strategy = Literal["WARN", "FAILED", "WARNFAILED"]
Tasks = Union["Task", Sequence["Task"]]

_Right = TypeVar("_Right", bound=Tasks)

PYTHON_ONLY = {"python only": True}
"""Metadata of a field that no YAML can give."""

_PRIORITIES = ("HIGHEST", "HIGH", "MEDIUM", "LOW", "LOWEST")
_STRATEGIES = ("WARN", "FAILED", "WARNFAILED")


@dataclass(frozen=True, eq=False, repr=False)
class Task:
    """One node of a workflow. Made inside ``with Workflow(...)``, it belongs to that workflow.

    Args:
        name: unique in its workflow.
        description: for the reader of the web page.
        enabled: False keeps the node but DolphinScheduler passes over it (its *run flag*).
        priority: which of several waiting tasks a worker takes first.
        worker_group: None takes the workflow's.
        environment: name of a DolphinScheduler environment (variables that a worker sets before the task).
        delay: minutes to wait before the task starts.
        retries: how often a failed task is started again.
        retry_interval: minutes between two attempts.
        timeout: minutes after which ``timeout_strategy`` applies; None for never.
        timeout_strategy: ``WARN`` notifies, ``FAILED`` fails the task, ``WARNFAILED`` does both.
        task_group: name of a task group, which limits how many of its tasks run at once.
        task_group_priority: higher goes first inside its task group.
        cpu_quota: percent of one CPU, None for no limit.
        memory_max: MB, None for no limit.
        cache: DolphinScheduler 3.2 and later: reuse the outputs of an identical earlier run.
        params: local IN parameters; a value may refer to a workflow parameter or an output, or be a
            `Param` that names one of DolphinScheduler's types.
        outputs: local OUT parameters with their types (a Python type, or DolphinScheduler's name of one); downstream
            tasks see them as ``${name}``.
        resources: full names of files of the resource centre that the task needs in its folder.
        extra: further fields of DolphinScheduler's ``taskParams``, in its own words; they win over what the other
            arguments say, and None leaves a field out.

    Raises:
        DeclarationError: a field has a value that DolphinScheduler does not know, or the name is taken.
    """

    name: str
    _: KW_ONLY
    description: str = ""
    enabled: bool = True
    priority: Priority = "MEDIUM"
    worker_group: str | None = None
    environment: str = ""
    delay: int = 0
    retries: int = 0
    retry_interval: int = 1
    timeout: int | None = None
    timeout_strategy: Strategy = "FAILED"
    task_group: str = ""
    task_group_priority: int = 0
    cpu_quota: int | None = None
    memory_max: int | None = None
    cache: bool = False
    params: Mapping[str, Scalar | Reference | Param] = field(default_factory=dict)
    outputs: Any = field(default_factory=dict)
    resources: Sequence[str] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)

    about: ClassVar[TaskType] = TaskType("")

    where: SourceLocation | None = field(init=False, default=None)
    workflow: Workflow = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "where", caller())
        self._check()
        references = {}
        for name, python_type in dict(self.outputs).items():
            property_type(python_type)
            references[check_name("output", name) if _strict() else name] = Reference(name, python_type, self.name)
        object.__setattr__(self, "outputs", Namespace(f"task {self.name!r}, among its outputs,", references))
        workflow = current_workflow()
        if workflow is None:
            raise self.error("it is made outside of a workflow", hint="make tasks inside: with Workflow(...) as wf:")
        object.__setattr__(self, "workflow", workflow)
        self.workflow.add(self)

    def __repr__(self) -> str:
        return f"<{self.type} task {self.name!r}>"

    @property
    def type(self) -> str:
        """DolphinScheduler's name of the task type, such as ``SHELL``."""
        return self.about.name

    @property
    def strict(self) -> bool:
        """Whether what DolphinScheduler would take, though nobody means it, is an error."""
        workflow = getattr(self, "workflow", None) or current_workflow()
        return workflow is None or workflow.strict

    # -- edges -------------------------------------------------------------------------------------------------------

    @property
    def nodes(self) -> tuple[Task, ...]:
        """The nodes of a step of several, in order; of any other task itself alone."""
        nodes: tuple[Task, ...] = self.__dict__.get("_nodes", (self,))
        return nodes

    @property
    def entry(self) -> Task:
        """Where edges to this task lead: itself, or the first node of a step of several nodes."""
        return self.nodes[0]

    @property
    def exit(self) -> Task:
        """Where edges from this task begin: itself, or the last node of a step of several nodes."""
        return self.nodes[-1]

    def make_step(self, *nodes: Task) -> None:
        """Make this task a step of these nodes, itself among them, from its first to its last."""
        object.__setattr__(self, "_nodes", nodes)

    def __rshift__(self, other: _Right) -> _Right:
        """``a >> b``: b runs after a; ``a >> [b, c]``: both do. Gives the right side back, so that chains work."""
        self.workflow.connect([self], other)
        return other

    def __lshift__(self, other: _Right) -> _Right:
        """``a << b``: a runs after b."""
        self.workflow.connect(other, [self])
        return other

    def __rrshift__(self, other: Sequence[Task]) -> Task:
        """``[a, b] >> c``."""
        self.workflow.connect(other, [self])
        return self

    def __rlshift__(self, other: Sequence[Task]) -> Task:
        """``[a, b] << c``."""
        self.workflow.connect([self], other)
        return self

    # -- compiling ---------------------------------------------------------------------------------------------------

    def task_params(self, resolve: Callable[[str], str]) -> JsonDict:
        """The type's own fields, as DolphinScheduler names them.

        Args:
            resolve: replaces ``${parameter}`` by its value, for the fields that DolphinScheduler does not substitute.
        """
        values = {key: getattr(self, name) for name, key in self.about.keys.items()}
        return {key: list(value) if isinstance(value, tuple) else value for key, value in values.items()}

    @classmethod
    def arguments(cls, params: JsonDict, cluster: tuple[str, str]) -> list[Fields]:
        """The other way: the arguments that may make a task with these ``taskParams``, the best guess first.

        Nothing needs to be complete, since what the class does not say goes into ``extra``; a guess that makes another
        task is dropped, and so is every one that raises KeyError, TypeError or ValueError.

        Args:
            params: codes are names already.
            cluster: ZooKeeper's address and path, as the workflow's tasks have them mostly.
        """
        usual = {field.name: _default(field) for field in fields(cls)}
        return [differing(params, {name: (key, usual[name]) for name, key in cls.about.keys.items()})]

    def implied_downstream(self) -> Iterable[Task]:
        """Tasks that run after this one because of what it says, such as a switch's branches."""
        return ()

    def implied_upstream(self) -> Iterable[Task]:
        """Tasks that run before this one because of what it says, such as those a CONDITIONS task looks at."""
        return ()

    @cached_property
    def local_params(self) -> list[Property]:
        """IN and OUT parameters in DolphinScheduler's form."""
        into = [
            Property(
                name,
                "IN",
                _property_type(value),
                _property_text(value),
            )
            for name, value in self.params.items()
        ]
        return into + [Property(name, "OUT", self.outputs[name].property_type) for name in self.outputs]

    def define(self, resolve: Callable[[str], str]) -> TaskDefinition:
        """This task as DolphinScheduler stores it."""
        params: JsonDict = {
            "localParams": [p.to_dict() for p in self.local_params],
            "resourceList": [{"resourceName": name} for name in self.resources],
        }
        return TaskDefinition(
            name=self.name,
            task_type=self.type,
            task_params={
                key: value
                for key, value in (params | self.task_params(resolve) | dict(self.extra)).items()
                if value is not None or key not in self.extra
            },
            description=self.description,
            flag="YES" if self.enabled else "NO",
            task_priority=self.priority,
            worker_group=self.worker_group or self.workflow.worker_group,
            environment=self.environment,
            delay_time=self.delay,
            fail_retry_times=self.retries,
            fail_retry_interval=self.retry_interval,
            timeout=self.timeout or 0,
            timeout_notify_strategy=self.timeout_strategy if self.timeout else "",
            task_group=self.task_group,
            task_group_priority=self.task_group_priority,
            cpu_quota=-1 if self.cpu_quota is None else self.cpu_quota,
            memory_max=-1 if self.memory_max is None else self.memory_max,
            is_cache=self.cache,
            where=self.where,
        )

    # -- checks ------------------------------------------------------------------------------------------------------

    def _check(self) -> None:
        if not isinstance(self.name, str) or not self.name.strip():
            raise self.error(f"a task's name must be a string, not {self.name!r}")
        strict = _strict()
        if strict and self.name != " ".join(self.name.split()):
            raise self.error(f"the task's name {self.name!r} holds line ends, or blanks that nobody sees")
        if len(self.name) > 200:
            raise self.error("the task's name is longer than the 200 characters that DolphinScheduler stores")
        self._one_of("priority", self.priority, _PRIORITIES)
        self._one_of("timeout_strategy", self.timeout_strategy, _STRATEGIES)
        for name, least in (("delay", 0), ("retries", 0), ("retry_interval", 0), ("task_group_priority", 0)):
            self._whole(name, getattr(self, name), least)
        for name in ("timeout", "cpu_quota", "memory_max"):
            if getattr(self, name) is not None:
                self._whole(name, getattr(self, name), 1)
        self._text("description", "environment", "task_group")
        if self.worker_group is not None:
            self._text("worker_group")
        self._flag("enabled", "cache")
        self._list_of_texts("resources")
        self._mapping("params", "outputs", "extra")
        self._scalars("params")
        for name, value in self.params.items() if strict else ():
            check_name("parameter", name)
            if name in self.outputs:
                raise self.error(f"{name!r} is both among its params and among its outputs")
            if isinstance(value, Reference) and value.owner and value.name == name:
                raise self.error(
                    f"its parameter {name!r} refers to the output of the same name, a circle to DolphinScheduler",
                    hint=f"leave it out: ${{{name}}} is there already",
                )

    def _one_of(self, name: str, value: object, allowed: Sequence[str]) -> None:
        if value not in allowed:
            raise self.error(f"{name}={value!r} is not one of {', '.join(allowed)}")

    def _text(self, *names: str) -> None:
        for name in names:
            if not isinstance(getattr(self, name), str):
                raise self.error(f"{name}={getattr(self, name)!r} is not a string")

    def _flag(self, *names: str) -> None:
        for name in names:
            if not isinstance(getattr(self, name), bool):
                raise self.error(f"{name}={getattr(self, name)!r} is neither True nor False")

    def _list_of_texts(self, *names: str) -> None:
        for name in names:
            value = getattr(self, name)
            if not isinstance(value, (list, tuple)) or not all(isinstance(item, str) for item in value):
                raise self.error(f"{name}={value!r} is not a list of strings")

    def _mapping(self, *names: str) -> None:
        for name in names:
            value = getattr(self, name)
            if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
                raise self.error(f"{name}={value!r} is not a mapping of names", hint=f"such as {name}={{'name': ...}}")

    def _scalars(self, *names: str) -> None:
        """Mappings whose values become texts: None or a list would become Python's word for it."""
        for name in names:
            for key, value in getattr(self, name).items():
                if isinstance(value, Param) and name == "params":
                    continue
                if not isinstance(value, (str, int, float, bool, Reference)):
                    raise self.error(f"{name}[{key!r}]={value!r} is not a string, a number, a bool or a reference")

    def _task(self, *names: str) -> None:
        for name in names:
            if not isinstance(getattr(self, name), Task):
                raise self.error(f"{name}={getattr(self, name)!r} is not a task")

    def _whole(self, name: str, value: object, least: int) -> None:
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise self.error(f"{name}={value!r} is not a whole number of at least {least}")

    def error(self, message: str, hint: str | None = None) -> DeclarationError:
        """An error that names this task and where it stands."""
        return DeclarationError(f"task {self.name!r}: {message}", where=self.where, hint=hint)


def differing(params: JsonDict, wanted: Mapping[str, tuple[str, Any]]) -> Fields:
    """The arguments whose values are there and differ from the usual ones.

    Args:
        wanted: argument -> key of ``taskParams``, and the value that is not worth a word.
    """
    return {
        name: params[key]
        for name, (key, usual) in wanted.items()
        if params.get(key) is not None and params[key] != usual
    }


def _default(field: Field[Any]) -> Any:
    """A field's default as ``taskParams`` have it."""
    value = field.default_factory() if field.default_factory is not MISSING else field.default
    return list(value) if isinstance(value, tuple) else value


def _strict() -> bool:
    workflow = current_workflow()
    return workflow is None or workflow.strict


def _property_type(value: Scalar | Reference | Param) -> str:
    if isinstance(value, (Reference, Param)):
        return value.property_type
    return property_type(type(value))


def _property_text(value: Scalar | Reference | Param) -> str:
    if isinstance(value, Reference):
        return str(value)
    return to_text(value.default if isinstance(value, Param) else value)
