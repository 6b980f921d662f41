"""A server's process that ends with the one that started it, however that ends."""

from __future__ import annotations

import os
import signal
import threading


def end_with_parent() -> None:
    """Send this process a SIGTERM when the other end of its standard input is closed, as it is when nobody is there."""

    def watch() -> None:
        # not by sys.stdin, whose lock this thread would hold while the interpreter ends, which then aborts
        while os.read(0, 4096):
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True, name="dsflow-parent").start()
