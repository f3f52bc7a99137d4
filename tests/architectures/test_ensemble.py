"""An ensemble says the mean of what its members say."""

import pytest
import torch

import cartograd as cg
from cartograd.architectures.ensemble import Ensemble
from cartograd.core.errors import UsageError

ONE, OTHER = (f"mlp:features=4,classes=3,widths=[{width}]" for width in (8, 6))


@pytest.mark.law("ensemble")
@pytest.mark.parametrize("answers", ["class", "classes", "value"])
def test_it_says_the_weighted_mean(answers):
    model = Ensemble(members=(ONE, OTHER), shares=(3.0, 1.0), answers=answers)
    x = torch.randn(7, 4, generator=torch.Generator().manual_seed(0))
    squash = {
        "class": lambda y: y.softmax(1),
        "classes": torch.sigmoid,
        "value": lambda y: y,
    }[answers]
    wanted = 0.75 * squash(model.members[0](x)) + 0.25 * squash(model.members[1](x))
    assert torch.allclose(squash(model(x)), wanted, atol=1e-6)
    assert torch.isfinite(model(1e4 * x)).all()


@pytest.mark.law("ensemble")
def test_it_is_a_model_like_any_other(tmp_path):
    members = [f"mlp:features=30,classes=2,widths=[{width}]" for width in (8, 16)]
    spec = cg.Spec("ensemble", {"members": members})
    run = cg.train(spec, "breast-cancer", epochs=3, folder=tmp_path / "run", device="cpu")
    test = cg.dataset("breast-cancer").test
    assert cg.evaluate(run, "breast-cancer").metrics["accuracy"] > 0.85
    again = cg.load(run.folder)
    assert torch.equal(again.model(test.inputs), run.model.eval()(test.inputs))
    cg.export(run, tmp_path / "m.onnx", to="onnx")
    assert cg.explain(run, test.inputs[:2], method="saliency").shape == (2, 30)


@pytest.mark.parametrize("shares", [(), (1.0, 2.0, 3.0), (1.0, 0.0)])
def test_shares_that_do_not_fit_are_refused(shares):
    with pytest.raises(UsageError, match="a share above 0 for each"):
        Ensemble(members=(ONE, OTHER) if shares else (), shares=shares or None)
