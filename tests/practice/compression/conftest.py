import pytest

from cartograd.practice.compression import quicker


@pytest.fixture(autouse=True)
def still(monkeypatch):
    """A clock that stands still: nothing is quicker, so integers stay; and nothing is kept."""
    shares = {}
    monkeypatch.setattr(quicker, "clock", lambda: 0.0)
    monkeypatch.setattr(quicker, "_shares", lambda: shares)
    monkeypatch.setattr(quicker, "keep", lambda *_: None)
