"""One process of ``dsflow serve --workers N``; its parent is `dsflow.serving.workers`.

What it needs comes as JSON on standard input: the settings, the descriptors of the socket that it listens on and of the
line to its parent.
"""

from __future__ import annotations

import json
import logging
import socket
import sys
from typing import NoReturn

from dsflow.serving.errors import ServingError
from dsflow.serving.logs import configure
from dsflow.serving.server import run_worker
from dsflow.serving.settings import Settings


def main() -> NoReturn:
    """Serve until SIGTERM, or until the parent is gone."""
    about = json.load(sys.stdin)
    settings = Settings.from_json(about["settings"])
    configure(settings.options.log)
    listening = socket.socket(fileno=about["listening"])
    try:
        run_worker(settings, listening, about["link"])
    except ServingError as error:
        logging.getLogger("dsflow.serving").error("%s", error)
        sys.exit(1)
    sys.exit(0)
