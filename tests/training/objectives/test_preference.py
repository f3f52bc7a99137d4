"""Preferences: TRL's numbers, the analytic optimum, and the reference of an adapter."""

import math

import pytest
import torch
from torch import nn

from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.training.adapters.lora import lora
from cartograd.training.objectives.preference import Preference
from cartograd.training.packing import in_pairs
from cartograd.training.preferences.likelihood import answers_of, side_by_side
from cartograd.training.preferences.losses import LOSSES, Answers, Dials

TRL = {
    "dpo": [0.6325990353171691, 0.6209570477895321, 0.8543552444685272],
    "robust": [0.6169740353171691, 0.602207047789532, 0.8918552444685272],
    "ipo": [22.207656250000003, 18.41840277777778, 28.7840765936004],
    "hinge": [0.875, 0.85, 1.3],
    "cpo": [0.6209570477895321, 0.7057253035255249, 0.7709570477895321],
    "simpo": [0.4740769841801067, 2.350206558916747, 2.2112782304393743],
    "orpo": [0.03437331950474153, 0.12159640848329921, 0.11180439836893492],
}
"""What the lines of TRL 1.16 say of `pairs()`: of cpo and orpo without the likelihood beside."""


def network(words=9):
    return nn.Sequential(nn.Embedding(words, 4), nn.Tanh(), nn.Linear(4, words))


def pairs_of_tokens(n):
    """Prompts of two tokens with a better and a longer worse answer; some are padded."""
    draw = torch.Generator().manual_seed(1)
    better, worse = (torch.randint(1, 9, (n, t), generator=draw) for t in (5, 7))
    labels = torch.full((n, 2, 7), -100)
    labels[:, 0, 1:4], labels[:, 1, 1:6] = better[:, 2:], worse[:, 2:]
    labels[::2, 1, 4:] = -100
    return better, worse, labels


def taught():
    return network, pairs_of_tokens, {}


def pairs():
    numbers = (
        ([-7.5, -3.25, -12.0], [-8.0, -4.5, -11.0], [5, 2, 7]),
        ([-9.0, -3.0, -10.5], [-8.25, -2.75, -12.5], [4, 3, 9]),
    )
    return [
        Answers(
            torch.tensor(p, dtype=torch.float64),
            torch.tensor(r, dtype=torch.float64),
            torch.tensor(n),
        )
        for p, r, n in numbers
    ]


@pytest.mark.oracle("preference")
@pytest.mark.parametrize("loss", TRL)
def test_equals_trls_lines(loss):
    better, worse = pairs()
    found = LOSSES[loss].of(better, worse, LOSSES[loss].usual)
    if loss in ("cpo", "orpo"):  # they add the likelihood elsewhere
        found = found + better.mean
    torch.testing.assert_close(
        found, torch.tensor(TRL[loss], dtype=torch.float64), rtol=1e-12, atol=1e-12
    )


@pytest.mark.oracle("preference")
def test_equals_the_formulas_of_kto_and_rpo():
    better, worse = pairs()
    gains = [0.5, 1.25, -1.0], [-0.75, -0.25, 2.0]
    kto = [
        (2 - 1 / (1 + math.exp(-0.1 * (g - 0.5))) - 1 / (1 + math.exp(-0.1 * (0.5 - h)))) / 2
        for g, h in zip(*gains, strict=True)
    ]
    found = LOSSES["kto"].of(better, worse, Dials(beta=0.1, level=0.5))
    torch.testing.assert_close(
        found, torch.tensor(kto, dtype=torch.float64), rtol=1e-12, atol=1e-12
    )
    rpo = torch.tensor(TRL["dpo"], dtype=torch.float64) + 2 * torch.tensor(
        [7.5 / 5, 3.25 / 2, 12 / 7], dtype=torch.float64
    )
    found = LOSSES["rpo"].of(better, worse, Dials(beta=0.1, alpha=2.0))
    torch.testing.assert_close(found, rpo, rtol=1e-12, atol=1e-12)


@pytest.mark.law("preference")
@pytest.mark.parametrize("loss", LOSSES)
def test_at_first_nothing_has_diverged(loss):
    objective = Preference(model=network().double(), loss=loss)
    (found,) = objective.losses(pairs_of_tokens(6))
    if LOSSES[loss].compares:
        assert found.metrics["kl"] == 0
        assert (found.metrics["margin"] == 0).all()
        assert (found.metrics["accuracy"] == 0.5).all()
    if loss == "dpo":
        assert (found.value - math.log(2)).abs().max() < 1e-12


@pytest.mark.law("preference")
@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss_makes_better_answers_likelier_than_worse_ones(loss):
    torch.manual_seed(0)
    batch = pairs_of_tokens(4)
    objective = Preference(model=network(), loss=loss)
    steps = torch.optim.Adam(objective.parameters(), lr=0.03)
    gaps = []
    for _ in range(60):
        (found,) = objective.losses(batch)
        gaps.append(found.metrics["margin"].mean().item())
        steps.zero_grad()
        found.value.mean().backward()
        steps.step()
    assert gaps[-1] > gaps[0] + 0.1


ANSWERS, BETA = 16, 0.5


def world():
    """A reference over sixteen answers, their reward, and the best policy near the reference."""
    draw = torch.Generator().manual_seed(3)
    start, reward = (torch.randn(ANSWERS, generator=draw, dtype=torch.float64) for _ in range(2))
    best = (start.log_softmax(0) + reward / BETA).log_softmax(0)
    return start, reward, best


class Table(nn.Module):
    """One prompt and sixteen answers of a token, each with a logit."""

    def __init__(self, logits):
        super().__init__()
        self.logits = nn.Parameter(logits.clone())

    def forward(self, tokens):
        return self.logits.expand(*tokens.shape, -1)


def divergence(one, two):
    return (one.exp() * (one - two)).sum().item()


@pytest.mark.law("preference")
def test_sampled_comparisons_lead_to_the_analytic_optimum():
    """20,000 comparisons of answers of the reference, by Bradley and Terry."""
    start, reward, best = world()
    draw = torch.Generator().manual_seed(7)
    drawn = torch.multinomial(start.softmax(0), 40_000, replacement=True, generator=draw)
    one, two = drawn.view(2, -1)
    first = torch.rand(20_000, generator=draw) < torch.sigmoid(reward[one] - reward[two])
    answers = torch.stack([one.where(first, two), two.where(first, one)], 1)
    prompt = torch.zeros(20_000, 1, dtype=torch.int64)
    policy = Table(start)
    objective = Preference(model=policy, beta=BETA)
    apart = divergence(policy.logits.detach().log_softmax(0), best)
    steps = torch.optim.LBFGS(policy.parameters(), max_iter=60)

    def lowered():
        steps.zero_grad()
        (found,) = objective.losses((prompt, prompt, answers[:, :, None]))
        value = found.value.mean()
        value.backward()
        return value

    steps.step(lowered)
    assert apart > 0.5
    assert divergence(policy.logits.detach().log_softmax(0), best) < 0.02


@pytest.mark.law("preference")
def test_the_reference_of_an_adapter_is_the_model_without_it():
    torch.manual_seed(0)
    model = build("gpt:vocabulary=9,context=8,dim=8,heads=2,depth=1,dropout=0.0").double()
    batch = pairs_of_tokens(4)
    plain = Preference(model=model)
    lora(model, rank=2, match="*attention*")
    objective = Preference(model=model)
    assert objective._reference[0].copy is None
    with torch.no_grad():
        for weight in model.parameters():
            if weight.requires_grad:
                weight.normal_()
    (found,), (expected,) = objective.losses(batch), plain.losses(batch)
    assert found.metrics["kl"] > 1e-3
    torch.testing.assert_close(found.value, expected.value, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(found.metrics["kl"], expected.metrics["kl"], rtol=1e-10, atol=1e-12)


def test_kto_takes_single_answers_and_counts_each_once():
    better, worse, labels = pairs_of_tokens(4)
    labels[1, 0], labels[2, 1] = -100, -100
    (found,) = Preference(model=network(), loss="kto").losses((better, worse, labels))
    assert found.weight.tolist() == [2, 1, 1, 2]
    with pytest.raises(UsageError, match="loss=dpo compares two; loss=kto takes single ones"):
        list(Preference(model=network()).losses((better, worse, labels)))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"loss": "dpoo"}, "did you mean 'dpo'"),
        ({"loss": "ipo", "margin": 1.0}, "margin is for loss=simpo; loss=ipo has none"),
        ({"loss": "robust", "label_smoothing": 0.5}, "half the comparisons or more are wrong"),
    ],
)
def test_refusals(settings, message):
    with pytest.raises(UsageError, match=message):
        Preference(model=network(), **settings)


def test_other_batches_are_refused():
    with pytest.raises(UsageError, match="take data of pairs"):
        next(Preference(model=network()).losses((torch.ones(2, 3).long(), torch.ones(2, 3).long())))


def test_answers_are_read_in_one_row_where_the_model_can():
    torch.manual_seed(0)
    model = build("llama", vocabulary=9, dim=8, heads=2, depth=1, context=8).double()
    better, worse, labels = pairs_of_tokens(4)
    tokens, labels = side_by_side(better, worse, 0), torch.cat([labels[:, 0], labels[:, 1]])
    labels[3] = -100  # a single answer
    packed, every = answers_of(model, tokens, labels, "x")
    filled, all_of_them = answers_of(nn.Sequential(model), tokens, labels, "x")
    torch.testing.assert_close(packed, filled, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(every, all_of_them, rtol=1e-12, atol=1e-12)
    assert packed[3] == 0


def test_the_prompt_of_a_pair_is_read_once():
    torch.manual_seed(0)
    model = build("llama", vocabulary=9, dim=8, heads=2, depth=1, context=8).double()
    better, worse, labels = pairs_of_tokens(4)
    worse[:3, :2] = better[:3, :2]  # the last pair has two prompts
    labels[1, 1] = -100  # a single answer
    tokens, both = side_by_side(better, worse, 0), torch.cat([labels[:, 0], labels[:, 1]])
    assert in_pairs(tokens, both, -100) == [[0, 4], [1], [2, 6], [3], [7]]
    apart, shared = (
        answers_of(model, tokens, both, "x", paired=paired) for paired in (False, True)
    )
    for one, two in zip(apart, shared, strict=True):
        torch.testing.assert_close(one, two, rtol=1e-12, atol=1e-12)
    weights = list(model.parameters())
    for one, two in zip(
        *(torch.autograd.grad(found[0].square().sum(), weights) for found in (apart, shared)),
        strict=True,
    ):
        torch.testing.assert_close(one, two, rtol=1e-10, atol=1e-10)
