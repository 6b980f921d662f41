from contextlib import suppress
from datetime import datetime, timezone
from pathlib import Path

import pytest

from dsflow import Schedule, Shell, Switch, Workflow
from dsflow.errors import DeclarationError


def edges(wf):
    return [(r.pre, r.post) for r in wf.definition().relations]


def tasks(names="abcd"):
    return [Shell(name, "true") for name in names]


@pytest.mark.parametrize(
    ("connect", "expected"),
    [
        (lambda a, b, c, d: a >> b >> c, "ab bc"),
        (lambda a, b, c, d: a << b << c, "ba cb"),
        (lambda a, b, c, d: a >> [b, c] >> d, "ab ac bd cd"),
        (lambda a, b, c, d: [a, b] >> c >> d, "ac bc cd"),
        (lambda a, b, c, d: [a, b] << c, "ca cb"),
        (lambda a, b, c, d: a << (b, c), "ba ca"),
        (lambda a, b, c, d: (a >> b, a >> b), "ab"),
        (lambda a, b, c, d: a >> [], ""),
    ],
)
def test_edges(connect, expected):
    with Workflow("w", project="p") as wf:
        connect(*tasks())
    assert sorted(edges(wf)) == sorted(tuple(pair) for pair in expected.split())


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda wf: Shell("a", "true") >> "b", "'b' is not a task"),
        (lambda wf: Shell("a", "true") >> None, "None is not a task"),
        (lambda wf: ["x"] >> Shell("a", "true"), "'x' is not a task"),
        (lambda wf: (a := Shell("a", "true")) >> a, "'a' cannot run after itself"),
        (lambda wf: tasks("ab")[0] >> other_task(), "belongs to the workflow 'other', not 'w'"),
        (lambda wf: (a := Shell("a", "true")) >> Shell("b", "true") >> a, "run in a circle: "),
        (lambda wf: Switch("s", {wf.params.x > 1: other_task()}, Shell("b", "true")), "of another workflow ('other')"),
    ],
)
def test_bad_edges(refused, make, says):
    refused(make, says, params={"x": 1})


def other_task():
    with Workflow("other", project="p"):
        return Shell("x", "true")


def test_a_circle_is_named_in_full():
    with Workflow("w", project="p") as wf:
        a, b, c, _ = tasks()
        a >> b >> c >> a
    with pytest.raises(DeclarationError, match=r"a >> b >> c >> a|b >> c >> a >> b|c >> a >> b >> c"):
        wf.definition()


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, {"timeout": 0, "execution_type": "PARALLEL", "release_state": "ONLINE", "warning_type": "NONE"}),
        ({"description": "d"}, {"description": "d"}),
        ({"timeout": 5}, {"timeout": 5}),
        ({"execution_type": "SERIAL_WAIT"}, {"execution_type": "SERIAL_WAIT"}),
        ({"warning_type": "ALL", "warning_group": "g"}, {"warning_type": "ALL", "warning_group": "g"}),
        ({"worker_group": "gpu"}, {"worker_group": "gpu"}),
        ({"online": False}, {"release_state": "OFFLINE"}),
    ],
)
def test_fields_come_into_the_definition(compiled, fields, expected):
    definition = compiled(lambda wf: tasks("a"), **fields)
    assert {name: getattr(definition, name) for name in expected} == expected


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"name": ""}, "a workflow's name must be a string"),
        ({"name": None}, "a workflow's name must be a string"),
        ({"project": " "}, "a project's name must be a string"),
        ({"execution_type": "SERIAL"}, "execution_type='SERIAL' is not one of PARALLEL"),
        ({"warning_type": "ERROR"}, "warning_type='ERROR' is not one of"),
        ({"warning_group": "g"}, "warning_group without a warning_type"),
        ({"timeout": 0}, "timeout=0 is not a number of minutes"),
        ({"timeout": True}, "timeout=True is not a number of minutes"),
        ({"timeout": "5"}, "timeout='5' is not a number of minutes"),
        ({"description": None}, "description=None is not a string"),
        ({"worker_group": ""}, "worker_group='' is not a name"),
        ({"online": "no"}, "online='no' is neither True nor False"),
        ({"schedule": 5}, "schedule=5 is neither a Schedule nor a cron text"),
        ({"schedule": "* * * * *"}, "has 5 fields"),
    ],
)
def test_bad_fields(fields, says):
    with pytest.raises(DeclarationError) as caught:
        Workflow(**{"name": "w", "project": "p"} | fields)
    assert says in str(caught.value)
    assert caught.value.where.file == __file__


def test_a_misspelt_field():
    with pytest.raises(TypeError, match="shedule"):
        Workflow("w", project="p", shedule="0 0 3 * * ?")


def test_no_tasks():
    with pytest.raises(DeclarationError, match="has no tasks"):
        Workflow("w", project="p").definition()


def test_blocks_may_be_nested_and_end_with_an_error():
    with Workflow("outer", project="p") as outer:
        inner = Workflow("inner", project="p")
        with suppress(ZeroDivisionError), inner:
            Shell("x", "true")
            raise ZeroDivisionError
        Shell("y", "true")
    assert (list(inner.tasks), list(outer.tasks)) == (["x"], ["y"])


@pytest.mark.parametrize(
    ("cron", "crontab"),
    [
        ("0 0 3 * * ?", "0 0 3 * * ? *"),
        ("0 0 3 * * ? *", "0 0 3 * * ? *"),
        ("0 0/5 8-18 ? * MON-FRI 2026", "0 0/5 8-18 ? * MON-FRI 2026"),
        ("*/10 * * ? * 6L", "*/10 * * ? * 6L *"),
        ("0 0 0 L-3 * ?", "0 0 0 L-3 * ? *"),
        ("0 0 0 15W JAN,jul ?", "0 0 0 15W JAN,jul ? *"),
        ("0 0 0 ? * 2#1", "0 0 0 ? * 2#1 *"),
        ("0 0 0 LW * ?", "0 0 0 LW * ? *"),
    ],
)
def test_schedules(cron, crontab):
    assert Schedule(cron).crontab == crontab


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"cron": "0 3 * * *"}, "has 5 fields"),
        ({"cron": ""}, "has 0 fields"),
        ({"cron": 5}, "is not a string"),
        ({"cron": "0 0 3 * * *"}, "needs a '?' in exactly one"),
        ({"cron": "0 0 3 ? * ?"}, "needs a '?' in exactly one"),
        ({"cron": "0 60 3 * * ?"}, "'60' is no minute"),
        ({"cron": "0 0 24 * * ?"}, "'24' is no hour"),
        ({"cron": "0 0 3 32 * ?"}, "'32' is no day of month"),
        ({"cron": "0 0 3 ? 13 2"}, "'13' is no month"),
        ({"cron": "0 0 3 ? * 8"}, "'8' is no day of week"),
        ({"cron": "a 0 3 * * ?"}, "'A' is no second"),
        ({"cron": "0 0 3 ? * MOND"}, "'MOND' is no day of week"),
        ({"cron": "0 0 3 * * ? soon"}, "'SOON' is no year"),
        ({"timezone": "Mars"}, "'Mars' is not a time zone"),
        ({"timezone": ""}, "'' is not a time zone"),
        ({"timezone": None}, "None is not a time zone"),
        ({"timezone": "../etc/passwd"}, "is not a time zone"),
        ({"start": "2024-01-01"}, "start='2024-01-01' is not a datetime"),
        ({"end": datetime(2024, 1, 1, tzinfo=timezone.utc)}, "is not a datetime without a time zone"),
        ({"start": datetime(2024, 1, 2), "end": datetime(2024, 1, 1)}, "ends before it starts"),
    ],
)
def test_bad_schedules(fields, says):
    with pytest.raises(DeclarationError) as caught:
        Schedule(**{"cron": "0 0 3 * * ?"} | fields)
    assert says in str(caught.value)
    assert caught.value.where.file == __file__


def test_a_schedule_in_the_definition(compiled):
    schedule = Schedule("0 0 3 * * ?", "Asia/Shanghai", datetime(2024, 1, 1), datetime(2024, 6, 1, 8, 30), online=False)
    assert compiled(lambda wf: tasks("a"), schedule=schedule).schedule.to_dict() == {
        "crontab": "0 0 3 * * ? *",
        "startTime": "2024-01-01 00:00:00",
        "endTime": "2024-06-01 08:30:00",
        "timezoneId": "Asia/Shanghai",
        "online": False,
        "failureStrategy": "CONTINUE",
        "processInstancePriority": "MEDIUM",
    }


def test_the_pipeline_s_folder():
    assert Workflow("w", project="p").folder == Path(__file__).parent


def test_a_folder_whose_name_begins_like_the_package_s_is_the_user_s(tmp_path):
    """A line in .../dsflow_pipelines/x.py is the user's, though .../dsflow is this package's folder."""
    import dsflow

    file = str(Path(dsflow.__file__).parent) + "_pipelines/x.py"
    names = {}
    exec(compile("from dsflow import *\nwf = Workflow('w', project='p')\n", file, "exec"), names)
    assert (names["wf"].where.file, names["wf"].where.line) == (file, 2)


def test_a_notebook_draws_it():
    with Workflow("w", project="p") as wf:
        tasks("a")
    assert wf._repr_svg_().startswith("<svg ")
