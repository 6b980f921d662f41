"""The version of this package, and what pip calls it."""

VERSION = "0.1.0"
DISTRIBUTION = "dsflow-openmldb"  # the package index has another project called dsflow
