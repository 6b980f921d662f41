"""A DolphinScheduler of one's own in one command, on the loopback: for trying things, and for tests.

From Maven Central (:mod:`~dsflow.standalone.jars`) or from an Apache release. Everything that the server writes is in
one folder; what is fetched is kept in the cache. A start that fails or is killed leaves nothing running
(:mod:`~dsflow.standalone.guard`).
"""
