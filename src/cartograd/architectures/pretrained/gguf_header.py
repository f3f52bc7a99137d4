"""What the header of a GGUF file may say: what is read, what changes no answer, what is refused.

Values under the family's name (`llama.*`) and of the tokenizer (`tokenizer.*`) say how the model
computes: each is read, changes no answer, or has to be as if it were not there; any other is
refused by its name. Of `general.*` and `split.*` a few say that the file is no whole model. Other
names are notes of the programs that made the file, and llama.cpp reads none of them.

References:
    Georgi Gerganov et al.: GGUF, 2023. https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

import warnings
from typing import Any

from cartograd.architectures.pretrained.gguf_families import MIXED, OWN
from cartograd.architectures.pretrained.published_config import shown, typed
from cartograd.core.errors import UsageError
from cartograd.data.gguf.reader import Headed

READ = {
    "block_count": "count", "context_length": "count", "embedding_length": "count",
    "feed_forward_length": "count", "attention.head_count": "count",
    "attention.head_count_kv": "count", "attention.key_length": "count",
    "attention.layer_norm_rms_epsilon": "number", "rope.freq_base": "number",
    "rope.scaling.type": "word", "rope.scaling.factor": "number",
}  # fmt: skip
"""What the family reads, and of what type it is."""

HARMLESS = (
    "rope.scaling.finetuned", "rope.scaling.original_context_length", "tensor_data_layout",
    "attention.causal",
)  # fmt: skip
"""What changes no answer of a file that is read: a layout is known by the family."""

NEUTRAL: dict[str, tuple[Any, ...]] = {
    "attention.clamp_kqv": (0.0,), "attention.max_alibi_bias": (0.0,),
    "attention.scale": (0.0,), "attention.temperature_scale": (0.0,),
    "attention.layer_norm_epsilon": (), "attention.sliding_window": (0,),
    "attn_logit_softcapping": (0.0,), "final_logit_softcapping": (0.0,),
    "expert_count": (0,), "expert_used_count": (0,), "expert_shared_count": (0,),
    "expert_weights_norm": (True,), "expert_gating_func": (1,), "expert_weights_scale": (0.0, 1.0),
    "leading_dense_block_count": (0,), "nextn_predict_layers": (0,), "pooling_type": (0,),
    "use_parallel_residual": (), "logit_scale": (0.0, 1.0), "residual_scale": (0.0, 1.0),
    "embedding_scale": (0.0, 1.0), "rope.scaling.alpha": (0.0, 1.0),
    "rope.scaling.attn_factor": (1.0,), "rope.scaling.yarn_log_multiplier": (0.0,),
    "rope.scaling.yarn_ext_factor": (0.0, -1.0), "rope.scaling.yarn_attn_factor": (1.0,),
}  # fmt: skip
"""Values that ask for nothing, beside false; any other is of a model that ours is not."""

TOKENIZER = (
    "ggml.model", "ggml.pre", "ggml.tokens", "ggml.token_type", "ggml.scores", "ggml.merges",
    "ggml.bos_token_id", "ggml.eos_token_id", "ggml.eot_token_id", "ggml.eom_token_id",
    "ggml.unknown_token_id", "ggml.padding_token_id", "ggml.mask_token_id", "ggml.add_bos_token",
    "ggml.add_eos_token", "ggml.add_space_prefix", "chat_template",
)  # fmt: skip
"""What the tokenizer reads (`data.gguf.tokenizer`)."""

OF_OTHER_TEXTS = (
    "ggml.seperator_token_id", "ggml.separator_token_id", "ggml.cls_token_id",
    "ggml.fim_pre_token_id", "ggml.fim_suf_token_id", "ggml.fim_mid_token_id",
    "ggml.fim_pad_token_id", "ggml.fim_rep_token_id", "ggml.fim_sep_token_id",
    "ggml.prefix_token_id", "ggml.suffix_token_id", "ggml.middle_token_id", "huggingface.json",
    "chat_templates",
)  # fmt: skip
"""Tokens that the caller writes, and what says the same again."""

SAMPLING = "general.sampling."
"""How tokens are drawn, which is left to the caller."""


def check_header(file: Headed, family: str, /) -> None:
    """Refuse a file whose header asks for what ours cannot do.

    Args:
        file: whose header has been read.
        family: the value of `general.architecture`.

    Raises:
        UsageError: it does, or a value is of another type; the value is named.
    """
    sampling = []
    for key, value in file.values.items():
        if key.startswith(f"{family}."):
            _check_own(file, key, key.removeprefix(f"{family}."), value)
        elif key.startswith("tokenizer."):
            _check_tokenizer(file, key, value)
        elif key.startswith(SAMPLING):
            sampling.append(f"{key.removeprefix(SAMPLING)}={shown(value)}")
        elif key.startswith("adapter.") or (key == "general.type" and value != "model"):
            _refuse(file, key, value, "a whole model")
        elif key == "split.count" and value not in (0, 1):
            _refuse(file, key, value, "one file: merge its parts first (gguf-split --merge)")
    if sampling:
        warnings.warn(
            f"{file.path} says how to draw tokens ({', '.join(sampling)}): that is left to you, "
            "see `cartograd generate --help`",
            stacklevel=4,
        )


def _check_own(file: Headed, key: str, name: str, value: Any) -> None:
    """One value under the family's name."""
    said = file.values.get
    family = key.removesuffix(f".{name}")
    rows = file.entries["token_embd.weight"].shape[0] if "token_embd.weight" in file.entries else 0
    heads: Any = said(f"{family}.attention.head_count")
    dim: Any = said(f"{family}.embedding_length")
    reads = READ | (MIXED if family == "llama" else OWN.get(family, {}))
    if name in reads:
        typed(str(file.path), key, value, reads[name])
        return
    fits = isinstance(heads, int) and isinstance(dim, int) and heads > 0
    width = said(f"{family}.attention.key_length", dim // heads if fits else value)
    follows = {"vocab_size": rows or value}
    follows |= dict.fromkeys(("rope.dimension_count", "attention.value_length"), width)
    if name in follows:
        if value != follows[name]:
            _refuse(file, key, value, str(follows[name]))
    elif name == "attention.causal" and value is False:
        _refuse(file, key, value, "true")
    elif name == "attention.sliding_window" and _reaches(value, said(f"{family}.context_length")):
        return
    elif name not in HARMLESS and value is not False and value not in NEUTRAL.get(name, ()):
        _refuse(file, key, value, "no such key")


def _reaches(window: Any, context: Any) -> bool:
    """Whether a window is as wide as the context, and so none."""
    return isinstance(window, int) and isinstance(context, int) and window >= context


def _check_tokenizer(file: Headed, key: str, value: Any) -> None:
    name = key.removeprefix("tokenizer.")
    named = name in (*TOKENIZER, *OF_OTHER_TEXTS) or name.startswith("chat_template.")
    if not named and value is not False and value not in (0, "", []):
        _refuse(file, key, value, "no such key")


def _refuse(file: Headed, key: str, value: Any, expected: str) -> None:
    raise UsageError(
        f"{file.path}: {key}={shown(value)} is a form of model that is not known here; expected "
        f"{expected}"
    )
