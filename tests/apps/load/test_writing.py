"""Models write by the abilities that they have, whatever their class is."""

import pytest
import torch
from torch import nn

from cartograd.apps.load.writing import Writing
from cartograd.architectures.transformer.inference_form import InferenceForm
from cartograd.core.build import build
from cartograd.core.inference import Fusible
from cartograd.core.ports import Port, Signature
from cartograd.core.protocols import Aligner, Decoder, Transcriber, Writer
from cartograd.core.signed import Signed
from cartograd.data.text.tokenizer import Tokenizer

TOKENS = Port("text", "text", ("t",), "int64", (0, 255), padding_id=0)
NEXT = Port("next", "label", ("t", 256), task="next-token")
SIGNATURE = Signature((TOKENS,), (NEXT,))


def llama():
    return build("llama", vocabulary=256, dim=16, heads=2, depth=1, context=32)


class Foreign(nn.Module):
    """Somebody's own model that has LLaMA's abilities, and is none."""

    def __init__(self):
        super().__init__()
        self.inner, self.forms = llama(), []

    def forward(self, tokens):
        return self.inner(tokens)

    def decoder(self, given, capacity, /, *, starts=None):
        return self.inner.decoder(given, capacity, starts=starts)

    def largest_product(self):
        return self.inner.largest_product()

    def inference_form(self, product, /):
        self.forms.append(product)
        return self.inner.inference_form(product)


def test_a_model_of_ones_own_with_the_ability_writes_the_quick_way():
    torch.manual_seed(0)
    own = Foreign()
    writing = Writing(Signed(own, SIGNATURE, tokenizer=Tokenizer.bytes()))
    assert isinstance(writing.model, InferenceForm)
    assert len(own.forms) == 1
    begun = writing.begin([[1, 2, 3]], 4)
    tokens = torch.tensor([[1, 2, 3]])
    torch.testing.assert_close(begun.decoder.read(tokens), own(tokens), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "protocols"),
    [
        ("llama", (Writer, Fusible)),
        ("gpt", (Writer,)),
        ("t5", (Writer,)),
        ("seq2seq", (Writer, Aligner)),
        ("whisper", (Writer, Transcriber)),
        ("mlp", ()),
    ],
)
def test_which_models_have_which_ability(name, protocols):
    from cartograd.core import registry

    card, _ = registry.find(name, kind="model")
    model = build(name, **card.tiny)
    every = {Writer, Fusible, Aligner, Transcriber}
    assert {one for one in every if isinstance(model, one)} == set(protocols)


def test_decoders_are_what_decoding_asks_for():
    decoder = llama().decoder(2, 8)
    assert isinstance(decoder, Decoder)
    assert decoder.length == 0
