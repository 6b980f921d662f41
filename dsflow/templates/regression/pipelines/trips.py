"""Taxi trips: how long a trip will take, from the trip, the weather and what others have just needed."""

from dsflow import FeatureView, Param, Python, Shell, Switch, Table, Workflow
from dsflow import types as t

with Workflow(
    "trips",
    project="trips",
    description="Train on trips, check the model, deploy the features, and serve.",
    params={
        "trips": Param("/data/trips.csv", local="{here}/../data/trips.csv"),
        "others": Param("/data/others.csv", local="{here}/../data/others.csv"),
        "weather": Param("/data/weather.csv", local="{here}/../data/weather.csv"),
        "feature_dir": Param("/data/features", local="{state}/features"),
        "model_dir": Param("/data/models", local="{state}/models"),
        "predict_server": Param("127.0.0.1:8881", local="{predict_address}"),
        "max_error": 0.8,
        "zookeeper": "127.0.0.1:2181",
        "zookeeper_path": "/openmldb",
    },
) as wf:
    trips = Table(
        "trips",
        database="taxi",
        zone=t.Int,
        pickup=t.Timestamp,
        distance=t.Double,
        passengers=t.Int,
        minutes=t.Double,
    )
    others = Table(  # what another company drives
        "others",
        database="taxi",
        zone=t.Int,
        pickup=t.Timestamp,
        distance=t.Double,
        passengers=t.Int,
        minutes=t.Double,
    )
    weather = Table("weather", database="taxi", zone=t.Int, measured=t.Timestamp, rain=t.Double, celsius=t.Double)
    # The window holds the last hour of both companies. It leaves the row itself out: its minutes are what is to be
    # predicted, and no request knows them.
    features = FeatureView(
        "trip_features",
        source=trips,
        label="minutes",
        sql="""
            SELECT minutes, bigint(pickup) AS moment, distance, passengers,
                hour(pickup) AS hour, dayofweek(pickup) AS weekday, rain, celsius,
                minutes_1h, distance_1h, trips_1h
            FROM (
                SELECT zone, pickup, distance, passengers, minutes,
                    avg(minutes) OVER recent AS minutes_1h,
                    avg(distance) OVER recent AS distance_1h,
                    count(minutes) OVER recent AS trips_1h
                FROM trips
                WINDOW recent AS (UNION others PARTITION BY zone ORDER BY pickup
                    ROWS_RANGE BETWEEN 1h PRECEDING AND CURRENT ROW EXCLUDE CURRENT_ROW)
            ) AS driven
            LAST JOIN weather ORDER BY weather.measured
                ON driven.zone = weather.zone -- dsflow: ignore[DSF131] every trip has a zone
                AND weather.measured <= driven.pickup
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
        outputs={"error": float, "model_path": str},
    )
    deploy = features.deploy(range_bias="inf")
    serve = features.serve(f"http://{wf.params.predict_server}", model_path=train.outputs.model_path)
    reject = Shell("reject model", "echo 'its error is ${error} of the mean: the model is not deployed'; exit 1")

    sources = {trips: wf.params.trips, others: wf.params.others, weather: wf.params.weather}
    extract = features.extract(wf.params.feature_dir, format="parquet")
    for table, path in sources.items():
        table.create() >> table.load_offline(path) >> extract
        deploy >> table.load_online(path) >> serve
    extract >> train
    train >> Switch("good enough?", {train.outputs.error <= wf.params.max_error: deploy}, otherwise=reject)

if __name__ == "__main__":
    wf.cli()
