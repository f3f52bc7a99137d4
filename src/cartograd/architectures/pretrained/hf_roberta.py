"""RoBERTa as Hugging Face keeps it (`model_type` roberta): BERT's encoder, with its own positions.

Positions are counted from the one behind the padding token's number, and padding is passed over;
what lies before is never read. Sentences of a pair are usually not told apart.
"""

from typing import Any

import torch
from torch import Tensor

from cartograd.architectures.pretrained import hf_bert
from cartograd.architectures.pretrained.published_head import head_of
from cartograd.core.errors import UsageError
from cartograd.core.key_map import Op, Table
from cartograd.core.ports import Signature
from cartograd.core.spec import Spec

HEADS = {
    "RobertaModel": "hidden",
    "RobertaForMaskedLM": "masked",
    "RobertaForSequenceClassification": "classify",
    "RobertaForTokenClassification": "tag",
    "RobertaForQuestionAnswering": "extract",
}
"""Our heads by the names of theirs."""

READS = hf_bert.READS | {
    "pad_token_id": "id", "type_vocab_size": "count", "layer_norm_eps": "number",
}  # fmt: skip
"""Keys of config.json that are read, and their types."""

MODEL, SIZES = (
    hf_bert.MODEL,
    hf_bert.SIZES | {"eps": "layer_norm_eps", "segments": "type_vocab_size"},
)
"""What our settings are called in config.json; both ways go by it."""

POSITIONS = r"(?:roberta\.)?embeddings\.position_embeddings\.weight"

BODY = tuple(
    (pattern.replace("bert", "roberta"), name)
    for pattern, name in hf_bert.BODY
    if name != "positions.weight"
)
"""All but the heads and the positions."""

OWN = {
    "hidden": ((r"(?:roberta\.)?pooler\.dense\.(weight|bias)", r"pooler.\1"),),
    "masked": (
        (r"lm_head\.dense\.(weight|bias)", r"masked.dense.\1"),
        (r"lm_head\.layer_norm\.(weight|bias)", r"masked.norm.\1"),
        (r"lm_head\.(?:decoder\.)?bias", "masked.bias"),
        (r"lm_head\.decoder\.weight", "tokens.weight"),
    ),
    "classify": (
        (r"classifier\.dense\.(weight|bias)", r"pooler.\1"),
        (r"classifier\.out_proj\.(weight|bias)", r"classifier.\1"),
    ),
    "extract": hf_bert.OWN["extract"],
    "tag": hf_bert.OWN["tag"],
}
"""What each head adds."""

LEFT_OUT = ((r"(?:roberta\.)?pooler\..*", None), (r"lm_head\..*", None))
"""Heads that a file may hold besides."""


def KEYS(config: dict[str, Any], /) -> Table:  # noqa: N802  what every family calls its map
    """The key map for the folder's head."""
    positions = (POSITIONS, "positions.weight", _behind(_first(config)))
    return (*BODY, positions, *OWN[head_of(config, HEADS)], *LEFT_OUT)


def spec(config: dict[str, Any], /) -> Spec:
    """How our model is made."""
    context = config["max_position_embeddings"] - _first(config)
    if context < 1:
        raise UsageError(
            f"config.json: max_position_embeddings={config['max_position_embeddings']} leaves no "
            f"position behind pad_token_id={config['pad_token_id']}"
        )
    own = {
        "segments": config["type_vocab_size"], "eps": config["layer_norm_eps"],
        "context": context, "skips_padding": True,
    }  # fmt: skip
    return hf_bert.made(config, head_of(config, HEADS), own)


def back(args: dict[str, Any], /) -> dict[str, Any]:
    """What config.json says of a model of ours, beside its sizes: places count from the padding."""
    return {"max_position_embeddings": args["context"] + (args["padding_id"] or 0) + 1}


def signature(config: dict[str, Any], /) -> Signature:
    """Text in; what comes out depends on the head."""
    return hf_bert.ports(config, head_of(config, HEADS), segments=config["type_vocab_size"])


def _first(config: dict[str, Any]) -> int:
    """The row of the first position."""
    return config["pad_token_id"] + 1


def _behind(rows: int) -> Op:
    """The rows from this number on; the inverse fills those before with zeros."""

    def back(tensor: Tensor) -> Tensor:
        return torch.cat([tensor.new_zeros(rows, *tensor.shape[1:]), tensor])

    return Op(lambda tensor: tensor[rows:], back)
