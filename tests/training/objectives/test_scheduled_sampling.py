import pytest
import torch
from torch import nn

from cartograd.core.errors import UsageError
from cartograd.core.ports import Port, Signature
from cartograd.core.signed import Signed
from cartograd.engine.loop.fit import fit
from cartograd.training.objectives.label_tokens import IGNORED, LabelTokens
from cartograd.training.objectives.scheduled_sampling import ScheduledSampling


def writer():
    torch.manual_seed(0)
    return nn.Sequential(nn.Embedding(9, 6), nn.Tanh(), nn.Linear(6, 9)).double()


def rows(n=400, t=30):
    """Tokens and the next ones, of which the last ten places have none."""
    tokens = torch.randint(1, 9, (n, t + 1), generator=torch.Generator().manual_seed(3))
    return tokens[:, :-1], tokens[:, 1:].masked_fill(torch.arange(t) >= t - 10, IGNORED)


def after(steps, **settings):
    objective = ScheduledSampling(model=writer(), **settings)
    for _ in range(steps):
        objective.after_step("model")
    return objective


@pytest.mark.oracle("scheduled-sampling")
@pytest.mark.parametrize("steps", [0, 5])
def test_right_tokens_only_are_label_tokens(steps):
    """At the first step there are no others, nor later if none are asked for."""
    batch = rows(8)
    mine = after(steps, teacher_forcing=1.0 if steps else 0.0, total=1)
    theirs = LabelTokens(model=writer())
    for objective in (mine, theirs):
        (loss,) = objective.losses(batch)
        (loss.value * loss.weight).sum().backward()
    for one, other in zip(mine.parameters(), theirs.parameters(), strict=True):
        assert torch.equal(one.grad, other.grad)


@pytest.mark.law("scheduled-sampling")
@pytest.mark.parametrize(("steps", "own"), [(5, 0.3), (10, 0.6), (99, 0.6)])
def test_the_share_of_right_tokens_falls(steps, own):
    """A model that is sure of token 0, which is never right."""
    objective, (tokens, targets) = after(steps, teacher_forcing=0.4, total=10), rows()
    with torch.no_grad():
        objective.model[2].bias[0] += 100
    changed = objective.read(tokens, targets, seed=7) != tokens
    share = changed[:, 1:21].double().mean().item()
    assert share == pytest.approx(own, abs=0.03)  # five standard deviations of 8,000
    assert not changed[:, 0].any()
    assert not changed[:, 21:].any()


@pytest.mark.law("scheduled-sampling")
def test_tokens_are_drawn_by_the_models_chances():
    objective, (tokens, targets) = after(1, teacher_forcing=0.0, total=1), rows()
    with torch.no_grad():
        objective.model[2].weight.mul_(4)  # so that chances differ by what was read
        chances = objective.model(torch.arange(9)).softmax(1)
    read = objective.read(tokens, targets, seed=7)
    for token in range(1, 9):
        drawn = read[:, 1:21][tokens[:, :20] == token]
        share = drawn.bincount(minlength=9) / len(drawn)
        assert (share - chances[token]).abs().max() < 0.08  # five of the largest deviation
    assert (chances.std(0) > 0.03).any()
    assert not torch.equal(read, objective.read(tokens, targets, seed=8))


@pytest.mark.law("scheduled-sampling")
def test_the_loss_is_of_right_tokens_behind_what_was_read():
    objective, batch = after(1, teacher_forcing=0.5, total=1), rows(8)
    (loss,) = objective.losses(batch)
    read = objective.read(*batch, seed=torch.default_generator.initial_seed())
    (by_hand,) = LabelTokens(model=objective.model).losses((read, batch[1]))
    assert not torch.equal(read, batch[0])
    assert torch.equal(loss.value, by_hand.value)
    objective.eval()
    assert torch.equal(
        next(objective.losses(batch)).value, next(objective.inner.losses(batch)).value
    )


def test_parts_of_a_batch_read_what_the_whole_reads_and_steps_are_kept():
    tokens, targets = rows(8)
    objective = after(3, teacher_forcing=0.5, total=2)
    whole = objective.read(tokens, targets, seed=1)
    parts = zip(tokens.split(3), targets.split(3), strict=True)
    assert torch.equal(torch.cat([objective.read(*part, seed=1) for part in parts]), whole)
    fit(objective, [(tokens, targets)], optimizers="sgd:lr=0.1", epochs=2, device="cpu")
    assert objective.state_dict()["steps"] == 5


def test_a_tagger_is_refused():
    text = Port("x", "text", ("t",), "int64", bounds=(0, 8))
    signature = Signature((text,), (Port("tag", "label", ("t", 9), task="tag"),))
    with pytest.raises(UsageError, match="for models that answer with the next token"):
        ScheduledSampling(model=Signed(writer(), signature))
