"""Getting a file over HTTP."""

from __future__ import annotations

import time
from pathlib import Path

from dsflow.standalone.errors import StandaloneError

ATTEMPTS = 3
AS_IT_IS = {"Accept-Encoding": "identity"}  # a checksum is that of the file
PAUSE = 0.5  # seconds before the second attempt, then longer


def download(url: str, path: Path) -> None:
    """Write what is at a URL to a file.

    A connection that breaks, and an answer that says that the server is busy, are tried again.

    Raises:
        StandaloneError: the server does not answer, refuses, or sends less than it said.
    """
    import httpx

    for attempt in range(1, ATTEMPTS + 1):
        try:
            with (
                httpx.stream("GET", url, follow_redirects=True, timeout=60.0, headers=AS_IT_IS) as answer,
                path.open("wb") as file,
            ):
                if answer.status_code >= 500 and attempt < ATTEMPTS:
                    time.sleep(PAUSE * attempt)
                    continue
                if answer.status_code != 200:
                    raise StandaloneError(f"{url} answers {answer.status_code} {answer.reason_phrase}")
                for piece in answer.iter_raw():
                    file.write(piece)
                return
        except httpx.TransportError as error:
            if attempt == ATTEMPTS:
                reason = str(error) or type(error).__name__
                raise StandaloneError(f"{url} cannot be got: {reason}") from error
            time.sleep(PAUSE * attempt)
        except (httpx.InvalidURL, httpx.HTTPError) as error:
            raise StandaloneError(f"{url} cannot be got: {error}") from error
        except OSError as error:
            raise StandaloneError(f"cannot write {path}: {error.strerror}") from error


def read(url: str) -> str:
    """The text at a URL; the same errors as :func:`download`."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "text")
        download(url, path)
        return path.read_text(encoding="utf-8", errors="replace")
