"""Models write by the abilities that they have, whatever their class is."""

import gc

import pytest
import torch
from torch import nn

from cartograd.apps.load.writing import Writing
from cartograd.architectures.transformer.inference_form import InferenceForm
from cartograd.core import pages
from cartograd.core.build import build
from cartograd.core.inference import Fusible
from cartograd.core.ports import Port, Signature
from cartograd.core.protocols import Aligner, Decoder, Transcriber, Writer
from cartograd.core.signed import Signed
from cartograd.data.text.tokenizer import Tokenizer
from cartograd.engine.files import bundle
from cartograd.engine.files.bundle import write_bundle
from cartograd.practice.compression import fast_weights

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


def held():
    """Bytes of all tensors that are alive, those in files left out; what two share counts once."""
    every = [one for one in gc.get_objects() if type(one) in (torch.Tensor, nn.Parameter)]
    parts = sorted(
        (one.data_ptr(), one.data_ptr() + one.element_size() * (1 + _reach(one)))
        for one in every
        if one.numel() and one.device.type == "cpu" and not pages._lies_in_file(one)
    )
    total, end = 0, 0
    for first, last in parts:
        total += max(0, last - max(first, end))
        end = max(end, last)
    return total


def _reach(one):
    return sum((size - 1) * step for size, step in zip(one.shape, one.stride(), strict=True))


@pytest.mark.parametrize("name", ["rows", "columns", "int8", "int4"])
@torch.no_grad()
def test_weights_are_in_memory_once(tmp_path, monkeypatch, name):
    """Those that are read from a bundle, the embedding that scores among them."""
    monkeypatch.setattr(bundle, "LARGE", 1)
    monkeypatch.setattr(fast_weights, "quickest", lambda *_: name)
    torch.manual_seed(0)
    spec = "llama:dim=64,heads=4,depth=2,ffn_dim=11008,context=16"
    signed = build(spec, kind="model", signature=SIGNATURE)
    signed.tokenizer = Tokenizer.bytes()
    weights = sum(one.nbytes for one in signed.parameters())
    kept = write_bundle(tmp_path / "kept", signed, examples=torch.randint(1, 250, (2, 5)))
    del signed
    before = held()
    writing = Writing(kept)
    begun = writing.begin([[1, 2, 3]], 4)
    begun.decoder.read(begun.prompt)
    share = {"rows": 1.0, "columns": 1.0, "int8": 0.3, "int4": 0.3}[name]
    assert 0 < held() - before <= (share + 0.2) * weights
