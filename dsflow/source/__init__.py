"""Workflows as files: a Definition written as Python or YAML source, and YAML read as a workflow."""
