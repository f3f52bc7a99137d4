"""A model that takes a text for harmful where it says `bomb`, for tests of gates."""

import torch
from torch import nn

from cartograd.core.ports import Port, Signature
from cartograd.core.signed import sign
from cartograd.data.text.tokenizer import Tokenizer

TOKENIZER = Tokenizer.bytes(special=True)
WORD = torch.tensor(list(b"bomb"))


class Guard(nn.Module):
    """Logits of harmless and harmful, by whether the bytes of the word stand in a row."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(3.0))

    def forward(self, x):
        padded = nn.functional.pad(x, (0, 4), value=0)
        found = (padded.unfold(1, 4, 1) == WORD).all(-1).any(-1).float()
        return torch.stack([torch.zeros_like(found), self.scale * (2 * found - 1)], 1)


def guard(*, labels=("harmless", "harmful"), positive="harmful", longest=None, thresholds=()):
    """The model, signed."""
    port = Port("text", "text", ("t",), "int64", (0, 258), padding_id=256)
    label = Port(
        "request", "label", (len(labels),), labels=labels, task="classify", positive=positive,
        thresholds=thresholds,
    )  # fmt: skip
    model = sign(Guard().eval(), Signature((port,), (label,)))
    model.tokenizer = TOKENIZER.told(longest=longest) if longest else TOKENIZER
    return model
