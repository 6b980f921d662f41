"""The release series that dsflow knows."""

from dsflow.dolphinscheduler.wire import v3_1, v3_2, v3_3, v3_4
from dsflow.dolphinscheduler.wire.series import Series
from dsflow.dolphinscheduler.wire.words import Words

SERIES: tuple[Series, ...] = (v3_4.SERIES, v3_3.SERIES, v3_2.SERIES, v3_1.SERIES)
"""Those of servers, the newest first."""

NEWEST = next(series for series in SERIES if not series.experimental)
FILES: tuple[Words, ...] = (NEWEST.words, v3_3.WORDS)
"""The words of the files that can be read; files are written in the first."""


def series_of(version: tuple[int, ...]) -> Series | None:
    """The series of a version's numbers; None for one that is not known."""
    return next((series for series in SERIES if series.version == version[:2]), None)
