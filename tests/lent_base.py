"""A small language model that knows chats, and adapters beside it that were never trained."""

import copy
from pathlib import Path

import torch

from cartograd.apps.load.adapter_folder import write_adapter
from cartograd.core.build import build
from cartograd.core.ports import Port, Signature
from cartograd.core.signed import Signed
from cartograd.data.dataset.chat_rows import with_template
from cartograd.data.text import vocabularies
from cartograd.engine.files.bundle import write_bundle

SPECS = {
    "ours": "lora:rank=4,alpha=6",
    "theirs": "lora:rank=2,match=*attention*,dropout=0.5",
    "turned": "dora:rank=2",
}
"""Adapters by name."""

MODEL = "llama:dim=16,depth=2,heads=4,kv_heads=2,ffn_dim=24,context=96,biases=qv"


def base_of(model: str = MODEL) -> Signed:
    """A language model with a tokenizer that knows a template."""
    words = ["What is one and two and three?", "A number, which it is.", "Say no more of it."]
    tokenizer, _ = with_template(vocabularies.pieces(words * 3, vocabulary=290))
    count = tokenizer.vocabulary
    tokens = Port("text", "text", ("t",), "int64", (0, count - 1), padding_id=0)
    after = Port("next", "label", ("t", count), task="next-token")
    torch.manual_seed(0)
    made = build(model, kind="model", signature=Signature((tokens,), (after,)))
    made.tokenizer = tokenizer
    with torch.no_grad():
        for weight in made.parameters():  # sure enough of what it says that greedy is greedy
            weight.add_(0.3 * torch.randn_like(weight))
    return made.eval()


def kept(folder: Path, model: Signed) -> Path:
    """The bundle of a model."""
    return write_bundle(folder / "base", model, examples=torch.randint(5, 250, (2, 9)))


def adapter(folder: Path, model: Signed, base: Path, name: str, spec: str) -> Path:
    """The folder of an adapter of random numbers, as a run that learned it leaves it."""
    made = copy.deepcopy(model)
    torch.manual_seed(len(name))
    build(spec, kind="adapter")(made.model)
    with torch.no_grad():
        for weight in made.parameters():
            if weight.requires_grad:
                weight.add_(0.3 * torch.randn_like(weight))
    (folder / name).mkdir(parents=True, exist_ok=True)
    return write_adapter(folder / name / "adapter", made, adapter=spec, base=str(base)).parent
