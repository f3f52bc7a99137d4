"""GRPO: ratios of one, published losses in loops, and a letter that is written more often."""

import pytest
import torch

from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.frontier.alignment.grpo import FORMS, GRPO
from cartograd.frontier.alignment.policy import tokens_of, tried
from tests.frontier.alignment.toys import asked


def gpt(dropout=0.0, vocabulary=9):
    torch.manual_seed(0)
    return build(
        f"gpt:vocabulary={vocabulary},context=16,dim=8,heads=2,depth=1,dropout={dropout}"
    )  # fmt: skip


def batch(n):
    return asked([[1 + i % 7, 2 + i % 5] for i in range(n)])


def taught():
    return gpt, batch, {}


def objective(model, **settings):
    return GRPO(model=model, reward="letter-4", generations=4, length=5, **settings)


@pytest.mark.law("grpo")
@pytest.mark.parametrize("form", FORMS)
def test_at_the_first_step_every_ratio_is_one(form):
    model = gpt(dropout=0.5).train()
    own = objective(model, form=form, updates=2)
    found = tried(
        model, own._reference[0], own.reward, asked([[1, 2, 3], [4, 4, 4]]), generations=4, length=5
    )
    assert torch.equal(tokens_of(model, found.drawn), found.before)
    assert (found.divergence == 0).all()
    first, second = own.losses(batch(3))
    assert (first.metrics["clipped"] == 0).all()
    assert set(first.metrics) == {"clipped", "reward", "kl"}
    assert set(second.metrics) == {"clipped"}


def moved(form):
    """An objective whose policy has moved since the answers were drawn, and these."""
    model = gpt().double()
    own = objective(model, form=form, beta=0.3)
    own.length = 5
    found = tried(model, own._reference[0], own.reward, batch(3), generations=4, length=5)
    with torch.no_grad():
        for weight in model.parameters():
            weight += 0.05 * torch.randn(weight.shape, dtype=weight.dtype)
    return own, found, tokens_of(model, found.drawn)


def by_loops(form, found, now):
    """The mean loss as the papers have it, answer by answer."""
    low, high, _ = FORMS[form]
    answers = []
    for prompt in range(3):
        rewards = found.rewards[4 * prompt : 4 * prompt + 4]
        for row in range(4 * prompt, 4 * prompt + 4):
            gain = found.rewards[row] - rewards.mean()
            if form != "dr-grpo":
                gain = gain / (rewards.std() + 1e-4)
            places = found.drawn.mask[row].nonzero()[:, 0].tolist()
            whole = sum(now[row, t] - found.before[row, t] for t in places) / len(places)
            parts = []
            for t in places:
                log = whole if form == "gspo" else now[row, t] - found.before[row, t]
                ratio = log.exp()
                surrogate = min(ratio * gain, ratio.clamp(1 - low, 1 + high) * gain)
                far = found.reference[row, t] - now[row, t]
                parts.append(-surrogate + 0.3 * (far.exp() - far - 1))
            if form == "dapo":
                if (rewards - rewards.mean()).abs().max() > 0:
                    answers += parts
            else:
                answers.append(sum(parts) / (5 if form == "dr-grpo" else len(places)))
    return sum(answers) / len(answers)


@pytest.mark.oracle("grpo")
@pytest.mark.parametrize("form", FORMS)
def test_equals_the_published_loss_in_loops(form):
    own, found, now = moved(form)
    gain = own.gains(found.rewards.view(3, 4))
    value, weight, _ = own._loss(now, found, gain)
    mean = value.mean() if weight is None else (value * weight).sum() / weight.sum()
    expected = by_loops(form, found, now)
    torch.testing.assert_close(mean, expected, rtol=1e-10, atol=1e-10)
    ours, theirs = (
        torch.autograd.grad(one, own.model.parameters(), retain_graph=True)
        for one in (mean, expected)
    )
    for one, two in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, two, rtol=1e-10, atol=1e-10)


def raised(own, steps=16, lr=0.01):
    """The mean reward of fresh answers before and after, and the divergence after."""
    optimizer = torch.optim.Adam(own.model.parameters(), lr=lr)

    def measured():
        torch.default_generator.manual_seed(10_000)
        found = own.validate(asked([[place] for place in range(1, 9)]))
        return found["reward"].mean().item(), found["kl"].mean().item()

    before, _ = measured()
    for step in range(steps):
        torch.default_generator.manual_seed(step)
        for loss in own.losses(asked([[1 + (step + i) % 8] for i in range(4)])):
            weight = torch.ones_like(loss.value) if loss.weight is None else loss.weight
            optimizer.zero_grad()
            ((loss.value * weight).sum() / weight.sum().clamp(min=1)).backward()
            optimizer.step()
    return before, *measured()


@pytest.mark.law("grpo")
@pytest.mark.parametrize("form", ["grpo", "dr-grpo"])
def test_the_count_of_a_letter_rises_threefold_at_bounded_divergence(form):
    own = GRPO(model=gpt(), reward="letter-4", form=form, length=10, generations=16, beta=0.1)
    before, after, far = raised(own)
    assert 0.5 < before < 1.8
    assert after > 3 * before
    assert 0 < far < 9


def test_a_prompt_whose_answers_are_equally_good_counts_nothing_in_dapo():
    own = GRPO(model=gpt(), reward=lambda texts: [1.0] * len(texts), form="dapo", length=3)
    (loss,) = own.losses(batch(2))
    assert (loss.weight == 0).all()
    assert loss.value.isfinite().all()


def test_one_answer_is_refused():
    with pytest.raises(UsageError, match="generations=1 leaves no other answer"):
        GRPO(model=gpt(), reward="words", generations=1)
