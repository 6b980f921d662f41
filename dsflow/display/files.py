"""A workflow's picture as a file: SVG, PNG, an HTML page, Mermaid's text."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from pathlib import Path

from dsflow.definition import Definition
from dsflow.display.mermaid import workflow_mermaid
from dsflow.display.svg import workflow_svg
from dsflow.display.terminal import workflow_text
from dsflow.errors import ConfigError, MissingExtraError

_PAGE = (
    "<!doctype html>\n<html lang='en'>\n<meta charset='utf-8'>\n"
    "<meta name='viewport' content='width=device-width'>\n<title>{}</title>\n"
    "<style>:root {{color-scheme: light dark}} body {{font-family: system-ui, sans-serif; margin: 2rem}}"
    " svg {{max-width: 100%; height: auto}} pre {{overflow-x: auto}}</style>\n{}\n<pre>{}</pre>\n</html>\n"
)
_ZOOM = 2  # pixels of a PNG for one of the SVG


def write_picture(definition: Definition, path: Path, *, every: bool = False) -> None:
    """Draw a workflow into a file; its name's end says how.

    Args:
        path: ``*.svg``, ``*.html``, ``*.mmd`` or ``*.png``.
        every: with a box for each node of a step; else a step has one.

    Raises:
        ConfigError: another end, or the file cannot be written.
        MissingExtraError: a PNG is wanted, and what draws it is not installed.
    """
    draw = _FORMS.get(path.suffix.lower())
    if draw is None:
        raise ConfigError(f"{path}: no picture is called so", hint="name a file *.svg, *.html, *.mmd or *.png")
    data = draw(definition, every)
    try:
        path.write_bytes(data)
    except OSError as error:
        raise ConfigError(f"cannot write {path}: {error.strerror}") from error


def _svg(definition: Definition, every: bool) -> bytes:
    return workflow_svg(definition, every=every).encode()


def _html(definition: Definition, every: bool) -> bytes:
    title = escape(f"{definition.project} / {definition.name}")
    text = escape(workflow_text(definition, every=every))
    return _PAGE.format(title, workflow_svg(definition, every=every), text).encode()


def _mermaid(definition: Definition, every: bool) -> bytes:
    return workflow_mermaid(definition, every=every).encode()


def _png(definition: Definition, every: bool) -> bytes:
    try:
        import resvg_py
    except ImportError as error:
        raise MissingExtraError("a picture as PNG", "png", "resvg-py") from error
    return bytes(
        resvg_py.svg_to_bytes(svg_string=workflow_svg(definition, every=every), zoom=_ZOOM, background="white")
    )


_FORMS: dict[str, Callable[[Definition, bool], bytes]] = {
    ".svg": _svg,
    ".html": _html,
    ".mmd": _mermaid,
    ".png": _png,
}
