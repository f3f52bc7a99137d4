"""Texts in one row are answered as each alone, also where they begin alike and share that."""

import pytest
import torch

from cartograd.architectures.transformer.decoder import Decoder
from cartograd.architectures.transformer.gpt import GPT
from cartograd.architectures.transformer.llama import LLaMA
from cartograd.core.errors import UsageError
from cartograd.training.adapters.beside import changes
from cartograd.training.adapters.lora import lora

SIZES = {"vocabulary": 19, "dim": 12, "depth": 2, "heads": 2, "kv_heads": 1, "ffn_dim": 16,
         "context": 12}  # fmt: skip
LENGTHS = [3, 7, 1, 5]


@pytest.mark.law("llama")
@pytest.mark.parametrize("more", [{}, {"window": 3}, {"tied": True, "biases": "qkv"}])
@pytest.mark.parametrize("adapted", [False, True])
def test_packed_is_alone(more, adapted):
    torch.manual_seed(0)
    model = LLaMA(**SIZES, **more).double()
    if adapted:
        lora(model, rank=2)
        for _, _, change in changes(model):
            torch.nn.init.normal_(change.up)
    same_as_alone(model)
    shared_as_apart(model)


def same_as_alone(model):
    """Logits and gradients of texts in one row, and of each by itself."""
    texts = [torch.randint(19, (length,)) for length in LENGTHS]
    at = torch.arange(0, sum(LENGTHS), 2)  # some of the places are asked
    together = model.logits(model.packed(torch.cat(texts), LENGTHS, at))
    alone = torch.cat([model(text[None])[0] for text in texts])[at]
    same(model, together, alone)


def same(model, together, alone):
    """The same logits, and the same gradients of a number made of them."""
    torch.testing.assert_close(together, alone, rtol=1e-10, atol=1e-10)
    weights = [one for one in model.parameters() if one.requires_grad]
    unused = {"allow_unused": True, "materialize_grads": True}  # an expert that nothing chose
    for one, other in zip(
        torch.autograd.grad(together.square().sum(), weights, **unused),
        torch.autograd.grad(alone.square().sum(), weights, **unused),
        strict=True,
    ):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-10)


def shared_as_apart(model):
    """Texts that begin alike, read with what they begin with once, and each by itself."""
    stems, branches = [torch.randint(19, (n,)) for n in (1, 5)], ([2, 1], [4, 1, 3])
    row, whole, lengths = [], [], []
    for stem, own in zip(stems, branches, strict=True):
        later = [torch.randint(19, (n,)) for n in own]
        row += [stem, *later]
        whole += [torch.cat([stem, one]) for one in later]
        lengths.append((len(stem), *own))
    alone = torch.randint(19, (6,))
    row.append(alone), whole.append(alone), lengths.append(6)
    every = torch.arange(sum(map(len, row)))
    together = model.logits(model.packed(torch.cat(row), lengths, every))
    each = [model(text[None])[0] for text in whole]
    begun = [model(stem[None])[0] for stem in stems]
    expected = torch.cat(
        [begun[0], *(one[1:] for one in each[:2]), begun[1], *(one[5:] for one in each[2:5]),
         each[5]]
    )  # fmt: skip
    same(model, together, expected)


FAMILIES = {
    "plain": {},
    "qwen3": {"qk_norm": "head", "tied": True},
    "gemma": {"reach": "wf", "window": 3, "order": "sandwich", "activation": "geglu", "scale": 0.3,
              "attention_cap": 5.0, "output_cap": 3.0, "embedding_scale": 3.5, "local_base": 100.0},
    "olmo": {"order": "reordered", "qk_norm": "all"},
    "gpt-oss": {"reach": "wf", "window": 3, "attention_sinks": True, "experts": 3, "k": 2,
                "activation": "clamped", "biases": "qkvo"},
    "mixtral": {"experts": 3, "k": 2},
    "smollm3": {"reach": "fn"},
    "part turned": {"reach": "wm", "window": 2, "share": 0.7},
    "dynamic": {"scaling": "dynamic:factor=2,context=4"},
    "longrope": {"scaling": "longrope:factor=4,context=4,short=[1,1.5,2],long=[2,3,4]"},
}  # fmt: skip


@pytest.mark.law("decoder")
@pytest.mark.parametrize("family", FAMILIES)
def test_packed_is_alone_in_every_family(family):
    torch.manual_seed(0)
    model = Decoder(**SIZES, head_dim=6, **FAMILIES[family]).double()
    with torch.no_grad():
        for weight in model.parameters():  # so that positions, caps and sinks matter
            weight.add_(0.2 * torch.randn_like(weight))
    same_as_alone(model)
    shared_as_apart(model)


@pytest.mark.law("gpt")
@pytest.mark.parametrize("positions", ["learned", "sinusoidal", "rotary", "alibi"])
@pytest.mark.parametrize("order", ["pre", "post"])
def test_packed_is_alone_in_a_gpt(positions, order):
    torch.manual_seed(0)
    sizes = {"vocabulary": 19, "dim": 12, "depth": 2, "heads": 2, "context": 12, "dropout": 0.0}
    model = GPT(**sizes, positions=positions, order=order).double()
    same_as_alone(model)
    shared_as_apart(model)


def test_a_text_that_is_too_long_is_refused():
    with pytest.raises(UsageError, match="13 tokens are more than this model's context of 12"):
        LLaMA(**SIZES).packed(torch.zeros(14, dtype=torch.int64), [13, 1], torch.arange(14))
    with pytest.raises(UsageError, match="13 tokens are more than this model's context of 12"):
        LLaMA(**SIZES).packed(torch.zeros(14, dtype=torch.int64), [(10, 3, 1)], torch.arange(14))
    with pytest.raises(UsageError, match="13 tokens are more than this model's context of 12"):
        Decoder(**SIZES).packed(torch.zeros(14, dtype=torch.int64), [13, 1], torch.arange(14))
    with pytest.raises(UsageError, match="13 tokens are more than the 12 that this model can see"):
        GPT(vocabulary=19, dim=12, heads=2, depth=1, context=12).packed(
            torch.zeros(13).long(), [13], torch.arange(13)
        )
