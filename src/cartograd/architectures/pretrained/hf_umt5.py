"""umT5 as Hugging Face keeps it (`model_type` umt5): mT5 with biases of its own in each block.

Scores are scaled where they are by the embedding, and unscaled by a matrix of their own
(`tie_word_embeddings` false), as T5's are. Transformers 5.23 takes that setting for true and scales
them nevertheless: its greedy texts are the same, its probabilities are not.

References:
    Hyung Won Chung et al. UniMax: fairer and more effective language sampling for large-scale
    multilingual pretraining. ICLR 2023. https://arxiv.org/abs/2304.09151
"""

from typing import Any

from cartograd.architectures.pretrained import hf_mt5, hf_t5
from cartograd.architectures.pretrained.published_head import head_of
from cartograd.core.key_map import Table
from cartograd.core.ports import Signature
from cartograd.core.spec import Spec

HEADS = {f"U{name}": head for name, head in hf_mt5.HEADS.items()}
"""Our heads by the names of theirs."""

MODEL, SIZES, READS = hf_mt5.MODEL, hf_mt5.SIZES, hf_mt5.READS
"""As of mT5."""

back = hf_mt5.back


def KEYS(config: dict[str, Any], /) -> Table:  # noqa: N802  what every family calls its map
    """The key map for the folder's head."""
    return hf_t5.keys(config, head_of(config, HEADS), each=True)


def spec(config: dict[str, Any], /) -> Spec:
    """How our model is made.

    Raises:
        UsageError: as of T5.
    """
    made = hf_t5.made(config, head_of(config, HEADS))
    return Spec(made.name, made.args | {"distances": "each"})


def signature(config: dict[str, Any], /) -> Signature:
    """Source and target in, logits of the target's next token out; else as of BERT's heads."""
    return hf_t5.ports(config, head_of(config, HEADS))
