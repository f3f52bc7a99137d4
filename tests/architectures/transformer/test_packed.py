"""Texts in one row are answered as each alone; with adapters beside, windows and groups."""

import pytest
import torch

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
    texts = [torch.randint(19, (length,)) for length in LENGTHS]
    together = model.packed(torch.cat(texts), LENGTHS)
    alone = torch.cat([model(text[None])[0] for text in texts])
    torch.testing.assert_close(together, alone, rtol=1e-10, atol=1e-10)
    weights = [one for one in model.parameters() if one.requires_grad]
    for one, other in zip(
        torch.autograd.grad(together.square().sum(), weights),
        torch.autograd.grad(alone.square().sum(), weights),
        strict=True,
    ):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-10)


def test_a_text_that_is_too_long_is_refused():
    with pytest.raises(UsageError, match="13 tokens are more than this model's context of 12"):
        LLaMA(**SIZES).packed(torch.zeros(14, dtype=torch.int64), [13, 1])
