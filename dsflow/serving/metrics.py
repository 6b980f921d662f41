"""What /metrics shows, in Prometheus' text format.

With several workers each one writes its numbers into files of a folder (PROMETHEUS_MULTIPROC_DIR, which must be set
before this process imports prometheus_client), and any of them answers for all. The features' statistics alone are
those of the worker that answers.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector

from dsflow.serving.contract import Feature
from dsflow.serving.drift import Drift

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
MULTIPROCESS = "PROMETHEUS_MULTIPROC_DIR"

_BUCKETS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
PARTS = ("openmldb", "model", "rest")

DriftSource = Callable[[], Mapping[str, tuple[tuple[Feature, ...], Mapping[str, Drift]]]]


class Metrics:
    """The counters of one process.

    Args:
        drift: service -> the training's features, and how those that were served lately compare; asked at a scrape.
    """

    def __init__(self, drift: DriftSource = dict) -> None:
        self._registry = registry = CollectorRegistry()
        self._requests = Counter(
            "dsflow_serve_requests", "Requests by path and status.", ("path", "service", "status"), registry=registry
        )
        self._errors = Counter(
            "dsflow_serve_errors",
            "Requests that were not answered well, by kind.",
            ("service", "kind"),
            registry=registry,
        )
        self._rows = Counter("dsflow_serve_rows", "Rows that were predicted.", ("service",), registry=registry)
        self._seconds = Histogram(
            "dsflow_serve_predict_seconds",
            "Seconds of a request to /predict: asking OpenMLDB, the model, and the rest.",
            ("service", "part"),
            buckets=_BUCKETS,
            registry=registry,
        )
        self._updates = Counter(
            "dsflow_serve_updates", "Updates and rollbacks by result.", ("service", "result"), registry=registry
        )
        self._ready = Gauge(
            "dsflow_serve_ready",
            "1 while a pair is served.",
            ("service",),
            registry=registry,
            multiprocess_mode="mostrecent",
        )
        self._shadow = Counter(
            "dsflow_serve_shadow_rows",
            "Rows that the shadow answered: equal, different, error, or dropped.",
            ("service", "result"),
            registry=registry,
        )
        self._drift = drift
        self._children: dict[tuple[object, ...], Any] = {}

    def request(self, path: str, service: str, status: int) -> None:
        """A request was answered."""
        key = ("request", path, service, status)
        child = self._children.get(key)
        if child is None:
            child = self._children[key] = self._requests.labels(path, service, str(status))
        child.inc()

    def error(self, service: str, kind: str) -> None:
        """A request ended in an error of that kind."""
        self._errors.labels(service, kind).inc()

    def predicted(self, service: str, rows: int, openmldb: float, model: float, rest: float) -> None:
        """Rows were predicted; seconds of each part of the request."""
        children = self._children.get(("predicted", service))
        if children is None:
            children = self._children["predicted", service] = (
                self._rows.labels(service),
                *(self._seconds.labels(service, part) for part in PARTS),
            )
        children[0].inc(rows)
        children[1].observe(openmldb)
        children[2].observe(model)
        children[3].observe(rest)

    def updated(self, service: str, result: str) -> None:
        """An update or a rollback ended: ``ok`` or ``refused``."""
        self._updates.labels(service, result).inc()

    def ready(self, service: str, ready: bool) -> None:
        """Whether a service has a pair."""
        self._ready.labels(service).set(1 if ready else 0)

    def shadowed(self, service: str, result: str, rows: int) -> None:
        """Rows that the shadow answered ``equal`` or ``different``, or could not (``error``, ``dropped``)."""
        self._shadow.labels(service, result).inc(rows)

    def text(self) -> bytes:
        """All of it, as a scrape gets it."""
        registry = self._registry
        if os.environ.get(MULTIPROCESS):
            registry = CollectorRegistry()
            collector: Any = MultiProcessCollector
            collector(registry)
        features = CollectorRegistry()
        features.register(_Features(self._drift))
        return generate_latest(registry) + generate_latest(features)


class _Features:
    """The features that were served lately, against the training's."""

    def __init__(self, drift: DriftSource) -> None:
        self._source = drift

    def describe(self) -> list[GaugeMetricFamily]:
        """Nothing: so that registering it does not ask."""
        return []

    def collect(self) -> Iterator[GaugeMetricFamily]:
        labels = ("service", "feature")

        def gauge(name: str, about: str) -> GaugeMetricFamily:
            return GaugeMetricFamily(f"dsflow_serve_feature_{name}", about, labels=labels)

        rows = GaugeMetricFamily(
            "dsflow_serve_feature_rows", "Rows served lately that the numbers are of.", labels=("service",)
        )
        served_mean, trained_mean = gauge("mean", "Mean of the values served."), gauge("training_mean", "In training.")
        served_missing = gauge("missing_ratio", "Share of the rows served without a value.")
        trained_missing = gauge("training_missing_ratio", "In training.")
        index = gauge("stability_index", "Population stability index of the rows served against the training's.")
        for service, (features, found) in self._source().items():
            if found:
                rows.add_metric((service,), next(iter(found.values())).rows)
            for feature in features:
                told, drift = feature.statistics, found.get(feature.name)
                names = (service, feature.name)
                if told is not None:
                    trained_mean.add_metric(names, told.mean)
                    trained_missing.add_metric(names, told.missing / told.count if told.count else 0.0)
                if drift is not None:
                    served_mean.add_metric(names, drift.mean)
                    served_missing.add_metric(names, drift.missing)
                    if drift.index is not None:
                        index.add_metric(names, drift.index)
        yield from (rows, served_mean, trained_mean, served_missing, trained_missing, index)
