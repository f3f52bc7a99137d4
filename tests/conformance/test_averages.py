"""Every average: how much the newest weights count, as a pure function of the step."""

from itertools import pairwise

from cartograd.core.build import build
from tests.conformance.support import global_state_untouched, over


@over("average")
def test_a_portion_begins_with_all_and_never_grows(card):
    portion = build(card.name, kind=card.kind, **card.tiny)
    with global_state_untouched():
        found = [portion(step, 40) for step in range(1, 41)]
    begun = [share for share in found if share is not None]
    assert begun[0] == 1.0
    assert found[-len(begun) :] == begun
    assert all(0 < later <= sooner for sooner, later in pairwise(begun))
    assert found == [portion(step, 40) for step in range(1, 41)]


@over("average")
def test_the_mean_of_what_stays_the_same_is_that(card):
    portion = build(card.name, kind=card.kind, **card.tiny)
    mean = 5.0
    for step in range(1, 41):
        share = portion(step, 40)
        mean = mean if share is None else mean + share * (3.0 - mean)
    assert mean == 3.0
