"""Half of a surrogate pair: no text that could be stored."""

from dsflow import OpenMLDB, Workflow

with Workflow("w", project="p") as wf:
    OpenMLDB("set", "SET @@spark_config='spark.x=\udfff'", "online")  # <- DSF127
