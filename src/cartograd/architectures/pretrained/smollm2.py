r"""SmolLM2-135M-Instruct: a small language model that follows instructions, for any machine.

A LLaMA of 30 thin blocks with three heads of keys and values for nine of queries, trained on two
trillion tokens and then on conversations. The set in the store is quantised to four bits and is
unpacked into float32.

Shapes: tokens `b t`; logits `b t 49152` of the token after each.

References:
    Loubna Ben Allal et al.: SmolLM2: When Smol Goes Big. 2025. https://arxiv.org/abs/2502.02737

>>> smollm2("no/such/file")
Traceback (most recent call last):
cartograd.core.errors.UsageError: cannot read no/such/file: No such file or directory
"""

from pathlib import Path

from cartograd.architectures.pretrained.gguf import gguf
from cartograd.core.card import Card
from cartograd.core.signed import Signed
from cartograd.data.store import packages

CARD = Card(
    name="smollm2",
    kind="weights",
    entry="smollm2",
    nodes=("arch/llama",),
    title="SmolLM2-135M-Instruct",
    zh="SmolLM2-135M-Instruct",
    paper="SmolLM2: When Smol Goes Big",
    year=2025,
    url="https://arxiv.org/abs/2502.02737",
    proofs=(
        "oracle: transformers' LLaMA with the unpacked weights: logits to 1e-4 in float32",
        "paper: 134,515,008 weights; it knows the capital of France",
    ),
)

FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"


def smollm2(path: str | Path | None = None, /) -> Signed:
    """SmolLM2-135M-Instruct with its tokenizer and chat template.

    Args:
        path: the GGUF file; that of the store if not given.

    Raises:
        UsageError: the set has not been fetched, or the file is damaged or of another model.
    """
    return gguf(packages.where("smollm2") / FILE if path is None else path)
