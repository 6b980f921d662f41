"""Two workflows that belong together: features are refreshed each night, and a report waits for them.

`dsflow deploy examples/nightly.py` submits them in the right order, whichever is declared first.
"""

from datetime import datetime

from dsflow import (
    Conditions,
    Dependent,
    DependsOn,
    FeatureView,
    Http,
    Index,
    Param,
    Schedule,
    Shell,
    SubWorkflow,
    Table,
    Workflow,
    failed,
)
from dsflow import types as t

PROJECT = "nightly"
PARAMS: dict[str, Param | str] = {
    "warehouse": Param("/data/warehouse", local="{here}/data"),
    "zookeeper": "127.0.0.1:2181",
    "zookeeper_path": "/openmldb",
}

# -- what is called by others ---------------------------------------------------------------------------------

with Workflow("refresh orders", project=PROJECT, params=PARAMS, execution_type="SERIAL_WAIT") as refresh:
    orders = Table(
        "orders",
        database="shop",
        indexes=[Index(["customer"], ts="placed", ttl_type="absolute", ttl="90d")],
        customer=t.BigInt,
        placed=t.Timestamp,
        amount=t.Double,
    )
    spending = FeatureView(
        "spending",
        source=orders,
        sql="""
            SELECT customer, placed, sum(amount) OVER month AS spent, count(amount) OVER month AS orders
            FROM orders
            WINDOW month AS (PARTITION BY customer ORDER BY placed ROWS_RANGE BETWEEN 30d PRECEDING AND CURRENT ROW)
        """,
    )
    load = orders.load_offline(refresh.params.warehouse / "orders", format="parquet", retries=2, retry_interval=5)
    orders.create() >> load >> spending.extract(refresh.params.warehouse / "spending", format="parquet")

# -- what runs by the clock -----------------------------------------------------------------------------------

with Workflow(
    "nightly",
    project=PROJECT,
    description="Refreshes what the shop's models read, and says when it could not.",
    params={"chat": "chat.example/hooks/data"},
    schedule=Schedule("0 30 2 * * ? *", timezone="Asia/Shanghai", start=datetime(2026, 1, 1)),
    timeout=180,
) as nightly:
    wait = Dependent(
        "wait for the warehouse", DependsOn("load warehouse", project="warehouse", date="today"), timeout=60
    )
    run = SubWorkflow("refresh", refresh)
    done = Shell("done", "echo 'refreshed for $[yyyyMMdd-1]'")
    alarm = Http("tell the team", "POST", f"http://{nightly.params.chat}", json={"text": "the nightly refresh failed"})

    wait >> run
    Conditions("did it work?", failed(run), success=alarm, failure=done)

if __name__ == "__main__":
    nightly.cli()
