"""What a pipeline file declares: workflows, tasks, parameters, tables and feature views, and how they are compiled."""
