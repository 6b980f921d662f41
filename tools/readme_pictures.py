"""Draw the README's pictures: ``python tools/readme_pictures.py``.

The workflow is drawn as ``show -o`` draws it. The terminal is what the README's own sample says a local run prints, in
the colours that a terminal gives it, so the two cannot tell different things.
"""

from __future__ import annotations

import importlib.util
import io
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

from dsflow.display.states import look
from dsflow.display.svg import workflow_svg

ROOT = Path(__file__).parents[1]
PICTURES = ROOT / "docs" / "pictures"
COMMAND = "python pipelines/talkingdata.py run --local"
BEGIN, END = "```text\n✓ SUCCESS", "\n```"
_WIDTH = 112

# no font is fetched: the page around it may not, and the reader's own does as well
_FORM = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">
<title>A local run in a terminal</title>
<style>
.{unique_id}-matrix {{ font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace;
  font-size: {char_height}px; line-height: {line_height}px }}
.{unique_id}-title {{ font-size: 18px; font-weight: bold; font-family: system-ui, sans-serif }}
{styles}
</style>
<defs><clipPath id="{unique_id}-clip-terminal"><rect x="0" y="0" width="{terminal_width}" height="{terminal_height}"/>
</clipPath>{lines}</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">{matrix}</g>
</g>
</svg>
"""
_THEME = TerminalTheme(
    (22, 27, 34),
    (214, 222, 230),
    [
        *((72, 79, 88), (248, 113, 113), (74, 222, 128), (250, 204, 21)),  # black, red, green, yellow
        *((96, 165, 250), (192, 132, 252), (34, 211, 238), (214, 222, 230)),  # blue, magenta, cyan, white
    ],
)


def sample() -> list[str]:
    """The lines of the README's sample of a local run."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    start = text.index(BEGIN) + len("```text\n")
    return text[start : text.index(END, start)].splitlines()


def terminal() -> str:
    """The sample as a terminal shows it."""
    console = Console(record=True, width=_WIDTH, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    console.print(Text.assemble(("$ ", "bold cyan"), (COMMAND, "bold")))
    for line in sample():
        console.print(_coloured(line), no_wrap=True, overflow="ellipsis", crop=True)
    return console.export_svg(title="dsflow", theme=_THEME, code_format=_FORM, unique_id="dsflow")


def _coloured(line: str) -> Text:
    text = Text(line)
    state = line[2:].split(" ", 1)[0]
    if line and line[0] in "✓✗↷" and look(state).symbol == line[0]:
        text.stylize(look(state).style, 0, 2 + len(state))
    return text


def workflow() -> str:
    """The reference pipeline as ``show -o`` draws it."""
    path = ROOT / "pipelines" / "talkingdata.py"
    spec = importlib.util.spec_from_file_location("talkingdata", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return workflow_svg(module.wf.definition())


def main() -> None:
    """Write both."""
    PICTURES.mkdir(exist_ok=True)
    (PICTURES / "workflow.svg").write_text(workflow(), encoding="utf-8")
    (PICTURES / "terminal.svg").write_text(terminal(), encoding="utf-8")


if __name__ == "__main__":
    main()
