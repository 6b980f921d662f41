"""The command schema: what an editor completes and checks by."""

from __future__ import annotations

import json
import sys
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from dsflow.errors import ConfigError


class Kind(str, Enum):
    """Which files."""

    CONFIG = "config"
    WORKFLOW = "workflow"


def schema(
    kind: Annotated[Kind, typer.Argument(help="config: of dsflow.yaml; workflow: of a workflow in YAML.")],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="Write it there instead of printing it.")
    ] = None,
) -> None:
    """Print a JSON Schema, by which an editor completes dsflow.yaml or a workflow in YAML.

    With the YAML language server a first line `# yaml-language-server: $schema=FILE` names it.
    """
    from dsflow.source.schema import config_schema, workflow_schema

    text = json.dumps(config_schema() if kind is Kind.CONFIG else workflow_schema(), indent=2) + "\n"
    if output is None:
        sys.stdout.write(text)
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"cannot write {output}: {error.strerror}") from error
