"""Make the data of the templates of `dsflow init`: made up, with a signal that a model finds.

python tools/make_template_data.py     # writes dsflow/templates/*/data/*.csv, the same bytes each time
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

TEMPLATES = Path(__file__).parents[1] / "dsflow/templates"
START = pd.Timestamp("2026-01-05")


def payments(rng: np.random.Generator) -> pd.DataFrame:
    """Cards pay now and then; a stolen one pays often, within minutes, at many merchants, and more."""
    rows = []
    for card in range(100):
        for day in range(14):
            for _ in range(rng.poisson(0.9)):
                seconds = day * 86400 + int(rng.normal(14, 4) * 3600)
                rows.append((card, int(rng.integers(8)), rng.lognormal(3, 0.8), seconds, 0))
        if rng.random() < 0.25:
            seconds = int(rng.uniform(1, 13.5) * 86400)
            for _ in range(int(rng.integers(4, 11))):
                seconds += int(rng.exponential(100)) + 1
                rows.append((card, int(rng.integers(8, 40)), rng.lognormal(3.8, 0.8), seconds, 1))
    frame = pd.DataFrame(rows, columns=["card", "merchant", "amount", "seconds", "is_fraud"])
    return moments(frame, "paid_at")[["card", "merchant", "amount", "paid_at", "is_fraud"]]


def weather(rng: np.random.Generator) -> pd.DataFrame:
    """Every zone has its own rain, which comes and goes."""
    rows = []
    for zone in range(6):
        wet = rng.random(14 * 8) < 0.25
        for step, rain in enumerate(wet):
            celsius = 4 + 5 * np.sin((step % 8 - 2) / 8 * 2 * np.pi) + rng.normal()
            rows.append((zone, round(rng.exponential(2.0), 1) if rain else 0.0, round(celsius, 1), step * 10800))
    frame = pd.DataFrame(rows, columns=["zone", "rain", "celsius", "seconds"])
    return moments(frame, "measured")[["zone", "measured", "rain", "celsius"]]


def trips(rng: np.random.Generator, sky: pd.DataFrame) -> pd.DataFrame:
    """The minutes grow with distance, rain, rush hours, and with how jammed a zone is in that hour."""
    jam = rng.gamma(6, 1 / 6, size=(6, 14 * 24))
    wet = sky.assign(step=(pd.to_datetime(sky["measured"]) - START) // pd.Timedelta("3h")).set_index(["zone", "step"])
    rows = []
    for _ in range(3000):
        zone, seconds = int(rng.integers(6)), int(rng.integers(14 * 86400))
        hour = seconds // 3600 % 24
        distance = rng.lognormal(0.9, 0.6)
        rush = 1.5 if hour in (7, 8, 9, 17, 18, 19) else 1.0
        rain = float(wet.loc[(zone, seconds // 10800), "rain"])
        speed = 2.6 / (rush * (1 + 0.15 * rain) * jam[zone, seconds // 3600])
        minutes = 2 + distance * 5 / speed * rng.lognormal(0, 0.1)
        rows.append((zone, round(distance, 2), int(rng.integers(1, 5)), round(minutes, 1), seconds))
    frame = pd.DataFrame(rows, columns=["zone", "distance", "passengers", "minutes", "seconds"])
    return moments(frame, "pickup")[["zone", "pickup", "distance", "passengers", "minutes"]]


def orders(rng: np.random.Generator) -> pd.DataFrame:
    """A week of a few shops."""
    count = 600
    frame = pd.DataFrame(
        {
            "shop": rng.integers(1, 6, count),
            "article": rng.integers(100, 160, count),
            "amount": rng.lognormal(2.5, 0.7, count),
            "seconds": rng.integers(0, 7 * 86400, count),
        }
    )
    return moments(frame, "placed")[["shop", "article", "amount", "placed"]]


def moments(frame: pd.DataFrame, name: str) -> pd.DataFrame:
    """Seconds as times, in order; amounts in cents."""
    frame = frame.sort_values("seconds", kind="stable", ignore_index=True)
    frame[name] = START + pd.to_timedelta(frame["seconds"], unit="s")
    return frame.round({"amount": 2})


def main() -> None:
    """Write them all."""
    rng = np.random.default_rng(20260105)
    sky = weather(rng)
    driven = trips(rng, sky)
    files = {
        "fraud/data/payments.csv": payments(rng),
        "regression/data/weather.csv": sky,
        "regression/data/trips.csv": driven[::2],
        "regression/data/others.csv": driven[1::2],
        "etl/data/orders.csv": orders(rng),
    }
    for name, frame in files.items():
        frame.to_csv(TEMPLATES / name, index=False, lineterminator="\n", date_format="%Y-%m-%d %H:%M:%S")
        print(f"{name}: {len(frame)} rows")


if __name__ == "__main__":
    main()
