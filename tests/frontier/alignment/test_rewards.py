"""Rewards by name, of a user's own, and such as are none."""

import math

import pytest
import torch

from cartograd.core import plugins
from cartograd.core.errors import UsageError
from cartograd.frontier.alignment.rewards import reward_of, scored

TEXTS = ["ab b", "bbb"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [("length", [4, 3]), ("brevity", [-4, -3]), ("words", [2, 1]), ("letter-b", [2, 3])],
)
def test_rules(name, expected):
    assert scored(reward_of(name), ["", ""], TEXTS).tolist() == expected


def test_a_reward_may_see_the_prompts():
    assert scored(lambda texts, prompts: torch.ones(2), ["x", "y"], TEXTS).tolist() == [1, 1]
    assert scored(lambda texts, *, by=2: [by] * len(texts), ["x", "y"], TEXTS).tolist() == [2, 2]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([1.0, math.nan], "answer 'bbb' to the prompt 'what' is nan; expected a finite number"),
        ([1.0, None], "to the prompt 'what' is None"),
        ([1.0, "good"], "to the prompt 'what' is 'good'"),
        ([1.0], "gave 1 numbers for 2 answers"),
    ],
)
def test_what_is_no_number_is_refused_with_its_prompt(given, message):
    with pytest.raises(UsageError, match=message):
        scored(lambda texts: given, ["which", "what"], TEXTS)


def test_unknown_rewards():
    with pytest.raises(UsageError, match="did you mean 'length'"):
        reward_of("lenght")  # codespell:ignore lenght


def test_code_has_to_be_allowed(tmp_path, monkeypatch):
    (tmp_path / "polite.py").write_text("def please(texts):\n    return [1.5 for _ in texts]\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(UsageError, match="give --import polite if you trust it"):
        reward_of("polite:please")
    with plugins.using(["polite"]):
        assert scored(reward_of("polite:please"), ["", ""], TEXTS).tolist() == [1.5, 1.5]
        with pytest.raises(UsageError, match="reward=polite:thanks is not there"):
            reward_of("polite:thanks")
