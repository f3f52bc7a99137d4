"""What the oracle tests of transformers share."""

import torch


def doubles(*shape, seed=0):
    """Normal numbers in double precision, always the same."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64).requires_grad_()


def agree(one, other, leaves, mine=None, theirs=None):
    """The same answers, and the same gradients of inputs and (as a whole) of weights."""
    torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-11)
    weight = torch.randn(one.shape, dtype=one.dtype, generator=torch.Generator().manual_seed(9))
    found = []
    for answer, model in ((one, mine), (other, theirs)):
        asked = list(leaves) + ([] if model is None else list(model.parameters()))
        found.append(torch.autograd.grad((answer * weight).sum(), asked))
    for a, b in zip(found[0][: len(leaves)], found[1][: len(leaves)], strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-11)
    sums = [sorted_numbers(gradients[len(leaves) :]) for gradients in found]
    torch.testing.assert_close(*sums, rtol=1e-9, atol=1e-10)


def sorted_numbers(gradients):
    """All numbers of some gradients in order of size: weights may lie in other tensors."""
    if not gradients:
        return torch.zeros(1)
    return torch.cat([g.flatten() for g in gradients]).sort().values


def copy_attention(mine, theirs):
    """Our weights of attention into torch's module."""
    parts = (mine.query, mine.key, mine.value)
    with torch.no_grad():
        theirs.in_proj_weight.copy_(torch.cat([part.weight for part in parts]))
        theirs.in_proj_bias.copy_(torch.cat([part.bias for part in parts]))
    theirs.out_proj.load_state_dict(mine.out.state_dict())


def copy_norm(mine, theirs):
    """Our scale and shift into torch's."""
    theirs.load_state_dict(mine.state_dict())
