"""DolphinScheduler's own words: its paths, its fields, its codes, and what differs between its release series."""
