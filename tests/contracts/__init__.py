"""What dsflow and DolphinScheduler say to each other in the main flows, recorded from real servers.

``tests/contracts/VERSION/FLOW.jsonl`` holds one flow on one version: each line is an exchange, a request and its
answer, in the order in which the requests were sent. ``test_contracts.py`` plays a recording: it answers dsflow's
commands from it, on ports of this machine, and complains about a request that is not in the recording, comes too early,
or never comes. So it shows on any machine, without Java, that dsflow still says what a real server has understood, and
understands what it answered.

When dsflow is meant to say something else, record each version again (see ``record.py``)::

    python -m tests.contracts.record --version 3.1.1
    python -m tests.contracts.record --release apache-dolphinscheduler-3.2.2-bin.tar.gz

and read the difference to what was recorded before. How times, codes and the names of a machine are evened out stands
in ``normal.py``.
"""
