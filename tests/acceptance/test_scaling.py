"""The row on scaling laws: what it asks of figures, on made-up runs."""

import pytest

from acceptance.scaling import Told, reached
from acceptance.small_models import LARGER, TOKENS, WIDTHS, Ran, grid, line
from cartograd.training.diagnosis.scaling_law import Law, Prediction, scaling_law

TRUE = Law(1.2, 20.0, 60.0, 0.4, 0.35)


def told(came=1.5, low=1.45, high=1.55, last=1.8, by_line=1.4):
    """A seed whose largest run lost `last`, and the next one of four times the compute `came`."""
    small = [Ran(10, 10, 2.0), Ran(10, 20, last)]
    return Told(small, Ran(20, 40, came), Prediction((low + high) / 2, low, high), by_line)


def test_a_law_that_tells_what_comes_is_asked_for():
    assert reached([told(), told(came=1.52)])


@pytest.mark.parametrize(
    "wrong",
    [
        told(came=1.6),  # outside of the interval
        told(low=1.3),  # too wide to say much
        told(low=1.45, high=1.6, last=1.59),  # holds what was reached before
        told(by_line=1.5),  # nobody needs the law
        told()._replace(larger=Ran(20, 20, 1.5)),  # hardly larger
    ],
)
def test_a_law_that_tells_nothing_is_not_enough(wrong):
    assert not reached([wrong])


def test_of_two_drawings_the_better_is_to_be_surpassed_and_the_line_goes_through_means():
    drawn = [Ran(1, 1, 9.0), Ran(1, 10, 5.0), Ran(1, 10, 3.0), Ran(1, 100, 1.0), Ran(1, 100, 3.0)]
    assert line(drawn, 6000) == pytest.approx(1.0)
    assert told()._replace(small=drawn).last == 1.0


def test_a_straight_line_misses_the_floor_that_the_law_knows():
    small = [
        Ran(n, d, TRUE.loss(n, d)) for n in (1e4, 2e4, 4e4, 8e4) for d in (2e5, 4e5, 8e5)
    ]  # fmt: skip
    larger = Ran(1.7e5, 1.6e6, TRUE.loss(1.7e5, 1.6e6))
    law = scaling_law(small).loss(larger.weights, larger.tokens)
    assert law == pytest.approx(larger.loss, rel=1e-3)
    assert abs(line(small, larger.compute) - larger.loss) > 10 * abs(law - larger.loss)


def test_no_two_runs_of_a_seed_are_the_same_and_the_larger_one_is_the_last():
    runs = grid(4)
    assert len(set(runs)) == len(runs) == len(WIDTHS) * sum(TOKENS.values()) + 1
    assert runs[-1] == (*LARGER, 4)
    assert not set(runs) & set(grid(5))
