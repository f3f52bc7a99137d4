"""Modules made without drawing their weights are those modules in all else."""

import subprocess
import sys

import torch
from torch import nn

from cartograd.core.skip_init import SkipInit


def layers():
    return nn.ModuleList(
        [nn.Linear(3, 4), nn.Conv2d(2, 3, 3), nn.Embedding(5, 2, padding_idx=0), nn.LSTM(2, 3),
         nn.BatchNorm2d(3), nn.MultiheadAttention(4, 2)]
    )  # fmt: skip


def test_weights_that_would_be_drawn_are_zero_and_others_are_as_always():
    state = torch.get_rng_state()
    with SkipInit():
        made = layers()
    assert torch.equal(torch.get_rng_state(), state)
    usual = layers().state_dict()
    assert made.state_dict().keys() == usual.keys()
    for name, tensor in made.state_dict().items():
        assert (tensor.shape, tensor.dtype) == (usual[name].shape, usual[name].dtype)
    assert not made[0].weight.any()
    assert not made[3].weight_ih_l0.any()
    assert made[4].weight.eq(1).all()
    assert all(p.requires_grad for p in made.parameters())
    made.load_state_dict(usual)


def test_outside_of_the_block_all_is_as_before():
    with SkipInit():
        pass
    assert nn.Linear(3, 3).weight.any()


def test_an_outline_imports_no_compiler():
    code = (
        "import sys; from cartograd.core.outline import outlined; "
        "from cartograd.core.ports import Port, Signature; from cartograd.core.spec import Spec; "
        "port = Port('text', 'text', ('t',), 'int64', (0, 10)); "
        "out = Port('next', 'label', ('t', 11), task='next-token'); "
        "spec = Spec.parse('llama:vocabulary=11,dim=8,depth=1,heads=2,ffn_dim=12,context=64'); "
        "outlined(spec, Signature((port,), (out,)), {}, 'x'); "
        "print([name for name in ('torch._dynamo', 'sympy') if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
