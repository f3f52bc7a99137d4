"""What tests of convolutional networks share: weights and gradients beside torchvision's."""

from functools import cache

import torch

from cartograd.core.build import build
from tests.reference import Reference

torchvision = Reference("torchvision")


@cache
def bare(spec, **args):
    """A network on the meta device."""
    with torch.device("meta"):
        return build(spec, **args)


def count(spec, **args):
    """Its parameters."""
    return sum(weight.numel() for weight in bare(spec, **args).parameters())


def giga(spec, *, size=224, **args):
    """Multiply-adds of convolutions and dense layers for an image, in billions to a thousandth."""
    model, done = bare(spec, **args).eval(), []

    def add(layer, _, y):
        places = y[0, 0].numel() if isinstance(layer, torch.nn.Conv2d) else 1
        done.append(layer.weight.numel() * places)

    kinds = (torch.nn.Conv2d, torch.nn.Linear)
    layers = [layer for layer in model.modules() if isinstance(layer, kinds)]
    hooks = [layer.register_forward_hook(add) for layer in layers]
    model(torch.empty(1, 3, size, size, device="meta"))
    for hook in hooks:
        hook.remove()
    assert len(done) == len(layers)
    return round(sum(done) / 1e9, 3)


def published(name):
    """Parameters and multiply-adds that torchvision states for its weights."""
    meta = torchvision.models.get_model_weights(name).DEFAULT.meta
    return meta["num_params"], meta["_ops"]


def shapes(model):
    """Names and shapes of a state dict, in order."""
    return [(name, value.shape) for name, value in model.state_dict().items()]


def heads(answer):
    """All logits of a training pass."""
    return list(answer) if isinstance(answer, tuple) else [answer]


def narrowed(theirs, ours):
    """A reference network on the meta device, given ours' weights, as narrow as they are."""
    names = [name for name, _ in theirs.named_parameters()]
    assert names == [name for name, _ in ours.named_parameters()]
    assert theirs.state_dict().keys() == ours.state_dict().keys()
    for name, value in ours.state_dict().items():
        where, _, leaf = name.rpartition(".")
        module = theirs.get_submodule(where)
        if leaf in module._parameters:
            module._parameters[leaf] = torch.nn.Parameter(value.detach().clone())
        else:
            module._buffers[leaf] = value.detach().clone()
    return theirs


def stirred(model):
    """In float64; scales and shifts that do not hide behind ones and zeros."""
    with torch.no_grad():
        for name, value in model.named_parameters():
            if value.ndim == 1:
                value.uniform_(0.5, 1.5) if name.endswith("weight") else value.normal_(std=0.1)
    return model.double()


def same(ours, theirs, *, size, examples=2):
    """Two networks with the same weights: outputs, gradients and statistics, then evaluation."""
    x = torch.randn(examples, 3, size, size, dtype=torch.float64)
    mine, other = heads(ours.train()(x)), heads(theirs.train()(x))
    assert len(mine) == len(other)
    for z, expected in zip(mine, other, strict=True):
        torch.testing.assert_close(z, expected, rtol=1e-10, atol=1e-10)
    weights = [torch.randn_like(z) for z in mine]
    for answers in (mine, other):
        sum((z * w).sum() for z, w in zip(answers, weights, strict=True)).backward()
    for (name, one), two in zip(ours.named_parameters(), theirs.parameters(), strict=True):
        assert two.grad.any(), name
        scale = max(1.0, two.grad.abs().max().item())
        torch.testing.assert_close(one.grad, two.grad, rtol=1e-10, atol=1e-10 * scale)
    for one, two in zip(ours.buffers(), theirs.buffers(), strict=True):
        torch.testing.assert_close(one, two, rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(ours.eval()(x), theirs.eval()(x), rtol=1e-10, atol=1e-10)
