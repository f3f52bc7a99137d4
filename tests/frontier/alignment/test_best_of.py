"""The best of n answers: as good as order statistics say, and kept as data."""

import json

import pytest
import torch

from cartograd.core.errors import UsageError
from cartograd.frontier.alignment.best_of import Best, best_of, write_chats, write_preferences
from tests.frontier.alignment.toys import Table


def score(texts):
    return [float(text) for text in texts]


@pytest.mark.place("llm/rlhf")
@pytest.mark.parametrize("n", [1, 4])
def test_the_best_of_n_is_as_good_as_order_statistics_say(n):
    """P(best <= k) = P(one <= k)^n."""
    logits = torch.tensor([0.3, 0.0, 0.5, -0.5]).expand(4, 4).contiguous()
    found = best_of(Table(logits), [[i % 4] for i in range(800)], reward=score,
                    generations=n, length=1, seed=3)  # fmt: skip
    below = logits[0].softmax(0).cumsum(0) ** n
    expected = (below.diff(prepend=torch.zeros(1)) * torch.arange(4)).sum().item()
    mean = sum(one.reward for one in found) / len(found)
    assert abs(mean - expected) < 0.12
    assert all(one.least <= one.reward == float(one.answer) for one in found)


def test_what_was_kept_is_data(tmp_path):
    best = [Best("Hi", "Hello!", 2.0, "What?", 1.0), Best("So", "Yes", 1.0, "No", 1.0)]
    rows = [json.loads(line) for line in write_chats(best, tmp_path / "a").read_text().splitlines()]
    assert rows[1] == {"prompt": "So", "completion": "Yes"}
    path = write_preferences(best, tmp_path / "b")
    assert path.read_text() == '{"prompt": "Hi", "chosen": "Hello!", "rejected": "What?"}\n'


def test_refusals():
    table = Table(torch.zeros(2, 2))
    with pytest.raises(UsageError, match="there is no prompt"):
        best_of(table, [], reward=score)
    with pytest.raises(UsageError, match="cannot read a text; give tokens"):
        best_of(table, ["Hi"], reward=score)
