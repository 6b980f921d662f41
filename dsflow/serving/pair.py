"""What is served: a deployment and a model that belong together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dsflow.openmldb.types import ColumnType
from dsflow.serving.apiserver import Deployment
from dsflow.serving.contract import deployment_differences
from dsflow.serving.errors import NotServableError
from dsflow.serving.model import Model
from dsflow.serving.store import Saved

_NUMERIC = frozenset(
    {ColumnType.BOOL, ColumnType.SMALLINT, ColumnType.INT, ColumnType.BIGINT, ColumnType.FLOAT, ColumnType.DOUBLE}
)


@dataclass(frozen=True)
class Pair:
    """A deployment and a model that belong together: every answer comes from one pair alone.

    Attributes:
        columns: a fingerprint of how the deployment computes each of its columns, as far as the update gave them.
    """

    deployment: Deployment
    model: Model
    columns: Mapping[str, str]

    @property
    def may_be_left_out(self) -> frozenset[str]:
        """Request columns that the deployment hands through and the model does not use: the label, as a rule."""
        handed_through = {column.name for column in self.deployment.output} - set(self.model.features)
        return frozenset(column.name for column in self.deployment.input if column.name in handed_through)

    def to_json(self) -> dict[str, object]:
        """Who answers: ``database``, ``deployment``, ``model``."""
        return {
            "database": self.deployment.database,
            "deployment": self.deployment.name,
            "model": self.model.to_json(),
        }

    def to_saved(self) -> Saved:
        """What the store keeps of it."""
        return Saved(self.deployment, self.model, self.columns)


def fit(deployment: Deployment, model: Model, columns: Mapping[str, str]) -> Pair:
    """The pair, if the deployment gives what the model needs.

    Raises:
        NotServableError: it does not.
    """
    if model.contract is not None:
        differences = deployment_differences(model.contract, deployment.output, columns)
        if differences:
            raise NotServableError(
                f"deployment {deployment} does not give what the model {model.name} was trained on:"
                f" {'; '.join(differences[:20])}" + (f"; and {len(differences) - 20} more" * (len(differences) > 20)),
                hint="deploy the features that the model was trained on, or train on the features that are deployed",
            )
    output: dict[str, list[ColumnType]] = {}
    for column in deployment.output:
        output.setdefault(column.name, []).append(column.type)
    missing = [name for name in model.features if name not in output]
    if missing:
        raise NotServableError(
            f"the model {model.name} needs {', '.join(missing)}, which deployment {deployment} does not give;"
            f" it gives {', '.join(output)}",
            hint="deploy the features that the model was trained on, or train on the features that are deployed",
        )
    twice = [name for name in model.features if len(output[name]) > 1]
    if twice:
        raise NotServableError(
            f"deployment {deployment} gives {', '.join(twice)} more than once",
            hint="give each output column its own name",
        )
    other = [f"{name} ({output[name][0]})" for name in model.features if output[name][0] not in _NUMERIC]
    if other:
        raise NotServableError(
            f"deployment {deployment} gives {', '.join(other)}, where the model {model.name} needs numbers",
            hint="models take numbers only: encode these columns in the feature query",
        )
    return Pair(deployment, model, columns)
