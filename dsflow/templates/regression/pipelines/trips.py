"""Taxi trips: how long a trip will take, from the trip, the weather and what others have just needed."""

from dsflow import FeatureView, Param, Python, Shell, Switch, Table, Workflow
from dsflow import types as t

with Workflow(
    "trips",
    project="trips",
    description="Train on trips, check the model, deploy the features, and serve.",
    params={
        "trips": Param("/data/trips.csv", local="{here}/../data/trips.csv"),
        "weather": Param("/data/weather.csv", local="{here}/../data/weather.csv"),
        "feature_dir": Param("/data/features", local="{state}/features"),
        "model_dir": Param("/data/models", local="{state}/models"),
        "predict_server": Param("http://127.0.0.1:8881", local="{predict_server}"),
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
    weather = Table("weather", database="taxi", zone=t.Int, measured=t.Timestamp, rain=t.Double, celsius=t.Double)
    # The window leaves the row itself out: its minutes are what is to be predicted, and no request knows them.
    features = FeatureView(
        "trip_features",
        source=trips,
        label="minutes",
        sql="""
            SELECT minutes, bigint(pickup) AS moment, distance, passengers,
                hour(pickup) AS hour, dayofweek(pickup) AS weekday, rain, celsius,
                avg(minutes) OVER recent AS minutes_1h,
                avg(distance) OVER recent AS distance_1h,
                count(minutes) OVER recent AS trips_1h
            FROM trips
            LAST JOIN weather ORDER BY weather.measured
                ON trips.zone = weather.zone -- dsflow: ignore[DSF131] every trip has a zone
                AND weather.measured <= trips.pickup
            WINDOW recent AS (PARTITION BY trips.zone ORDER BY trips.pickup
                ROWS_RANGE BETWEEN 1h PRECEDING AND CURRENT ROW EXCLUDE CURRENT_ROW)
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
    serve = features.serve(wf.params.predict_server, model_path=train.outputs.model_path)
    reject = Shell("reject model", "echo 'its error is ${error} of the mean: the model is not deployed'; exit 1")

    trips.create() >> weather.create() >> (load := trips.load_offline(wf.params.trips))
    load >> weather.load_offline(wf.params.weather) >> features.extract(wf.params.feature_dir) >> train
    train >> Switch("good enough?", {train.outputs.error <= wf.params.max_error: deploy}, otherwise=reject)
    deploy >> trips.load_online(wf.params.trips) >> weather.load_online(wf.params.weather) >> serve

if __name__ == "__main__":
    wf.cli()
