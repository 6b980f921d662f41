"""What is known of a task type, whatever the values of its fields: said once, beside its class.

A class of `dsflow.declare.tasks` has its `TaskType` as ``about``. What nobody has declared a class for, and
of which something must be known all the same (mostly where ids stand in its ``taskParams``), is in `CLASSLESS`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from dsflow.definition import SUB_WORKFLOW, JsonDict

Colour = Literal["amber", "blue", "green", "grey", "orange", "pink", "plain", "teal", "violet"]
"""Of a type's boxes and words; what a terminal or a drawing makes of it stands in `dsflow.display.palette`."""

TASK = "task"
WORKFLOW = "workflow"
DEPENDENCE = "dependence"
DATASOURCE = "datasource"
ALERT_GROUP = "alert group"
UDF = "UDF"
K8S_NAMESPACE = "K8s namespace"

OTHERWISE = "otherwise"
"""What the edge to the default branch of a switch is called."""


@dataclass(frozen=True)
class Named:
    """A place in ``taskParams`` that holds a name, where a server has a code or an id.

    Attributes:
        path: the keys that lead there, with dots between; ``[]`` behind one stands for each item of its list. A value
            on the way may be a JSON text.
        kind: what it names: TASK (of the same workflow), WORKFLOW (of the same project), DEPENDENCE (a mapping with
            ``projectCode``, ``definitionCode`` and ``depTaskCode``), DATASOURCE, ALERT_GROUP, UDF (several, with commas
            between), or K8S_NAMESPACE (which has no id: it must be there).
        needed: the task is nothing without it, so that no code stands for none.
        edge: of a task that follows: what the edge to it is called.
        edge_by: or the key beside it whose value says so.
    """

    path: str
    kind: str
    needed: bool = False
    edge: str = ""
    edge_by: str = ""

    @property
    def leads_on(self) -> bool:
        """Whether it is a task that this one may go on with."""
        return bool(self.edge or self.edge_by)


@dataclass(frozen=True)
class TaskType:
    """A task type.

    Attributes:
        name: DolphinScheduler's word, such as ``SHELL``.
        colour: of its boxes and words.
        keys: field of the class -> key of ``taskParams``, for a class that gives its values as they are. A class whose
            values take another form has its own ``task_params`` and ``arguments``.
        first: fields that a pipeline file gives without their names, after the task's name.
        essential: keys that the class gives whole: a task that differs there is not what the class says.
        names: where its ``taskParams`` name what has a code or an id on a server.
        verbatim: keys in whose values DolphinScheduler replaces no placeholders.
        program: its text is a program of a language in which ``${name}`` means something too.
        on_worker: a worker runs it, so that an environment matters to it; else the master does.
        stream: it runs without end.
        needs_server: why it cannot run without a DolphinScheduler; '' when `dsflow.local.executors` runs it.
        page_writes: what the web page writes into a task whose dialog was confirmed, though it says nothing. Of a
            mapping, the keys that are not there.
    """

    name: str
    colour: Colour = "plain"
    keys: Mapping[str, str] = field(default_factory=dict)
    first: tuple[str, ...] = ()
    essential: frozenset[str] = frozenset()
    names: tuple[Named, ...] = ()
    verbatim: tuple[str, ...] = ()
    program: bool = False
    on_worker: bool = True
    stream: bool = False
    needs_server: str = ""
    page_writes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def steers(self) -> bool:
        """Whether it goes on with some of the tasks after it only."""
        return any(place.leads_on for place in self.names)


_DATASOURCE = Named("datasource", DATASOURCE)
_FROM_AND_TO = (Named("dataSource", DATASOURCE), Named("dataTarget", DATASOURCE))
_NAMESPACE = Named("namespace", K8S_NAMESPACE)

# the ids are those that the classes of 3.1.5 and 3.2.2 read
CLASSLESS = (
    TaskType("CHUNJUN", names=_FROM_AND_TO),
    TaskType(
        "DATA_QUALITY",
        names=tuple(
            Named(f"ruleInputParameter.{key}", DATASOURCE)
            for key in ("src_datasource_id", "target_datasource_id", "writer_datasource_id")
        ),
    ),
    TaskType("DATAX", names=_FROM_AND_TO),
    TaskType("DYNAMIC", names=(Named(SUB_WORKFLOW, WORKFLOW, needed=True),)),
    TaskType("FLINK_STREAM", stream=True),
    TaskType("K8S", names=(_NAMESPACE,)),
    TaskType("PROCEDURE", names=(Named("datasource", DATASOURCE, needed=True),)),
    TaskType("REMOTESHELL", names=(_DATASOURCE,)),
    TaskType("SAGEMAKER", names=(_DATASOURCE,)),
    TaskType("SPARK", names=(_NAMESPACE,)),
    TaskType(
        "SQOOP",
        names=(
            Named("sourceParams.srcDatasource", DATASOURCE),
            Named("targetParams.targetDatasource", DATASOURCE),
        ),
    ),
    TaskType("ZEPPELIN", names=(_DATASOURCE,)),
)
"""Types without a class."""


def holders(params: JsonDict, path: str) -> Iterator[tuple[JsonDict, str]]:
    """The mappings that hold the values at a path, with the key of each; JSON texts on the way are passed by."""
    head, _, rest = path.partition(".")
    key = head.removesuffix("[]")
    if key not in params:
        return
    if not rest:
        yield params, key
        return
    inner = params[key]
    for item in inner if isinstance(inner, list) else [inner]:
        if isinstance(item, dict):
            yield from holders(item, rest)
