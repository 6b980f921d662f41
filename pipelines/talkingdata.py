"""TalkingData click fraud: from raw clicks to a served model."""

from dsflow import FeatureView, Param, Python, Shell, Switch, Table, Workflow
from dsflow import types as t

with Workflow(
    "talkingdata",
    project="fraud-detection",
    description="Load clicks, extract features, train, validate, deploy, and serve.",
    params={
        "data": Param("/tmp/talkingdata/train_sample.csv", local="{here}/data/train_sample.csv"),
        "database": "demo_db",
        "feature_dir": Param("/tmp/talkingdata/features", local="{state}/features"),
        "model_dir": Param("/tmp/talkingdata/models", local="{state}/models"),
        "device": "cpu",  # or cuda: where the training computes
        "memory": 0.25,  # how much of the worker's the training may take
        "min_auc": 0.7,
        "deployment": "demo",
        "predict_server": Param("127.0.0.1:8881", local="{predict_address}"),
        "zookeeper": "127.0.0.1:2181",
        "zookeeper_path": "/openmldb",
    },
) as wf:
    clicks = Table(
        "talkingdata",
        database=wf.params.database,
        ip=t.Int,
        app=t.Int,
        device=t.Int,
        os=t.Int,
        channel=t.Int,
        click_time=t.Timestamp,
        is_attributed=t.Int,
    )
    features = FeatureView(
        "features",
        source=clicks,
        label="is_attributed",
        sql="""
            SELECT is_attributed, app, device, os, channel, hour(click_time) AS hour, day(click_time) AS day,
                count(channel) OVER w1 AS qty,
                count(channel) OVER w2 AS ip_app_count,
                count(channel) OVER w3 AS ip_app_os_count
            FROM talkingdata
            WINDOW
                w1 AS (PARTITION BY ip ORDER BY click_time ROWS_RANGE BETWEEN 1h PRECEDING AND CURRENT ROW),
                w2 AS (PARTITION BY ip, app ORDER BY click_time ROWS_RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW),
                w3 AS (PARTITION BY ip, app, os ORDER BY click_time
                    ROWS_RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
        """,
    )

    create = clicks.create()
    load = clicks.load_offline(wf.params.data)
    extract = features.extract(wf.params.feature_dir, format="parquet")
    train = Python(
        "train",
        file="talkingdata_train.py",
        params={
            "features": ",".join(features.columns),
            "label": features.label,
            "fingerprints": ",".join(f"{name}:{value}" for name, value in features.fingerprints.items()),
        },
        outputs={"auc": float, "model_path": str},
    )
    deploy = features.deploy(wf.params.deployment, range_bias="inf", rows_bias="inf")
    online = clicks.load_online(wf.params.data)
    serve = features.serve(
        f"http://{wf.params.predict_server}", model_path=train.outputs.model_path, deployment=wf.params.deployment
    )
    reject = Shell("reject model", "echo 'AUC ${auc} is below ${min_auc}: the model is not deployed'; exit 1")

    create >> load >> extract >> train
    train >> Switch("validate", {train.outputs.auc >= wf.params.min_auc: deploy}, otherwise=reject)
    deploy >> online >> serve

if __name__ == "__main__":
    wf.cli()
