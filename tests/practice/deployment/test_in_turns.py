"""Calls are timed often enough that one of them does not count, by a clock that stands still."""

import pytest

from cartograd.practice.deployment import in_turns


class Clock:
    """Time goes on by what a call is said to take, and not otherwise."""

    now = 0.0

    def perf_counter(self):
        return self.now

    def call(self, *seconds):
        """A call that takes these times in turn."""
        asked = []

        def taken():
            asked.append(None)
            self.now += seconds[len(asked) % len(seconds)]

        return taken


@pytest.fixture
def clock(monkeypatch):
    found = Clock()
    monkeypatch.setattr(in_turns, "time", found)
    monkeypatch.setattr(in_turns, "SECONDS", 0.2)
    monkeypatch.setattr(in_turns, "CALLS", 30)
    return found


@pytest.mark.parametrize(
    ("seconds", "calls"),
    [(1e-3, 200), (0.01, 30), (0.1, 20), (1.0, 7)],
    ids=["a fifth of a second", "thirty calls", "two seconds", "seven calls"],
)
def test_how_often_a_call_is_asked(clock, seconds, calls):
    [found] = in_turns.in_turns([clock.call(seconds)])
    assert found.calls == pytest.approx(calls, abs=1)
    assert found.seconds == pytest.approx(seconds)
    assert found.ratio == (1, 1, 1)


def test_spread_and_ratio(clock):
    first, second = in_turns.in_turns([clock.call(0.01), clock.call(0.02, 0.04, 0.03)])
    assert second.half == pytest.approx((0.02, 0.04))
    assert second.seconds == pytest.approx(0.03)
    assert second.surely[0] <= second.seconds <= second.surely[1]
    assert second.ratio[0] == pytest.approx(3)
    assert second.ratio[1] < 3 < second.ratio[2]
    assert first.half == pytest.approx((0.01, 0.01))
