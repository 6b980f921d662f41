"""OpenMLDB's side of a pipeline: tables, feature views, and the types of their columns."""

from dsflow.openmldb.features import FeatureView
from dsflow.openmldb.table import Index, Table

__all__ = ["FeatureView", "Index", "Table"]
