"""BART as Hugging Face keeps it (`model_type` bart), with the head that `architectures` names.

mBART, PEGASUS and Marian have other norms and positions, and types of their own.
"""

from typing import Any

import torch
from torch import Tensor

from cartograd.architectures.pretrained import hf_bert
from cartograd.architectures.pretrained.published_head import head_of, labels, pairs
from cartograd.core.errors import UsageError
from cartograd.core.key_map import Table
from cartograd.core.ports import Signature
from cartograd.core.spec import Spec

HEADS = {
    "BartForConditionalGeneration": "translate",
    "BartForSequenceClassification": "classify",
    "BartForQuestionAnswering": "extract",
    "BartModel": "hidden",
}
"""Our heads by the names of theirs."""

MODEL = "bart"
SIZES = {
    "vocabulary": "vocab_size", "padding_id": "pad_token_id", "context": "max_position_embeddings",
    "dim": "d_model", "heads": "encoder_attention_heads", "ffn_dim": "encoder_ffn_dim",
    "depth": "encoder_layers", "begin_id": "decoder_start_token_id", "end_id": "eos_token_id",
    "dropout": "dropout",
}  # fmt: skip
"""What our settings are called in config.json; both ways go by it."""

READS = {
    **dict.fromkeys(SIZES.values(), "count"), "pad_token_id": "id?", "decoder_layers": "count",
    "decoder_start_token_id": "id", "eos_token_id": "id", "dropout": "number",
    "decoder_attention_heads": "count", "decoder_ffn_dim": "count",
}  # fmt: skip
"""Keys of config.json that are read, and their types."""

PARTS = (
    (r"self_attn\.q_proj", "attention.query"),
    (r"self_attn\.k_proj", "attention.key"),
    (r"self_attn\.v_proj", "attention.value"),
    (r"self_attn\.out_proj", "attention.out"),
    (r"self_attn_layer_norm", "attention_norm"),
    (r"encoder_attn\.q_proj", "cross.query"),
    (r"encoder_attn\.k_proj", "cross.key"),
    (r"encoder_attn\.v_proj", "cross.value"),
    (r"encoder_attn\.out_proj", "cross.out"),
    (r"encoder_attn_layer_norm", "cross_norm"),
    (r"fc1", "feed_forward.up"),
    (r"fc2", "feed_forward.down"),
    (r"final_layer_norm", "feed_forward_norm"),
)
"""The parts of a block."""

BODY = (
    (r"(?:model\.)?shared\.weight", "tokens.weight"),
    (r"(?:model\.)?encoder\.embed_tokens\.weight", "tokens.weight"),
    (r"(?:model\.)?decoder\.embed_tokens\.weight", "tokens.weight"),
    (r"(?:model\.)?(encoder|decoder)\.embed_positions\.weight", r"\1_positions.weight"),
    (r"(?:model\.)?(encoder|decoder)\.layernorm_embedding\.(weight|bias)", r"\1_norm.\2"),
    *(
        (
            rf"(?:model\.)?{side}\.layers\.(\d+)\.{theirs}\.(weight|bias)",
            rf"{own}.\1.{ours}.\2",
        )
        for side, own in (("encoder", "encoder"), ("decoder", "decoder_blocks"))
        for theirs, ours in PARTS
    ),
)
"""All but the heads."""

BIAS = "final_logits_bias"
"""What is added to the scores of all tokens: zeros, in published files."""

OWN = {
    "translate": (
        (BIAS, "bias"),
        (r"lm_head\.weight", "tokens.weight"),
    ),
    "classify": (
        (r"classification_head\.dense\.(weight|bias)", r"pooler.\1"),
        (r"classification_head\.out_proj\.(weight|bias)", r"classifier.\1"),
    ),
    "extract": hf_bert.OWN["extract"],
    "hidden": (),
}
"""What each head adds."""

LEFT_OUT = ((r"final_logits_bias|lm_head\.weight|classification_head\..*", None),)
"""Heads that a file may hold besides."""


def KEYS(config: dict[str, Any], /) -> Table:  # noqa: N802  what every family calls its map
    """The key map for the folder's head."""
    head = head_of(config, HEADS)
    return (*BODY, *OWN[head], *(() if head == "translate" else LEFT_OUT))


def spec(config: dict[str, Any], /) -> Spec:
    """How our model is made.

    Raises:
        UsageError: the folder's model differs from BART in a way that ours has not.
    """
    head = head_of(config, HEADS)
    for key in ("attention_heads", "ffn_dim"):
        one, other = config[f"encoder_{key}"], config[f"decoder_{key}"]
        if one != other:
            raise UsageError(
                f"config.json: decoder_{key}={other}, and encoder_{key}={one}; expected as many"
            )
    args = {ours: config[theirs] for ours, theirs in SIZES.items()} | {"head": head}
    if config["decoder_layers"] != config["encoder_layers"]:
        args["decoder_depth"] = config["decoder_layers"]
    return Spec(MODEL, args | ({"classes": len(labels(config))} if head == "classify" else {}))


def back(args: dict[str, Any], /) -> dict[str, Any]:
    """What config.json says of a model of ours, beside its sizes."""
    return {
        "decoder_layers": args["decoder_depth"] or args["depth"], "is_encoder_decoder": True,
        "decoder_attention_heads": args["heads"], "decoder_ffn_dim": args["ffn_dim"],
    }  # fmt: skip


def signature(config: dict[str, Any], /) -> Signature:
    """Source and target in, logits of the target's next token out; else as of BERT's heads."""
    head = head_of(config, HEADS)
    if head != "translate":
        size = {"hidden_size": config["d_model"]}
        return hf_bert.ports(config | size, head, segments=0)
    return pairs(config)


def completed(tensors: dict[str, Tensor], config: dict[str, Any], /) -> dict[str, Tensor]:
    """A folder's tensors; where none adds to the scores, as of a body's file, zeros do."""
    if head_of(config, HEADS) != "translate":
        return tensors
    return {BIAS: torch.zeros(1, config["vocab_size"])} | tensors
