"""What runs in the Python of a DolphinScheduler worker."""
