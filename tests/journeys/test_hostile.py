"""Damaged and hostile files of every kind end in success or in one line (see `hostile.py`)."""

import pytest

from tests.journeys.hostile import tried
from tests.journeys.hostile_kinds import KINDS

CASES = {"checkpoint": 12, "bundle": 20, "gguf": 15, "http": 15, "plan": 20}
"""How many of the slower kinds; 30 of the rest. `make hard` tries thousands."""


@pytest.mark.untyped  # its processes are forked, and limited in memory
@pytest.mark.journey
@pytest.mark.parametrize(
    "name", ["bundle", "checkpoint", "run", "tensors", "requests", "gguf", "http", "plan"]
)
def test_damaged_files_are_read_or_refused_in_a_line(name):
    assert tried(name, range(CASES.get(name, 30))) == []


def test_every_kind_has_a_reader_of_whole_files():
    assert set(CASES) <= set(KINDS)
