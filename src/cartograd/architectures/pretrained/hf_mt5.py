"""mT5 as Hugging Face keeps it (`model_type` mt5): T5 1.1 with a vocabulary of many languages.

References:
    Linting Xue et al. mT5: a massively multilingual pre-trained text-to-text transformer. 2020,
    NAACL 2021. https://arxiv.org/abs/2010.11934
"""

from typing import Any

from cartograd.architectures.pretrained import hf_t5
from cartograd.architectures.pretrained.published_head import head_of
from cartograd.core.key_map import Table
from cartograd.core.ports import Signature
from cartograd.core.spec import Spec

HEADS = {f"M{name}": head for name, head in hf_t5.HEADS.items() if name != "T5WithLMHeadModel"}
"""Our heads by the names of theirs."""

MODEL, SIZES = hf_t5.MODEL, hf_t5.SIZES
"""What our settings are called in config.json; both ways go by it."""

READS = {key: kind for key, kind in hf_t5.READS.items() if key != "scale_decoder_outputs"}
"""Keys of config.json that are read, and their types."""

UNSCALED = {"scale_decoder_outputs": False}
"""Scores are never scaled, whether the matrix is the embedding or one of its own."""

back = hf_t5.back


def KEYS(config: dict[str, Any], /) -> Table:  # noqa: N802  what every family calls its map
    """The key map for the folder's head."""
    return hf_t5.keys(config | UNSCALED, head_of(config, HEADS))


def spec(config: dict[str, Any], /) -> Spec:
    """How our model is made.

    Raises:
        UsageError: as of T5.
    """
    return hf_t5.made(config | UNSCALED, head_of(config, HEADS))


def signature(config: dict[str, Any], /) -> Signature:
    """Source and target in, logits of the target's next token out; else as of BERT's heads."""
    return hf_t5.ports(config, head_of(config, HEADS))
