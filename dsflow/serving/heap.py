"""The garbage collector of a process that does nothing but serve.

A full collection looks at every object. Libraries leave some hundred thousand behind when they are imported, which
takes tens of milliseconds, every few seconds under load, while nobody is answered: it was the p99 of a loaded server.
What is there once the libraries are imported stays until the end, so it is taken out of what is looked at.
"""

from __future__ import annotations

import gc
import sys
import time

_NEW_OBJECTS = 10_000
"""Objects that are made and still there before the youngest are looked through: what 64 requests under way hold, many
times over. The default of 700 had requests under way looked at and kept as old again and again."""


_SECONDS = 5.0
"""Between two full collections: with so little to look at they take a millisecond or two, and rarer ones would keep
models of before in memory for minutes."""


class Heap:
    """Keeps what imports leave behind out of the collector's sight."""

    def __init__(self) -> None:
        self._modules = 0
        self._collected = 0.0

    def settle(self) -> None:
        """Once the process has started, and every now and then after; mostly it does nothing."""
        modules, now = len(sys.modules), time.monotonic()
        if modules != self._modules:
            if not self._modules:
                gc.set_threshold(_NEW_OBJECTS, *gc.get_threshold()[1:])
            self._modules = modules
            gc.collect()  # what is garbage now would stay for ever
            gc.freeze()
        elif now - self._collected > _SECONDS:
            gc.collect()
        else:
            return
        self._collected = now
