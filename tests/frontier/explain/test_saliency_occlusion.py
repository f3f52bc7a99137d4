"""Saliency and occlusion against captum and against what they must be."""

import pytest
import torch
from torch import nn

import cartograd as cg
from cartograd.core.errors import UsageError
from cartograd.frontier.explain.occlusion import occlusion
from cartograd.frontier.explain.one_number import NextToken
from cartograd.frontier.explain.saliency import saliency
from tests.frontier.explain.test_one_number import GPT, LLAMA, language_model, rows
from tests.reference import Reference

captum = Reference("captum.attr")


def pictures():
    torch.manual_seed(0)
    layers = nn.Conv2d(2, 4, 3), nn.Tanh(), nn.Flatten(), nn.Linear(4 * 25, 3)
    return nn.Sequential(*layers).double().eval(), torch.rand(3, 2, 7, 7).double()


@pytest.mark.oracle("saliency")
def test_saliency_is_captums():
    model, x = pictures()
    target = torch.tensor([0, 2, 1])
    expected = captum.Saliency(model).attribute(x.clone().requires_grad_(), target=target)
    torch.testing.assert_close(saliency(model, x, target=target), expected, rtol=0, atol=1e-10)


@pytest.mark.oracle("occlusion")
@pytest.mark.parametrize("size", [1, 3])
def test_occlusion_is_captums_of_the_same_parts(size):
    model, x = pictures()
    target = torch.tensor([0, 2, 1])
    at = torch.arange(7) // size
    mask = (at[:, None] * 7 + at).unique(return_inverse=True)[1]
    expected = captum.FeatureAblation(model).attribute(
        x, target=target, baselines=0.25, feature_mask=mask.expand(1, 2, 7, 7)
    )
    found = occlusion(model, x, target=target, patch_size=size, baseline=0.25)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-10)


@pytest.mark.oracle("saliency", "occlusion")
@pytest.mark.parametrize("spec", [GPT, LLAMA])
def test_the_next_token_is_explained(spec):
    model, texts = language_model(spec), rows("the cat", "a")
    table = next(part for part in model.modules() if isinstance(part, nn.Embedding))
    gradient = cg.explain(model, texts, target="s", method="saliency")
    covered = cg.explain(model, texts, target="s", method="occlusion:baseline=32")
    alone, token = texts[:1, :7], ord("s")

    kept = []
    hook = table.register_forward_hook(
        lambda *given: kept.append(given[2]) or given[2].retain_grad()
    )
    model(alone)[0, -1, token].backward()
    hook.remove()
    torch.testing.assert_close(gradient[0, :7], kept[0].grad[0].abs().sum(-1), rtol=0, atol=1e-9)
    assert (gradient[1, 1:] == 0).all()
    assert (covered[1, 1:] == 0).all()

    def last(tokens):
        return model(tokens)[:, -1]

    expected = captum.FeatureAblation(last).attribute(alone, target=token, baselines=32)
    torch.testing.assert_close(covered[0, :7], expected[0].double(), rtol=0, atol=1e-9)


@pytest.mark.law("saliency", "occlusion")
def test_a_linear_model_is_its_weights():
    model, x = nn.Linear(5, 2).double(), torch.randn(3, 5).double()
    weights = model.weight[1].detach()
    torch.testing.assert_close(saliency(model, x, target=1), weights.abs().expand(3, 5))
    found = occlusion(model, x, target=1, baseline=0.5)
    torch.testing.assert_close(found, (x - 0.5) * weights)


@pytest.mark.untyped
def test_what_covers_no_token_is_refused():
    model, texts = NextToken(language_model()), rows("a")
    with pytest.raises(UsageError, match=r"baseline='mean' is none for tokens"):
        occlusion(model, texts, baseline="mean")
    with pytest.raises(UsageError, match="the baseline does not fit tokens"):
        occlusion(model, texts, baseline=torch.tensor([1, 2, 3]))
