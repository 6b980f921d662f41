"""How many examples the fuzzer takes: the variable ``DSFLOW_FUZZ`` names a profile or a number of examples.

``ci``, the default, takes the same examples each time; the others take new ones.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

PROFILES = {"ci": 120, "long": 5000}
CHOICE = os.environ.get("DSFLOW_FUZZ", "ci")
COUNT = PROFILES[CHOICE] if CHOICE in PROFILES else int(CHOICE)


def fuzz(share: float = 1) -> settings:
    """The settings of a test that takes a share of the examples."""
    return settings(
        max_examples=max(1, int(COUNT * share)),
        derandomize=CHOICE == "ci",
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
