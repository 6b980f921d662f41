"""Everything that talks to a DolphinScheduler server. :class:`dsflow.dolphinscheduler.client.Server` is the way in."""
