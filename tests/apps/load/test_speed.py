"""How fast a run was: never a figure without its spread."""

from cartograd.apps.load.runs import speed_of
from cartograd.apps.report.speed import speed


def event(epoch, seconds):
    phases = {"forward": seconds / 2, "backward": seconds / 2, "validation": 5.0, "saving": 1.0}
    return {"event": "epoch", "epoch": epoch, "examples": 100, "phases": phases}


def test_examples_a_second_are_told_with_those_of_single_epochs():
    found = speed_of([event(1, 1.0), event(2, 9.0), event(2, 4.0)])  # the second one was done again
    assert (found.per_second, found.each) == (40.0, (25.0, 100.0))
    assert found.rate == "40 examples a second in training (25 to 100 in single epochs)"
    section = speed(found)
    assert section is not None
    assert found.rate in section.lead


def test_one_epoch_has_no_spread_and_says_so():
    assert speed_of([event(1, 2.0)]).rate == "50 examples a second in training, in one epoch"
    assert speed_of([]).rate == ""
