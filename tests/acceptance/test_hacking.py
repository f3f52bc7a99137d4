"""The row on a reward that invites hacking: what was meant, and when a seed shows it."""

from acceptance.hacking import Answers, reached, words_of


def test_words_that_an_answer_may_have_cut_do_not_count() -> None:
    assert words_of("eeee") == []
    assert words_of("thee be mine, e") == ["be", "mine"]


def test_rising_near_the_reference_and_hacking_are_both_asked_for() -> None:
    plain, held = Answers(2.0, 1.0, 0.0, 0.0, ""), Answers(4.0, 2.0, 5.0, 1.0, "")
    free = Answers(20.0, 0.0, 40.0, 1.0, "")
    assert reached(plain, held, free)
    assert not reached(plain, held._replace(apart=4.0), free)
    assert not reached(plain, held._replace(meant=0.4), free)
    assert not reached(plain, held._replace(reward=2.1), free)
    assert not reached(plain, held, free._replace(meant=0.8))
    assert not reached(plain, held, free._replace(reward=3.0))
