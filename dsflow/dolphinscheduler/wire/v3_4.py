"""DolphinScheduler 3.4, which says all that dsflow needs as 3.3 does.

What its authors meet otherwise (see docs/series.md) lies in its master, not in what is sent.
"""

from dataclasses import replace

from dsflow.dolphinscheduler.wire import v3_3

SERIES = replace(v3_3.SERIES, version=(3, 4))
