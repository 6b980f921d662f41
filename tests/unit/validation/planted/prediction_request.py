"""Requests that the prediction server refuses."""

from dsflow import FeatureView, Http, Shell, Table, Workflow
from dsflow import types as t

with Workflow("w", project="p", params={"server": "127.0.0.1:8881"}) as wf:
    clicks = Table("clicks", database="db", ip=t.Int, city=t.String, seen=t.Timestamp, bought=t.Int)
    view = FeatureView("view", source=clicks, label="bought", sql="SELECT bought, ip FROM clicks")
    ask = Http(
        "ask",
        "POST",
        f"http://{wf.params.server}/predict",
        json={
            "ip": "${server}",  # <- DSF143
            "city": "Hangzhou",
            "seen": "2017-11-06 17:21:28",
            "town": "x",  # <- DSF143
        },
    )
    named = Http(
        "named",
        "POST",
        f"http://{wf.params.server}/predict/clicks?probabilities=1",
        json={"city": "Hangzhou", "seen": "2017-11-06 17:21:28", "town": "x"},  # <- DSF143 DSF143
    )
    curl = Shell(
        "curl",
        """
        curl -sf http://${server}/predict -d '{"ip": "114904", "city": null, "seen": 1}'  # <- DSF143
        curl -sf "http://${server}/predict" -d "[{\\"ip\\": 1, \\"city\\": \\"x\\", \\"sen\\": 1}]"  # <- DSF143 DSF143
        """,
    )
    (
        clicks.create()
        >> view.deploy()
        >> view.serve(f"http://{wf.params.server}", model_path="/models/m.json")
        >> ask
        >> named
        >> curl
    )
