"""The circuit breaker: when a server is asked, and when it is left alone."""

from __future__ import annotations

from dsflow.serving.breaker import Breaker


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_it_opens_after_failures_in_a_row_only() -> None:
    breaker = Breaker(failures=3, clock=Clock())
    for _ in range(2):
        breaker.failed()
    breaker.succeeded()
    for _ in range(2):
        breaker.failed()
    assert breaker.allow()
    assert not breaker.is_open
    breaker.failed()
    assert breaker.is_open
    assert not breaker.allow()


def test_after_the_pause_one_request_tries_and_closes_it() -> None:
    clock = Clock()
    breaker = Breaker(failures=1, pause=0.5, clock=clock)
    breaker.failed()
    clock.now += 0.4
    assert not breaker.allow()
    clock.now += 0.2
    assert breaker.allow()
    assert not breaker.allow()  # the others wait for what becomes of it
    assert breaker.is_tried
    breaker.succeeded()
    assert breaker.allow()
    assert breaker.allow()


def test_a_try_that_fails_or_is_never_heard_of_again_costs_another_pause() -> None:
    clock = Clock()
    breaker = Breaker(failures=1, pause=0.5, clock=clock)
    breaker.failed()
    for _ in range(3):
        clock.now += 0.6
        assert breaker.allow()
        assert not breaker.allow()
    breaker.failed()
    assert not breaker.allow()
    clock.now += 0.6
    assert breaker.allow()
