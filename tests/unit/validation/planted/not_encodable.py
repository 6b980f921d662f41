"""A bare carriage return ends the line of the script that the node writes."""

from dsflow import OpenMLDB, Workflow

with Workflow("w", project="p") as wf:
    OpenMLDB("set", "SET @@spark_config='spark.x=1\r2'", "online")  # <- DSF127
