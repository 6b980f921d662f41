"""The command line: ``dsflow COMMAND ...`` and ``python pipelines/x.py COMMAND ...``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dsflow.declare.workflow import Workflow


def main(arguments: Sequence[str] | None = None) -> None:
    """The program ``dsflow``. Ends the process with the command's exit code."""
    _run(None, arguments)


def workflow_command(workflow: Workflow, arguments: Sequence[str] | None = None) -> None:
    """The commands of one workflow, for its own file. Ends the process with the command's exit code."""
    _run(workflow, arguments)


def _run(workflow: Workflow | None, arguments: Sequence[str] | None) -> None:
    from dsflow.cli.app import build_app
    from dsflow.errors import DsflowError

    app = build_app(workflow)
    try:
        app(list(sys.argv[1:] if arguments is None else arguments))
    except DsflowError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:
        # whoever read our output has gone (| head): no more to say, and nobody to say it to
        sys.stderr.close()
        sys.exit(141)
