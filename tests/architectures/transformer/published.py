"""Models of transformers through their own files: what the tests of the four families share."""

import json

import torch

from cartograd.architectures.pretrained.hf import described, hf
from cartograd.core.key_map_inverse import written


def saved(model, path):
    """The reference in double precision with weights that are all different, and its folder."""
    torch.manual_seed(0)
    model = model.eval()
    with torch.no_grad():
        for name, weight in model.named_parameters():
            weight.copy_(torch.randn_like(weight) * 0.2 + ("norm" in name.lower() or "ln_" in name))
    model.save_pretrained(path)
    return model.double()


def ours(path):
    """Our model of a folder, in double precision; rounded to float32 as the file is."""
    return hf(path).double()


def compared(theirs, mine, answer, expected, pairs, *, real=None):
    """The same answers, hidden states and gradients, and the same weights after a step of AdamW.

    Args:
        theirs: the reference.
        mine: ours.
        answer: ours to some input.
        expected: the reference's to the same.
        pairs: (name of theirs, name of ours) of weights whose gradients are compared one by one.
        real: which positions are no padding, where there is one answer a position.
    """
    torch.testing.assert_close(answer, expected, rtol=1e-10, atol=1e-10)
    weight = torch.randn(answer.shape, dtype=answer.dtype)
    weight = weight if real is None else weight * real[..., None]
    for model, y in ((theirs, expected), (mine, answer)):
        model.zero_grad()
        (y * weight).sum().backward()
    named, own = dict(theirs.named_parameters()), dict(mine.named_parameters())
    for name, other in pairs:
        found, wanted = own[other], named[name]
        grad = wanted.grad.mT if found.shape != wanted.shape else wanted.grad
        torch.testing.assert_close(found.grad, grad, rtol=1e-9, atol=1e-10)
    totals = [
        all_numbers(p.grad for p in m.parameters() if p.grad is not None) for m in (mine, theirs)
    ]
    torch.testing.assert_close(*totals, rtol=1e-9, atol=1e-9)
    for model in (mine, theirs):
        torch.optim.AdamW(model.parameters(), lr=1e-3).step()
    stepped = [all_numbers(p.detach() for p in m.parameters()) for m in (mine, theirs)]
    torch.testing.assert_close(*stepped, rtol=1e-6, atol=1e-9)


def all_numbers(tensors):
    """All numbers in order of size: the same weights may lie in other tensors."""
    return torch.cat([tensor.flatten() for tensor in tensors]).sort().values


def same_file(path, mine, prefix):
    """Written back, our weights are the file's tensors under the file's names."""
    family, config, tensors = described(path)
    table = family.KEYS(config) if callable(family.KEYS) else family.KEYS
    state = {name: tensor.float() for name, tensor in mine.model.state_dict().items()}
    back = written(state, table, source="the file")
    file = {name.removeprefix(prefix): tensor for name, tensor in tensors.items()}
    back = {name.removeprefix(prefix): tensor for name, tensor in back.items()}
    assert back.keys() == file.keys()
    assert all(torch.equal(back[name], file[name]) for name in file)


def changed(path, **config):
    """The folder with another configuration."""
    file = path / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | config))
    return path


def states(blocks):
    """A list that fills with what each block answers, from now on."""
    found = []
    for block in blocks:
        block.register_forward_hook(lambda _, __, answer: found.append(answer))
    return found
