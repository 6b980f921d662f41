"""Workflows without a mistake: nothing may be found in them."""

from __future__ import annotations

from pathlib import Path

import pytest

from dsflow import FeatureView, Http, Index, OpenMLDB, Param, Python, Schedule, Shell, Table, Workflow
from dsflow import types as t
from dsflow.cli.loading import load_workflows
from dsflow.validation import check, findings_text, validate

ROOT = Path(__file__).parents[3]
PIPELINES = sorted(
    p
    for p in [*ROOT.glob("pipelines/*.py"), *ROOT.glob("examples/*.py"), *ROOT.glob("examples/*.yaml")]
    if "Workflow(" in p.read_text() or p.suffix == ".yaml"
)


def assert_clean(workflow: Workflow) -> None:
    report = check(workflow)
    assert not report.findings, findings_text(report.findings)


@pytest.mark.parametrize("path", PIPELINES, ids=lambda path: path.name)
def test_the_projects_own_pipelines(path: Path) -> None:
    for workflow in load_workflows(path):
        assert_clean(workflow)
        assert validate(workflow, workflow.definition()) == []


def test_shell_has_its_own_variables() -> None:
    with Workflow("w", project="p", params={"day": "2024-01-01", "limit": 3}) as wf:
        Shell(
            "script",
            """
            #!/usr/bin/env bash
            set -euo pipefail
            # ${nothing} in a comment is no placeholder
            export target="${HOME}/out" n=1
            read -r first second <<< "a b"
            for file in "${target}"/*.csv; do
                size=$(wc -c < "${file}")
                echo "${file} ${size} ${first} ${second} ${n} ${limit:-5} ${#file} ${day}"
            done
            while IFS=, read -r name value; do echo "${name}=${value}"; done < "${target}/x.csv"
            echo "$((limit + ${limit})) $[yyyyMMdd-1] ${SPARK_HOME} ${limit}"
            """,
        )
    assert_clean(wf)


def test_single_quotes_may_end_within_an_output_line() -> None:
    with Workflow("w", project="p") as wf:
        Shell("count", """found=3; echo '${setValue(found='"$found"')}'""", outputs={"found": int}) >> Shell(
            "say", "echo ${found}"
        )
    assert_clean(wf)


def test_python_has_its_own_braces() -> None:
    with Workflow("w", project="p", params={"day": "2024-01-01", "min_auc": 0.7}) as wf:
        Python(
            "script",
            '''
            """Says ${nothing} in its docstring."""
            import string  # and ${nothing} in a comment

            day = "${day}"
            limit = float("${min_auc}")
            price = 3
            print(f"{day}: ${price + 1} of {limit!r}", string.Template("${name}").substitute(name=day))
            assert limit > 0.5 and "${day}" != "x"
            ''',
        )
    assert_clean(wf)


def test_outputs_given_in_other_ways() -> None:
    def measure(limit: float) -> dict[str, float]:
        result = {}
        result["auc"] = limit
        return result

    with Workflow("w", project="p", params={"limit": 0.5}) as wf:
        function = Python("function", measure, args={"limit": wf.params.limit}, outputs={"auc": float})
        printed = Python(
            "printed",
            """
            def give(name, value):
                print("$" + "{setValue(" + f"{name}={value}" + ")}")

            give("rows", 3)
            """,
            outputs={"rows": int},
        )
        shell = Shell(
            "shell",
            """
            # echo "${setValue(old=1)}" was how it was done
            files=$(ls | wc -l)
            echo "#{setValue(files=${files})}"
            echo '${setValue(kind=csv)}'
            """,
            outputs={"files": int, "kind": str},
        )
        read = Shell("read", "echo ${auc} ${rows} ${files} ${kind}")
        [function, printed, shell] >> read
    assert_clean(wf)


def test_sql_by_hand_that_may_run_again() -> None:
    with Workflow("w", project="p", params={"db": "shop", "data": "/data/sales.csv", "out": "/data/out"}) as wf:
        create = OpenMLDB(
            "create",
            f"""
            CREATE DATABASE IF NOT EXISTS {wf.params.db};
            USE {wf.params.db};
            -- a comment; with a semicolon
            CREATE TABLE IF NOT EXISTS sales (id int, price double, sold timestamp, INDEX(KEY=id, TS=sold, TTL=90d))
                OPTIONS (PARTITIONNUM=4, REPLICANUM=1, STORAGE_MODE='Memory');
            """,
            "online",
        )
        load = OpenMLDB(
            "load",
            f"""
            USE {wf.params.db};
            SET @@spark_config='spark.executor.memory=2g;spark.executor.cores=2';
            LOAD DATA INFILE '{wf.params.data}' INTO TABLE sales
                OPTIONS (format='csv', header=true, delimiter=',', quote='"', null_value='', mode='overwrite');
            """,
        )
        export = OpenMLDB(
            "export",
            [
                f"USE {wf.params.db}",
                "SELECT id, sum(price) OVER w AS total, 'a;b' AS text FROM sales"
                " WINDOW w AS (PARTITION BY id ORDER BY sold"
                f" ROWS_RANGE BETWEEN 30d PRECEDING AND CURRENT ROW) INTO OUTFILE '{wf.params.out}'"
                " OPTIONS (mode='overwrite', format='parquet', coalesce=1)",
            ],
        )
        deploy = OpenMLDB(
            "deploy",
            """
            USE ${db};
            DROP DEPLOYMENT IF EXISTS totals;
            DEPLOY totals OPTIONS (RANGE_BIAS="inf", ROWS_BIAS=0, SYNC="true")
                SELECT id, sum(price) OVER w AS total FROM sales WINDOW w AS (PARTITION BY id ORDER BY sold
                    ROWS_RANGE BETWEEN 30d PRECEDING AND CURRENT ROW);
            """,
            "online",
        )
        online = OpenMLDB(
            "online",
            f"""
            USE {wf.params.db};
            SET @@sync_job=true;
            SET @@job_timeout=600000;
            TRUNCATE TABLE sales;
            LOAD DATA INFILE '{wf.params.data}' INTO TABLE sales
                OPTIONS (mode='append', thread=4, load_mode='cluster');
            """,
            "online",
        )
        create >> load >> export >> deploy >> online
    assert_clean(wf)


def test_joined_and_windowed_view() -> None:
    with Workflow("w", project="p", schedule=Schedule("0 0/15 8-20 ? * MON-FRI", timezone="Asia/Shanghai")) as wf:
        clicks = Table(
            "clicks",
            database="db",
            user=t.Int,
            seen=t.Timestamp,
            y=t.Int,
            indexes=[Index("user", ts="seen", ttl="2d"), Index("seen")],
        )
        users = Table("users", database="db", id=t.Int, age=t.Int, seen=t.Timestamp)
        view = FeatureView(
            "view",
            source=clicks,
            label="y",
            sql="""
                SELECT y, clicks.user, users.age AS age,
                    count(y) OVER w AS n
                FROM clicks
                LAST JOIN (SELECT * FROM users WHERE NOT isnull(id)) AS users ORDER BY users.seen
                    ON clicks.user = users.id
                WINDOW w AS (PARTITION BY clicks.user ORDER BY clicks.seen
                    ROWS_RANGE BETWEEN 1d PRECEDING AND CURRENT ROW)
            """,
        )
        loads = [clicks.load_offline("/data/clicks.csv"), users.load_offline("/data/users.csv")]
        extract = view.extract("/data/features")
        train = Python(
            "train",
            """
            FEATURES = "${features}".split(",")
            WEEKDAYS = ["mon", "tue", "wed"]
            print(FEATURES, WEEKDAYS)
            """,
            params={"features": ",".join(view.columns)},
        )
        clicks.create() >> loads[0] >> extract
        users.create() >> loads[1] >> extract >> train >> view.deploy(range_bias="inf")
    assert_clean(wf)


def test_secrets_that_are_none() -> None:
    with Workflow(
        "w",
        project="p",
        params={"token": "", "tokenizer": "bert", "token_file": "/run/secrets/token", "password": Param("<yours>")},
    ) as wf:
        Http("call", "GET", "https://example.com/x", headers={"Authorization": "Bearer ${token}", "Accept": "*/*"})
        Shell(
            "shell", 'PASSWORD="$(cat ${token_file})"; TOKEN=${token} curl -u me:"$PASSWORD" https://x; : ${password}'
        )
        Python("python", 'import os\ntoken = os.environ["TOKEN"]\npassword = "${password}"\nname = "${tokenizer}"\n')
    assert {finding.code for finding in check(wf).findings} == {"DSF415"}  # the empty parameter, not a secret


def test_a_table_of_another_workflow_is_not_an_error() -> None:
    with Workflow("w", project="p") as wf:
        OpenMLDB("out", ["USE db", "SELECT a FROM elsewhere INTO OUTFILE '/x' OPTIONS(mode='overwrite')"])
    report = check(wf)
    assert [(f.code, f.severity) for f in report.findings] == [("DSF104", "warning")]
    assert report.ok
