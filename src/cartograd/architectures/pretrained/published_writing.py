"""generation_config.json: what ends and begins a text that a published model writes.

What a caller chooses for himself (lengths, sampling, beams, caches) is left to `generate`. What
would change every text, and ours cannot do, is refused by its name.

References:
    Hugging Face: transformers 5.23, `GenerationConfig`.
    https://huggingface.co/docs/transformers/main_classes/text_generation
"""

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cartograd.architectures.pretrained.published_config import read_object, shown
from cartograd.core.errors import UsageError
from cartograd.data.text.tokenizer import Tokenizer

FILE = "generation_config.json"

CHOSEN = (
    "max_length", "max_new_tokens", "max_time", "do_sample", "temperature", "top_k", "top_p",
    "min_p", "top_h", "typical_p", "epsilon_cutoff", "eta_cutoff", "num_return_sequences",
    "use_cache", "cache_implementation", "cache_config", "max_cache_len", "prefill_chunk_size",
    "compile_config", "disable_compile", "continuous_batching_config", "low_memory",
    "output_attentions", "output_hidden_states", "output_scores", "output_logits",
    "return_dict_in_generate", "num_assistant_tokens", "num_assistant_tokens_schedule",
    "assistant_confidence_threshold", "prompt_lookup_num_tokens", "max_matching_ngram_size",
    "assistant_early_exit", "assistant_lookbehind", "target_lookbehind",
    "assistant_ensemble_weight", "speculation_type", "is_assistant", "transformers_version",
    "_from_model_config", "pad_token_id", "bos_token_id", "chat_format", "trust_remote_code",
)  # fmt: skip
"""What the caller chooses, or what changes no text."""

LEFT = ("repetition_penalty", "num_beams", "length_penalty", "early_stopping", "num_beam_groups")
"""What `generate` has options for, and begins without; said once, when a folder asks for it."""

DEFAULTS = {
    "min_length": 0, "repetition_penalty": 1.0, "num_beams": 1, "length_penalty": 1.0,
    "no_repeat_ngram_size": 0, "encoder_no_repeat_ngram_size": 0, "num_beam_groups": 1,
    "encoder_repetition_penalty": 1.0, "diversity_penalty": 0.0,
}  # fmt: skip
"""Values that change nothing."""

OF_WHISPER = (
    "alignment_heads", "lang_to_id", "task_to_id", "suppress_tokens", "begin_suppress_tokens",
    "forced_decoder_ids", "is_multilingual", "no_timestamps_token_id", "return_timestamps",
    "max_initial_timestamp_index", "prev_sot_token_id",
)  # fmt: skip
"""What `transcribe` has rules of its own for."""


def writes(folder: Path, config: Mapping[str, Any], tokenizer: Tokenizer, /) -> Tokenizer:
    """A tokenizer that knows where texts begin and end, as the folder says.

    Args:
        folder: of the model.
        config: its configuration, which says so where there is no file for it.
        tokenizer: of the folder.

    Raises:
        UsageError: the file is damaged, asks for what ours cannot do, or names no token.
    """
    file = folder / FILE
    said = read_object(file) if file.is_file() else {}
    passed = (*CHOSEN, *(OF_WHISPER if config["model_type"] == "whisper" else ()))
    for key, value in said.items():
        fine = value in (None, False) or (key in DEFAULTS and value == DEFAULTS[key])
        if key in (*passed, "eos_token_id", "decoder_start_token_id") or fine:
            continue
        if key in LEFT:
            warnings.warn(
                f"{file}: {key}={shown(value)} is left to you: see `cartograd generate --help`",
                stacklevel=4,
            )
            continue
        raise UsageError(f"{file}: {key}={shown(value)} is not understood; expected null")
    ends = said.get("eos_token_id") if said else config.get("eos_token_id")
    begin = said.get("decoder_start_token_id", config.get("decoder_start_token_id"))
    special = dict(tokenizer.special)
    listed = ends if isinstance(ends, list) else [] if ends is None else [ends]
    for place, number in enumerate(listed, start=1):
        special[f"stop {place}"] = _number("eos_token_id", number, tokenizer)
    if begin is not None and config["model_type"] == "t5":
        special["begin"] = _number("decoder_start_token_id", begin, tokenizer)
    return Tokenizer(
        tokenizer.document, special=special, chat=tokenizer.template, longest=tokenizer.longest,
        counts=tokenizer.counts,
    )  # fmt: skip


def _number(key: str, value: Any, tokenizer: Tokenizer) -> int:
    if type(value) is not int or not 0 <= value < tokenizer.vocabulary:
        raise UsageError(
            f"{key}={shown(value)} is no token of the folder's tokenizer, which has "
            f"{tokenizer.vocabulary}"
        )
    return value
