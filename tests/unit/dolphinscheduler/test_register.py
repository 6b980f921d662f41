"""The register of what a repository deployed."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dsflow.definition import Definition, TaskDefinition
from dsflow.dolphinscheduler.deploy import references
from dsflow.dolphinscheduler.register import MAX_NAME, PREFIX, Entry, entries_of, register_definition, register_name

entries = st.lists(st.builds(Entry, st.integers(1, 2**62), st.text(max_size=30), st.text(max_size=30)), max_size=8)


@given(entries)
def test_what_is_written_is_read(written: list[Entry]) -> None:
    definition = register_definition("p", "github.com/acme/x", written)
    raw = {"tasks": [{"taskParams": definition.tasks[0].task_params}]}
    assert entries_of(raw) == sorted(set(written))
    assert definition.release_state == "ONLINE"  # the page deletes no workflow that is online
    assert definition.tasks[0].flag == "NO"
    script = definition.tasks[0].task_params["rawScript"]
    assert all(line.startswith("#") for line in script.split("\n")[:-1])  # nothing in it would run


def test_an_edited_register_is_read_as_far_as_it_goes() -> None:
    script = '# words\n# {"code": 1, "name": "a", "file": "a.py"}\n# {"code": "x"}\n# 5\n# {"code": 2'
    assert entries_of({"tasks": [{"taskParams": {"rawScript": script}}]}) == [Entry(1, "a", "a.py")]


def test_names_are_short_enough_and_differ() -> None:
    assert register_name("github.com/acme/x") == PREFIX + "github.com/acme/x"
    one, other = register_name("x" * 300), register_name("x" * 301)
    assert max(len(one), len(other)) <= MAX_NAME
    assert one != other


def test_what_lies_below_a_path() -> None:
    entry = Entry(1, "w", "pipelines/daily/w.py")
    assert all(entry.within([p]) for p in (".", "pipelines", "pipelines/", "pipelines/daily", "pipelines/daily/w.py"))
    assert not any(entry.within([p]) for p in ("pipe", "pipelines/d", "other", "pipelines/daily/w"))
    assert not entry.within([])


def test_references() -> None:
    items = [{"projectCode": "other", "definitionCode": "up", "depTaskCode": ""}]
    tasks = (
        TaskDefinition("s", "SUB_PROCESS", {"processDefinitionCode": "sub"}),
        TaskDefinition("d", "DEPENDENT", {"dependence": {"dependTaskList": [{"dependItemList": items}]}}),
        TaskDefinition("e", "SHELL", {"rawScript": "x"}),
    )
    assert references(Definition("p", "w", tasks, ())) == {("p", "sub"), ("other", "up")}
