"""A feature misspelt in the training step's list, and the label among the features."""

from dsflow import FeatureView, Python, Table, Workflow
from dsflow import types as t

with Workflow("w", project="p") as wf:
    clicks = Table("clicks", database="db", ip=t.Int, app=t.Int, device=t.Int, bought=t.Int)
    view = FeatureView("view", source=clicks, label="bought", sql="SELECT ip, app, device, bought FROM clicks")
    train = Python(
        "train",
        "print('${features}', '${label}')",
        params={
            "features": "ip,app,devise",  # <- DSF140
            "label": "bougt",  # <- DSF140
        },
    )
    again = Python(
        "again",
        """
        COLUMNS = ["ip", "app", "devices"]  # <- DSF140
        print(COLUMNS)
        """,
    )
    reads = Python(
        "reads",
        """
        import pandas as pd

        FEATURES = ["price", "bought"]  # <- DSF140 DSF140
        frame = pd.read_csv("/data/f/part-00000.csv")
        print(frame[FEATURES], frame["device"], frame["buoght"])  # <- DSF140
        """,
        params={"label": "app"},  # <- DSF140
    )
    leak = Python(
        "leak",
        "print('${features}')",
        params={"features": "ip,app,bought"},  # <- DSF140
    )
    (
        clicks.create()
        >> clicks.load_offline("/data/clicks.csv")
        >> view.extract("/data/f")
        >> [
            train,
            again,
            reads,
            leak,
        ]
    )
