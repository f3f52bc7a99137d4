import pytest
import torch
import torch.nn.functional as F
from torch import nn

from cartograd.architectures.transformer.llama import LLaMA
from cartograd.core.errors import UsageError
from cartograd.engine.loop.fit import fit
from cartograd.engine.optim.accumulation import shares
from cartograd.training.objectives.label_tokens import IGNORED, LabelTokens


def reader():
    torch.manual_seed(0)
    return nn.Sequential(nn.Embedding(9, 6), nn.Tanh(), nn.Linear(6, 9)).double()


def rows(n=8, t=7):
    """Tokens and targets; every row is a little shorter than the one before."""
    draw = torch.Generator().manual_seed(3)
    tokens, targets = torch.randint(1, 9, (2, n, t), generator=draw)
    return tokens, targets.masked_fill(torch.arange(t) > torch.arange(n)[:, None], IGNORED)


@pytest.mark.oracle("label-tokens")
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_equals_torch(smoothing):
    model, (tokens, targets) = reader(), rows()
    (loss,) = LabelTokens(model=model, label_smoothing=smoothing).losses((tokens, targets))
    mine = (loss.value * shares(loss)).sum()
    theirs = F.cross_entropy(
        model(tokens).flatten(0, 1), targets.flatten(), ignore_index=-100, label_smoothing=smoothing
    )
    weights = list(model.parameters())
    torch.testing.assert_close(mine, theirs, rtol=1e-10, atol=1e-12)
    for one, other in zip(
        torch.autograd.grad(mine, weights), torch.autograd.grad(theirs, weights), strict=True
    ):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-12)


@pytest.mark.law("label-tokens")
def test_uneven_parts_equal_the_whole():
    """Where the mean of means went wrong for years: parts with few labels counted too much."""
    trained = []
    for size, accumulate in ((8, 1), (2, 4)):
        model = reader()
        parts = list(zip(*(tensor.split(size) for tensor in rows()), strict=True))
        fit(
            LabelTokens(model=model), parts, optimizers="sgd:lr=1.0", epochs=3,
            accumulate=accumulate, device="cpu",
        )  # fmt: skip
        trained.append(model.state_dict())
    for name, weight in trained[0].items():
        torch.testing.assert_close(trained[1][name], weight, rtol=1e-12, atol=1e-13)


@pytest.mark.law("label-tokens")
def test_validation_counts_labelled_positions_only():
    model, (tokens, targets) = reader(), rows()
    run = fit(
        LabelTokens(model=model), [(tokens, targets)], optimizers="sgd:lr=0.0", epochs=1,
        validate=[(tokens[:3], targets[:3]), (tokens[3:], targets[3:])], device="cpu",
    )  # fmt: skip
    logits, counted = model(tokens), targets != IGNORED
    expected = F.cross_entropy(logits.flatten(0, 1), targets.flatten()).item()
    right = (logits.argmax(-1) == targets)[counted].double().mean().item()
    assert run.history[-1]["valid/loss"] == pytest.approx(expected, rel=1e-6)
    assert run.history[-1]["valid/accuracy"] == pytest.approx(right, rel=1e-6)


def test_two_inputs():
    """As an encoder-decoder has them."""
    tokens, targets = rows()
    both = nn.ModuleList([reader(), reader()])
    both.forward = lambda source, target: both[0](source).mean(1, keepdim=True) + both[1](target)
    (loss,) = LabelTokens(model=both).losses((tokens, tokens, targets))
    assert loss.value.shape == (8, 7)


def test_logits_that_do_not_belong():
    tokens, targets = rows()
    with pytest.raises(UsageError, match=r"logits \(8, 7, 9\) do not belong to targets \(8,\)"):
        next(LabelTokens(model=reader()).losses((tokens, targets[:, 0])))


@pytest.mark.law("label-tokens")
def test_packed_is_filled_up():
    torch.manual_seed(0)
    model = LLaMA(vocabulary=9, dim=8, depth=1, heads=2, ffn_dim=12, context=8).double()
    tokens, targets = rows()
    targets[3] = IGNORED
    found = []
    for packed in (False, True):
        (loss,) = LabelTokens(model=model, packed=packed).losses((tokens, targets))
        mean = (loss.value * shares(loss)).sum()
        found.append((mean, *torch.autograd.grad(mean, list(model.parameters()))))
    assert loss.value.ndim == 1
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)
    objective = LabelTokens(model=reader(), packed=True)
    with pytest.raises(UsageError, match="as llama, decoder and gpt; Sequential does not"):
        next(objective.losses((tokens, targets)))
    assert next(objective.eval().losses((tokens, targets))).value.shape == tokens.shape
