"""What a data scientist looks at after a training, drawn from the figures that the step gave.

Each plot is an SVG without a ground, in tones that read on white and on black alike, with its texts as text.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from dsflow.consistency import ConsistencyReport

_GREY, _MAIN, _OTHER = "#76818e", "#3b82f6", "#f59e0b"
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.edgecolor": _GREY,
    "axes.labelcolor": _GREY,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "text.color": _GREY,
    "xtick.color": _GREY,
    "ytick.color": _GREY,
    "grid.color": _GREY,
    "grid.alpha": 0.25,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.titlecolor": _GREY,
}
_MOST_FEATURES = 20
_COLUMNS = 4


@dataclass(frozen=True)
class Plot:
    """One drawing.

    Attributes:
        title: what it shows, in a few words.
        svg: an ``<svg>`` element, complete in itself.
    """

    title: str
    svg: str


def plots(figures: Mapping[str, Any]) -> list[Plot]:
    """The plots of what is there; the same figures give the same bytes.

    Args:
        figures: as the functions of `dsflow.worker.figures` write them.

    Raises:
        ImportError: matplotlib is not installed.
        KeyError, TypeError, ValueError: the figures are not of that form.
    """
    found = []
    if "roc" in figures:
        found.append(_drawn(f"ROC curve, area {figures['auc']:.4f}", (3.4, 3.1), lambda axes: _roc(axes, figures)))
        title = f"Precision and recall, average precision {figures['average_precision']:.4f}"
        found.append(_drawn(title, (3.4, 3.1), lambda axes: _precision_recall(axes, figures)))
        found.append(_drawn("Calibration", (3.4, 3.1), lambda axes: _calibration(axes, figures)))
    if "predicted" in figures:
        found.append(_drawn("Predictions and answers", (3.4, 3.1), lambda axes: _predicted(axes, figures)))
        found.append(_drawn("What it is off by", (3.4, 3.1), lambda axes: _off(axes, figures)))
    if figures.get("importance"):
        most = sorted(figures["importance"].items(), key=lambda item: item[1])[-_MOST_FEATURES:]
        size = (3.4, max(1.2, 0.28 * len(most) + 0.6))
        found.append(_drawn("Importance of the features", size, lambda axes: _importance(axes, most)))
    if known := _trained(figures):
        found.append(_small_multiples("Distributions of the features in the training", known))
    return found


def _roc(axes: Axes, figures: Mapping[str, Any]) -> None:
    axes.plot([0, 1], [0, 1], color=_GREY, linewidth=0.8, linestyle="--")
    axes.plot(*figures["roc"], color=_MAIN)
    axes.set(xlabel="false positive rate", ylabel="true positive rate", xlim=(0, 1), ylim=(0, 1.02))


def _precision_recall(axes: Axes, figures: Mapping[str, Any]) -> None:
    axes.axhline(figures["positives"] / figures["rows"], color=_GREY, linewidth=0.8, linestyle="--")
    axes.plot(*figures["precision_recall"], color=_MAIN)
    axes.set(xlabel="recall", ylabel="precision", xlim=(0, 1), ylim=(0, 1.02))


def _calibration(axes: Axes, figures: Mapping[str, Any]) -> None:
    predicted, observed = figures["calibration"]
    # of a rare class all is near to zero
    most = 1.1 * max([*predicted, *observed, 1e-6])
    axes.plot([0, most], [0, most], color=_GREY, linewidth=0.8, linestyle="--")
    axes.plot(predicted, observed, color=_MAIN, marker="o", markersize=4)
    axes.set(xlabel="predicted share of positives", ylabel="observed share", xlim=(0, most), ylim=(0, most))


def _predicted(axes: Axes, figures: Mapping[str, Any]) -> None:
    predicted, observed = figures["predicted"]
    ends = [min([*predicted, *observed]), max([*predicted, *observed])]
    axes.plot(ends, ends, color=_GREY, linewidth=0.8, linestyle="--")
    axes.plot(predicted, observed, color=_MAIN, marker="o", markersize=4)
    axes.set(xlabel="mean prediction, by tenths", ylabel="mean answer")


def _off(axes: Axes, figures: Mapping[str, Any]) -> None:
    axes.axvline(0, color=_GREY, linewidth=0.8, linestyle="--")
    axes.plot(*figures["off"], color=_MAIN, marker="o", markersize=4)
    axes.set(xlabel="prediction - answer", ylabel="share of the rows below", ylim=(0, 1))


def _importance(axes: Axes, most: list[tuple[str, float]]) -> None:
    total = sum(value for _, value in most) or 1.0
    axes.barh([name for name, _ in most], [value / total for _, value in most], color=_MAIN)
    axes.grid(axis="y", visible=False)
    axes.set(xlabel="share of the gain")


def compared(report: ConsistencyReport) -> Plot | None:
    """The distributions of the features offline and online, over the rows that were compared; None without numbers.

    Raises:
        ImportError: matplotlib is not installed.
    """
    known = [
        _Spread(column.name, column.spread.edges, column.spread.offline, column.spread.online)
        for column in report.columns
        if column.spread is not None
    ]
    return _small_multiples("Distributions, offline and online", known[:_MOST_FEATURES]) if known else None


@dataclass(frozen=True)
class _Spread:
    """One feature: its bins' edges, and the shares in them, of one side or of two."""

    name: str
    edges: Sequence[float]
    offline: Sequence[float]
    online: Sequence[float] | None = None


def _trained(figures: Mapping[str, Any]) -> list[_Spread]:
    found = []
    for feature in figures.get("features", ()):
        statistics = feature.get("statistics", {})
        if statistics.get("shares"):
            found.append(_Spread(feature["name"], statistics["edges"], statistics["shares"]))
    return found[:_MOST_FEATURES]


def _small_multiples(title: str, known: list[_Spread]) -> Plot:
    import matplotlib
    from matplotlib.figure import Figure

    rows = -(-len(known) // _COLUMNS)
    with matplotlib.rc_context({**_STYLE, "font.size": 8, "svg.hashsalt": title}):
        figure = Figure(figsize=(10.4, 1.75 * rows + 0.3), layout="constrained")
        for place, each in enumerate(known):
            axes = figure.add_subplot(rows, _COLUMNS, place + 1)
            bins = range(len(each.offline))
            both = each.online is not None
            wide = 0.4 if both else 0.8
            axes.bar([n - (0.2 if both else 0) for n in bins], each.offline, wide, color=_MAIN, label="offline")
            if each.online is not None:
                axes.bar([n + 0.2 for n in bins], each.online, wide, color=_OTHER, label="online")
            axes.set_title(each.name, fontsize=9)
            axes.grid(axis="x", visible=False)
            step = max(1, -(-len(each.edges) // 5))
            places = [n + 0.5 for n in range(0, len(each.edges), step)]
            axes.set_xticks(places, [f"{edge:.3g}" for edge in each.edges[::step]])
        if any(each.online is not None for each in known):
            figure.legend(*axes.get_legend_handles_labels(), loc="outside lower left", ncols=2, frameon=False)
        return Plot(title, _svg(figure))


def _drawn(title: str, size: tuple[float, float], draw: Callable[[Axes], None]) -> Plot:
    import matplotlib
    from matplotlib.figure import Figure

    # ids of several drawings on one page must differ
    with matplotlib.rc_context({**_STYLE, "svg.hashsalt": title.partition(",")[0]}):
        figure = Figure(figsize=size, layout="constrained")
        draw(figure.add_subplot())
        return Plot(title, _svg(figure))


def _svg(figure: Any) -> str:
    out = io.StringIO()
    figure.savefig(out, format="svg", transparent=True, metadata=dict.fromkeys(("Creator", "Date", "Format", "Type")))
    text = out.getvalue()
    return text[text.index("<svg") :]  # without the head of a file of its own
