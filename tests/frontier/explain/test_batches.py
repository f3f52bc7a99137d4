"""How many rows go at once changes nothing, and what is drawn comes with its error."""

import pytest
import torch

import cartograd as cg
from cartograd.core import registry
from cartograd.core.errors import UsageError
from cartograd.frontier import inputs
from cartograd.frontier.explain.shap_exact import exact_shap

SMALL = {
    "exact-shap": "patch_size=3", "kernel-shap": "patch_size=3,draws=100", "lime": "draws=20",
    "permutation-shap": "patch_size=3,orders=1", "rise": "draws=9", "smoothgrad": "draws=5",
    "gradient-shap": "draws=5", "integrated_gradients": "steps=5", "counterfactual": "steps=30",
    "occlusion": "patch_size=4",
}  # fmt: skip
OTHERS = ("tree-shap", "attention-rollout")
"""They are of trees and of transformers."""


@pytest.fixture
def widths(modest):
    """How many rows each run of the network was given."""
    seen = []
    note = modest.model.model[0].register_forward_pre_hook(lambda _, x: seen.append(len(x[0])))
    yield seen
    note.remove()


METHODS = [one.name for one in registry.methods("explainer") if one.name not in OTHERS]


@pytest.mark.parametrize("name", METHODS)
def test_no_more_rows_than_told_and_the_same_result(modest, widths, name):
    x, method = modest.x[:5], f"{name}:{SMALL[name]}" if name in SMALL else name
    whole = cg.explain(modest.model, x, method=method)
    assert max(widths) >= 5
    widths.clear()
    found = cg.explain(modest.model, x, method=method, max_batch=3)
    assert max(widths) <= 3
    torch.testing.assert_close(found, whole, rtol=1e-4, atol=1e-6)


def test_what_does_not_fit_into_memory_is_split(modest, widths, monkeypatch):
    x, method = modest.x[:8], "integrated_gradients:steps=6"
    whole = cg.explain(modest.model, x, method=method)
    assert max(widths) == 48
    one = inputs._taken(modest.model, x[:1])
    assert one > 2 * 8 * (16 * 64 + 32 * 16)  # both convolutions' maps in float64, and gradients
    monkeypatch.setattr(inputs, "available", lambda: 2 * 4 * one)
    widths.clear()
    found = cg.explain(modest.model, x, method=method)
    assert max(widths) == 4
    torch.testing.assert_close(found, whole, rtol=1e-4, atol=1e-6)
    with pytest.raises(UsageError, match="max_batch=0 is out of range; expected at least 1"):
        cg.explain(modest.model, x, max_batch=0)


@pytest.mark.law("permutation-shap")
def test_repeats_tell_the_mean_and_its_standard_error(modest):
    x, told = modest.x[:2], "permutation-shap:patch_size=3,orders=2"
    found = cg.explanation(modest.model, x, method=told, repeats=6)
    each = torch.stack([cg.explain(modest.model, x, method=f"{told},seed={seed}")
                        for seed in range(6)])  # fmt: skip
    torch.testing.assert_close(found.attributions, each.mean(0))
    torch.testing.assert_close(found.errors, each.std(0) / 6**0.5)
    assert cg.explanation(modest.model, x, method=told).errors is None
    target = modest.model(x).argmax(1)
    true = exact_shap(modest.model, x, target=target, patch_size=3)
    off = (found.attributions - true).abs()
    assert (off <= 6 * found.errors + 1e-9).double().mean() > 0.9
    assert off.max() > 1e-4
    all_subsets = "kernel-shap:patch_size=3,draws=1000"
    assert cg.explanation(modest.model, x, method=all_subsets, repeats=2).errors.max() < 1e-12
    with pytest.raises(UsageError, match=r"saliency draws nothing .* smoothgrad"):
        cg.explain(modest.model, x, method="saliency", repeats=2)
    with pytest.raises(UsageError, match="repeats=0 is out of range"):
        cg.explain(modest.model, x, repeats=0)
