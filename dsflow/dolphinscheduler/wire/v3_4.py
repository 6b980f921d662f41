"""DolphinScheduler 3.4, which calls all that dsflow needs as 3.3 does; see docs/series.md."""

from dataclasses import replace

from dsflow.dolphinscheduler.wire import v3_3

SERIES = replace(v3_3.SERIES, version=(3, 4), deals_by_length=False)
