"""OpenMLDB's side of a pipeline: tables, feature views, and the types of their columns."""

from dsflow.openmldb.encoding import literal
from dsflow.openmldb.features import FeatureView
from dsflow.openmldb.steps import Check
from dsflow.openmldb.table import Index, Table

__all__ = ["Check", "FeatureView", "Index", "Table", "literal"]
