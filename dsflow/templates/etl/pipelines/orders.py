"""Nightly orders: load the day's file into OpenMLDB, sum it up by shop, and check that nothing is odd."""

from dsflow import Conditions, FeatureView, Param, Python, Schedule, Shell, Table, Workflow, succeeded
from dsflow import types as t

with Workflow(
    "orders",
    project="shop",
    description="Loads the orders, writes what each shop sold by day, and says when something is odd.",
    params={
        "orders": Param("/data/orders.csv", local="{here}/../data/orders.csv"),
        "sales_dir": Param("/data/sales", local="{state}/sales"),
        "zookeeper": "127.0.0.1:2181",
        "zookeeper_path": "/openmldb",
    },
    schedule=Schedule("0 30 2 * * ? *", timezone="Asia/Shanghai"),
) as wf:
    orders = Table("orders", database="shop", shop=t.Int, article=t.Int, amount=t.Double, placed=t.Timestamp)
    sales = FeatureView(
        "sales",
        source=orders,
        sql="""
            SELECT shop, month, day, count(amount) AS sold, sum(amount) AS amount
            FROM (SELECT shop, amount, month(placed) AS month, day(placed) AS day FROM orders) AS placed_orders
            GROUP BY shop, month, day
        """,
    )

    arrived = Shell("the file is there", "test -s '${orders}' || { echo 'no orders in ${orders}'; exit 1; }", retries=3)
    extract = sales.extract(wf.params.sales_dir)
    check = Python("check", file="check.py", outputs={"shops": int})
    done = Shell("done", "echo 'sales of ${shops} shops are in ${sales_dir}'")
    alarm = Shell("alarm", "echo 'the sales are odd: see the log of the task check'; exit 1")

    arrived >> orders.create() >> orders.load_offline(wf.params.orders) >> extract >> check
    Conditions("all right?", succeeded(check), success=done, failure=alarm)

if __name__ == "__main__":
    wf.cli()
