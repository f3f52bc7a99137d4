"""Rewards from comparisons: torch's loss, the true reward again, and new pairs."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.training.objectives.bradley_terry import BradleyTerry, whole
from tests.training.objectives.test_preference import pairs_of_tokens


class Mean(nn.Module):
    """The mean of a number for each token."""

    def __init__(self):
        super().__init__()
        self.numbers, self.line = nn.Embedding(16, 4), nn.Linear(4, 1)

    def forward(self, tokens):
        return self.line(self.numbers(tokens)).mean(1)


def taught():
    return Mean, pairs_of_tokens, {}


@pytest.mark.oracle("bradley-terry")
@pytest.mark.parametrize(("margin", "centring"), [(0.0, 0.0), (0.7, 0.0), (0.7, 0.01)])
def test_equals_torchs_loss_with_margin_and_centring(margin, centring):
    torch.manual_seed(0)
    model, (better, worse, labels) = Mean().double(), pairs_of_tokens(5)
    own = BradleyTerry(model=model, margin=margin, centring=centring)
    (found,) = own.losses((better, worse, labels))
    rows = torch.zeros(10, 8, dtype=torch.int64)
    rows[:5, :6] = whole(better, labels[:, 0], 0)
    rows[5:] = whole(worse, labels[:, 1], 0)
    one, two = model(rows)[:, 0].split(5)
    expected = -F.logsigmoid(one - two - margin) + centring * (one + two) ** 2
    torch.testing.assert_close(found.value, expected, rtol=1e-10, atol=1e-10)
    weights = list(model.parameters())
    for ours, theirs in zip(
        torch.autograd.grad(found.value.sum(), weights),
        torch.autograd.grad(expected.sum(), weights), strict=True,
    ):  # fmt: skip
        torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-10)


@pytest.mark.law("bradley-terry")
def test_sampled_comparisons_give_the_true_reward_again():
    draw = torch.Generator().manual_seed(3)
    reward = torch.randn(16, generator=draw)
    one, two = torch.randint(0, 16, (2, 4000), generator=draw)
    first = torch.rand(4000, generator=draw) < torch.sigmoid(reward[one] - reward[two])
    answers = torch.stack([one.where(first, two), two.where(first, one)], 1)
    labels, prompt = answers[:, :, None], torch.zeros(4000, 1, dtype=torch.int64)
    torch.manual_seed(0)
    model = nn.Sequential(nn.Embedding(16, 1), nn.Flatten(1), nn.Linear(2, 1))
    own = BradleyTerry(model=model, centring=0.001)
    steps = torch.optim.Adam(model.parameters(), lr=0.2)
    for _ in range(40):
        (found,) = own.losses((prompt, prompt, labels))
        steps.zero_grad()
        found.value.mean().backward()
        steps.step()
    rows = torch.stack([torch.zeros(16, dtype=torch.int64), torch.arange(16)], 1)
    learned = model(rows)[:, 0].detach()
    assert torch.corrcoef(torch.stack([learned, reward]))[0, 1] > 0.98


def letters(n, seed):
    """Answers of four tokens; better is whichever has more of the token 4."""
    draw = torch.Generator().manual_seed(seed)
    answers = torch.randint(1, 7, (4 * n, 2, 4), generator=draw)
    counts = (answers == 4).sum(2)
    answers = answers[counts[:, 0] != counts[:, 1]][:n]
    turned = (answers[:, 0] == 4).sum(1) < (answers[:, 1] == 4).sum(1)
    answers = torch.where(turned[:, None, None], answers.flip(1), answers)
    rows = torch.cat([torch.ones(n, 2, 1, dtype=torch.int64), answers[:, :, :-1]], 2)
    return rows[:, 0], rows[:, 1], answers


@pytest.mark.law("bradley-terry")
def test_a_decoder_prefers_what_is_better_in_new_pairs():
    torch.manual_seed(0)
    decoder = "llama:vocabulary=8,dim=16,depth=1,heads=2,ffn_dim=32,context=8"
    model = build("decoder-classifier", decoder=decoder, classes=1, padding_id=0)
    own, steps = BradleyTerry(model=model), torch.optim.Adam(model.parameters(), lr=0.01)
    for step in range(60):
        (found,) = own.losses(letters(32, seed=step))
        steps.zero_grad()
        found.value.mean().backward()
        steps.step()
    (found,) = own.losses(letters(200, seed=1000))
    assert found.metrics["accuracy"].mean() > 0.9


def test_the_prompt_of_a_pair_is_read_once():
    torch.manual_seed(0)
    decoder = "llama:vocabulary=9,dim=8,depth=1,heads=2,ffn_dim=16,context=8"
    model = build("decoder-classifier", decoder=decoder, classes=1, padding_id=0).double()
    better, worse, labels = pairs_of_tokens(4)
    worse[:3, :2] = better[:3, :2]  # the last pair has two prompts
    (found,) = BradleyTerry(model=model).losses((better, worse, labels))
    rows = torch.zeros(8, 8, dtype=torch.int64)
    rows[:4, :6], rows[4:] = whole(better, labels[:, 0], 0), whole(worse, labels[:, 1], 0)
    one, two = model(rows)[:, 0].split(4)
    torch.testing.assert_close(found.value, -F.logsigmoid(one - two), rtol=1e-10, atol=1e-10)
    tags = build("decoder-classifier", decoder=decoder, classes=1, padding_id=0, each=True)
    with pytest.raises(UsageError, match="each=true tells of tokens"):
        next(BradleyTerry(model=tags).losses((better, worse, labels)))


def test_the_last_label_ends_a_row():
    better, _, labels = pairs_of_tokens(2)
    rows = whole(better, labels[:, 0], 0)
    assert torch.equal(rows[:, :4], better[:, :4])
    assert torch.equal(rows[:, 4], labels[:, 0, 3])
    assert (rows[:, 5:] == 0).all()


def test_refusals():
    better, worse, labels = pairs_of_tokens(2)
    with pytest.raises(UsageError, match="expected one number each"):
        next(BradleyTerry(model=nn.Embedding(9, 1)).losses((better, worse, labels)))
    with pytest.raises(UsageError, match="take data of pairs"):
        next(BradleyTerry(model=Mean()).losses((better, worse)))
    labels[0, 0] = -100
    with pytest.raises(UsageError, match="a single answer; expected pairs"):
        next(BradleyTerry(model=Mean()).losses((better, worse, labels)))
