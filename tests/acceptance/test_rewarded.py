"""The row on a reward of SmolLM2: what is rewarded, and when a seed shows that it rose."""

import pytest

from acceptance import naming
from acceptance.rewarded import Fresh, reached


def test_an_answer_has_to_begin_with_the_very_word() -> None:
    asked = "system\nYou explain English words.\nuser\nWhat does peak mean?\nassistant\n"
    texts = ["Peak is a top.", '  "peak"', "A peak.", "Peaks are tops.", "", "..."]
    assert naming.first(texts, [asked] * 6) == [1.0, 1.0, 0.0, 0.0, 0.0, 0.0]


@pytest.mark.parametrize(
    ("shares", "kl", "apart", "shown"),
    [
        ([0.9, 1.0, 0.8], 5.0, 1.0, True),
        ([0.9, 1.0, 0.8], 9.5, 1.0, False),  # too far away with its interval
        ([0.4, 0.5, 0.3], 5.0, 1.0, False),  # too little
        ([1.0, 1.0, 0.0], 5.0, 1.0, False),  # enough, but not beyond its interval
    ],
)
def test_a_rise_beyond_its_interval_nearby(shares, kl, apart, shown) -> None:
    before, after = Fresh([0.2, 0.3, 0.1], 0.0, 0.0, ""), Fresh(shares, kl, apart, "")
    assert reached(before, after, None) is shown
    assert reached(before, after, before) is shown
    assert not reached(before, after, after)
