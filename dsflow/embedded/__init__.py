"""The embedded OpenMLDB: OpenMLDB's SQL, catalog, jobs and APIServer on DuckDB, in one process and one folder."""
