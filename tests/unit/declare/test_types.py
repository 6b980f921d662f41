"""A task type is one file: its class says all that rendering, checking, importing, showing and running need."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path
from typing import Any

import pytest

import dsflow
from dsflow import Workflow
from dsflow.config import Profile
from dsflow.declare import tasks
from dsflow.declare.tasks.about import CLASSLESS, Named, TaskType
from dsflow.definition import Definition, Relation, TaskDefinition
from dsflow.display import svg, terminal
from dsflow.dolphinscheduler.environments import with_environment
from dsflow.dolphinscheduler.plan import build_plan
from dsflow.dolphinscheduler.wire.codec import from_server, tasks_to_server
from dsflow.dolphinscheduler.wire.known import SERIES
from dsflow.dolphinscheduler.wire.names import Code, Names, Scope
from dsflow.errors import DeclarationError, RunError
from dsflow.local.executors import EXECUTORS, check_runnable
from dsflow.source.python import python_source
from dsflow.source.yaml_form import task_fields
from dsflow.validation import check

SOURCE = '''
    from dataclasses import dataclass
    from typing import ClassVar

    from dsflow.declare.tasks.about import DATASOURCE, Named, TaskType
    from dsflow.declare.tasks.base import Task


    @dataclass(frozen=True, eq=False, repr=False)
    class Archive(Task):
        """Copies a table of a datasource to a folder."""

        source: str = ""
        folder: str = ""
        columns: tuple[str, ...] = ()

        about: ClassVar[TaskType] = TaskType(
            "ARCHIVE",
            colour="teal",
            keys={"source": "datasource", "folder": "path", "columns": "fields"},
            essential=frozenset({"datasource", "path"}),
            names=(Named("datasource", DATASOURCE, needed=True),),
            verbatim=("datasource",),
            needs_server="its datasource is known to a DolphinScheduler server only",
        )
'''


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The class of a type that is one further module of the package, and a public name."""
    (tmp_path / "archive.py").write_text(textwrap.dedent(SOURCE), encoding="utf-8")
    monkeypatch.setattr(tasks, "__path__", [*tasks.__path__, str(tmp_path)])
    kind = tasks.find_classes()["Archive"]
    monkeypatch.setitem(tasks.CLASSES, "Archive", kind)
    monkeypatch.setitem(tasks.TYPES, "ARCHIVE", kind.about)
    monkeypatch.setattr(dsflow, "Archive", kind, raising=False)  # the second file: its public name
    return kind


def workflow(archive: Any, source: str = "shop") -> Workflow:
    with Workflow("orders", project="p", params={"folder": "/data"}) as wf:
        archive("copy", source=source, folder="${folder}/orders", columns=("id", "day"))
    return wf


def load(kind: str, scope: Scope) -> dict[str, Code]:
    return {"datasource": {"shop": 7}}.get(kind, {})  # type: ignore[return-value]


def test_it_is_rendered_and_planned(archive: Any) -> None:
    definition = workflow(archive).definition()
    params = definition.task("copy").task_params
    assert params["datasource"] == "shop"
    assert (params["path"], params["fields"]) == ("${folder}/orders", ["id", "day"])
    assert Definition.from_dict(definition.to_dict()) == definition
    other = workflow(archive, source="other").definition()
    assert any("other" in line for line in build_plan(definition, other).differences())


def test_its_names_become_codes_and_come_back(archive: Any) -> None:
    definition = workflow(archive).definition()
    names = Names(load)
    rows = tasks_to_server(definition, {"copy": 1}, names, SERIES[0])
    assert rows[0]["taskParams"]["datasource"] == 7
    raw = {"workflow": {"name": "orders"}, "tasks": rows, "edges": []}
    assert from_server(raw, "p", names).task("copy").task_params["datasource"] == "shop"


def test_it_is_checked(archive: Any) -> None:
    with pytest.raises(DeclarationError, match=r"\$\{folder\} cannot stand in datasource"):
        workflow(archive, source="${folder}").definition()
    with Workflow("w", project="p") as wf:
        archive("copy", source="shop", folder="${foldr}")
    with pytest.raises(DeclarationError, match="neither a parameter nor an output"):
        wf.definition()
    assert not [finding for finding in check(workflow(archive)).findings if finding.severity == "error"]


def test_it_is_written_back(archive: Any) -> None:
    source = python_source(workflow(archive).definition())
    assert re.search(r"Archive\(\s*\"copy\",\s*source=\"shop\"", source), source
    assert task_fields("Archive") >= {"source", "folder", "columns", "retries"}


def test_it_is_shown_in_its_colour(archive: Any) -> None:
    definition = workflow(archive).definition()
    assert "\x1b[36mARCHIVE" in terminal.workflow_text(definition, colour=True)
    assert "ARCHIVE" in svg.workflow_svg(definition)


def test_it_gets_an_environment_and_is_refused_by_name_where_there_is_no_server(archive: Any) -> None:
    definition = with_environment(workflow(archive).definition(), "production")
    assert definition.task("copy").environment == "production"
    with pytest.raises(RunError, match=r"'copy' \(ARCHIVE\) cannot run locally: its datasource is known to a"):
        check_runnable(definition.task("copy"))


def test_with_a_line_in_the_executors_it_runs_here(archive: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(EXECUTORS, "ARCHIVE", lambda attempt: {})
    check_runnable(workflow(archive).definition().task("copy"))


def test_each_type_is_said_once() -> None:
    declared = [kind.about.name for kind in tasks.CLASSES.values() if kind.about.name]
    assert sorted(tasks.TYPES) == sorted([*declared, *(about.name for about in CLASSLESS)])


def test_a_type_without_a_class_has_its_names_in_the_table() -> None:
    task = TaskDefinition("move", "SQOOP", {"sourceParams": '{"srcDatasource":"shop"}', "targetParams": "no JSON"})
    definition = Definition("p", "w", (task,), ())
    rows = tasks_to_server(definition, {"move": 1}, Names(load), SERIES[0])
    assert rows[0]["taskParams"]["sourceParams"] == '{"srcDatasource":7}'
    assert rows[0]["taskParams"]["targetParams"] == "no JSON"


def test_what_nobody_has_heard_of_is_taken_as_it_is() -> None:
    assert tasks.type_of("NOVELTY") == TaskType("NOVELTY")
    definition = Definition("p", "w", (TaskDefinition("n", "NOVELTY", {"datasource": 3}),), ())
    assert tasks_to_server(definition, {"n": 1}, Names(load), SERIES[0])[0]["taskParams"]["datasource"] == 3


def test_a_type_that_goes_on_with_some_tasks_only_names_its_edges(monkeypatch: pytest.MonkeyPatch) -> None:
    from dsflow.branches import edge_labels

    place = Named("routes[].next", "task", edge_by="when")
    monkeypatch.setitem(tasks.TYPES, "ROUTER", TaskType("ROUTER", names=(place,)))
    router = TaskDefinition("r", "ROUTER", {"routes": [{"when": "it rains", "next": "a"}]})
    definition = Definition("p", "w", (router, TaskDefinition("a", "SHELL")), (Relation("r", "a"),))
    assert edge_labels(definition) == {("r", "a"): "it rains"}
    assert tasks.type_of("ROUTER").steers


def test_a_profile_without_an_environment_leaves_tasks_alone(archive: Any) -> None:
    definition = workflow(archive).definition()
    assert with_environment(definition, Profile("here").environment) == definition
