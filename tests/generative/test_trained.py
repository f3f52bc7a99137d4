"""Whether a model of any family is trained at all: nothing passes that has learned nothing."""

import copy

import pytest
import torch

from cartograd.core.build import build
from cartograd.engine.loop.fit import fit
from cartograd.generative.diffusion.denoising import Denoising
from cartograd.generative.likelihood import Likelihood

FAMILIES = {
    "pixelcnn:width=8,depth=1": 16, "conv-real-nvp:width=8,depth=1": 20,
    "vae:latent=3,widths=[24]": 30, "vq-vae:codes=8,dim=4,width=8,depth=1": 16,
    "flow-matching:width=8": 40,
}  # fmt: skip
"""One of each family, and the epochs in which it learns enough."""
TOLD = ("pixelcnn", "vae", "flow-matching")
"""Those that make much of the class; the others would need longer."""
SIZES = {"channels": 1, "size": 4, "features": 16, "levels": 4, "classes": 2}


def stripes(n, *, seed):
    """Pictures of four greys that rise across or down, by their class, a little noisy."""
    generator = torch.Generator().manual_seed(seed)
    y = torch.arange(n) % 2
    rise = torch.arange(4).expand(4, 4)
    x = torch.where(y[:, None, None] == 0, rise, rise.T)
    off = torch.rand(n, 4, 4, generator=generator) < 0.1
    x = torch.where(off, torch.randint(4, (n, 4, 4), generator=generator), x)
    return (x / 3)[:, None].float(), y


def objective(spec):
    """A model of these pictures, and how it learns."""
    name = spec.split(":")[0]
    drawn = name == "flow-matching"
    own = {"vae": {"channels", "size"}, "flow-matching": {"features", "levels"}}
    sizes = {key: SIZES[key] for key in SIZES.keys() - own.get(name, {"features"})}
    torch.manual_seed(0)
    model = build(spec, **sizes)
    return Denoising(model=model) if drawn else Likelihood(model=model)


def batch(learner, x, y):
    """What an objective is given of pictures and their classes."""
    if isinstance(learner, Denoising):
        generator = torch.Generator().manual_seed(5)
        return torch.randn(x.shape, generator=generator), y, 2 * x - 1
    return x, y, x


@pytest.mark.parametrize("spec", FAMILIES, ids=lambda spec: spec.split(":")[0])
def test_pixels_in_another_order_and_other_classes_are_much_worse(spec):
    learner, (x, y) = objective(spec), stripes(64, seed=0)
    untrained = copy.deepcopy(learner)
    fit(learner, [batch(learner, x[i::2], y[i::2]) for i in range(2)], optimizers="adam:lr=1e-2",
        schedule="cosine", epochs=FAMILIES[spec], device="cpu")  # fmt: skip
    new, told = stripes(64, seed=1)

    def loss(of, x, y):
        with torch.no_grad():
            return of.eval().validate(batch(of, x, y))["loss"].mean().item()

    shuffled = new.flatten(2)[:, :, torch.randperm(16)].reshape(new.shape)
    right = loss(learner, new, told)
    gained = loss(untrained, new, told) - right
    assert gained > 0
    assert loss(learner, shuffled, told) > right + 0.3 * gained
    if spec.split(":")[0] in TOLD:
        assert loss(learner, new, 1 - told) > right + 0.1 * gained
    for (name, one), before in zip(
        learner.model.named_parameters(), untrained.model.parameters(), strict=True
    ):
        assert not torch.equal(one, before), name
