"""Card fraud: payments to features by OpenMLDB, a model, a check of its quality, and a service that scores payments."""

from dsflow import FeatureView, Param, Python, Shell, Switch, Table, Workflow
from dsflow import types as t

with Workflow(
    "fraud",
    project="fraud",
    description="Train on payments, check the model, deploy the features, and serve.",
    params={
        "payments": Param("/data/payments.csv", local="{here}/../data/payments.csv"),
        "feature_dir": Param("/data/features", local="{state}/features"),
        "model_dir": Param("/data/models", local="{state}/models"),
        "predict_server": Param("127.0.0.1:8881", local="{predict_address}"),
        "min_auc": 0.8,
        "zookeeper": "127.0.0.1:2181",
        "zookeeper_path": "/openmldb",
    },
) as wf:
    payments = Table(
        "payments",
        database="fraud",
        card=t.BigInt,
        merchant=t.Int,
        amount=t.Double,
        paid_at=t.Timestamp,
        is_fraud=t.Int,
    )
    features = FeatureView(
        "payment_features",
        source=payments,
        label="is_fraud",
        sql="""
            SELECT is_fraud, bigint(paid_at) AS moment, amount, hour(paid_at) AS hour,
                count(amount) OVER card_10m AS payments_10m,
                sum(amount) OVER card_10m AS spent_10m,
                count(amount) OVER card_1d AS payments_1d,
                avg(amount) OVER card_1d AS average_1d,
                distinct_count(merchant) OVER card_1d AS merchants_1d
            FROM payments
            WINDOW
                card_10m AS (PARTITION BY card ORDER BY paid_at ROWS_RANGE BETWEEN 10m PRECEDING AND CURRENT ROW),
                card_1d AS (PARTITION BY card ORDER BY paid_at ROWS_RANGE BETWEEN 1d PRECEDING AND CURRENT ROW)
        """,
    )

    train = Python(
        "train",
        file="train.py",
        params={
            "features": ",".join(name for name in features.columns if name != "moment"),
            "label": features.label,
            "moment": "moment",
        },
        outputs={"auc": float, "model_path": str},
    )
    deploy = features.deploy(range_bias="inf")
    serve = features.serve(f"http://{wf.params.predict_server}", model_path=train.outputs.model_path)
    reject = Shell("reject model", "echo 'AUC ${auc} is below ${min_auc}: the model is not deployed'; exit 1")

    extract = features.extract(wf.params.feature_dir, format="parquet")
    payments.create() >> payments.load_offline(wf.params.payments) >> extract >> train
    train >> Switch("good enough?", {train.outputs.auc >= wf.params.min_auc: deploy}, otherwise=reject)
    deploy >> payments.load_online(wf.params.payments) >> serve

if __name__ == "__main__":
    wf.cli()
