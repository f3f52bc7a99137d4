"""generation_config.json: how a published model writes, and what ends and begins its texts.

Each key is one of four. Understood: kept with the tokenizer, and `generate` and `predict` write so.
Chosen by the caller (lengths, sampling), or without a meaning for the text (caches). Refused by its
name, unless its value changes nothing: what would change every text, and ours cannot do. Any other
key is refused unless it is null or false.

References:
    Hugging Face: transformers 5.23, `GenerationConfig`.
    https://huggingface.co/docs/transformers/main_classes/text_generation
"""

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cartograd.architectures.pretrained.published_config import read_object, shown, typed
from cartograd.core.errors import UsageError
from cartograd.data.text.tokenizer import Tokenizer

FILE = "generation_config.json"

MANNER = {
    "repetition_penalty": "number", "num_beams": "count", "length_penalty": "number",
    "no_repeat_ngram_size": "id",
}  # fmt: skip
"""How it writes, and of what type that is; `early_stopping` has three values."""

OF_ANSWERS = {"forced_bos_token_id": "first", "forced_eos_token_id": "last", "min_length": "least"}
"""The same where a text answers a text, and what ours are called; elsewhere refused."""

ENDINGS = {True: "full", False: "likely", None: "likely", "never": "certain"}
"""`early_stopping`, and what our beam search calls it."""

UNDERSTOOD = (*MANNER, "early_stopping", "eos_token_id", "decoder_start_token_id")
"""What is read here."""

SAMPLING = (
    "temperature", "top_k", "top_p", "min_p", "top_h", "typical_p", "epsilon_cutoff", "eta_cutoff",
)  # fmt: skip
"""How tokens are drawn, where the caller draws; said once where a folder asks to draw."""

CHOSEN = (
    *SAMPLING, "do_sample", "max_length", "max_new_tokens", "max_time", "num_return_sequences",
    "use_cache", "cache_implementation", "cache_config", "max_cache_len", "prefill_chunk_size",
    "compile_config", "disable_compile", "continuous_batching_config", "low_memory",
    "output_attentions", "output_hidden_states", "output_scores", "output_logits",
    "return_dict_in_generate", "num_assistant_tokens", "num_assistant_tokens_schedule",
    "assistant_confidence_threshold", "prompt_lookup_num_tokens", "max_matching_ngram_size",
    "assistant_early_exit", "assistant_lookbehind", "target_lookbehind",
    "assistant_ensemble_weight", "speculation_type", "is_assistant", "transformers_version",
    "_from_model_config", "pad_token_id", "bos_token_id", "chat_format", "trust_remote_code",
    "remove_invalid_values", "use_mtp",
)  # fmt: skip
"""What the caller chooses, or what changes no text."""

REFUSED: dict[str, tuple[Any, ...]] = {
    "min_length": (0,), "min_new_tokens": (0,), "stop_strings": ([],),
    "encoder_repetition_penalty": (1.0,),
    "encoder_no_repeat_ngram_size": (0,), "bad_words_ids": ([],), "renormalize_logits": (),
    "forced_bos_token_id": (), "forced_eos_token_id": (), "forced_decoder_ids": ([],),
    "exponential_decay_length_penalty": (), "suppress_tokens": ([],),
    "begin_suppress_tokens": ([],), "sequence_bias": (), "token_healing": (),
    "guidance_scale": (1.0,), "watermarking_config": (), "penalty_alpha": (0.0,),
    "dola_layers": (), "diversity_penalty": (0.0,), "num_beam_groups": (1,), "constraints": (),
    "force_words_ids": (),
}  # fmt: skip
"""What ours cannot do, and the values, beside null and false, that ask for nothing."""

ANSWERING = ("t5", "mt5", "umt5", "bart")
"""Families whose answers begin with a token of their own."""

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
    whisper = config["model_type"] == "whisper"
    answers = config["model_type"] in ANSWERING
    passed = (*CHOSEN, *UNDERSTOOD, *(OF_WHISPER if whisper else OF_ANSWERS if answers else ()))
    for key, value in said.items():
        if not (key in passed or value in (None, False) or value in REFUSED.get(key, ())):
            raise UsageError(f"{file}: {key}={shown(value)} is not understood; expected null")
    ends = said.get("eos_token_id") if said else config.get("eos_token_id")
    begin = said.get("decoder_start_token_id", config.get("decoder_start_token_id"))
    special = dict(tokenizer.special)
    listed = ends if isinstance(ends, list) else [] if ends is None else [ends]
    for place, number in enumerate(listed, start=1):
        special[f"stop {place}"] = _number("eos_token_id", number, tokenizer)
    if begin is not None and answers:
        special["begin"] = _number("decoder_start_token_id", begin, tokenizer)
    manner = _manner(file, said) | (_bounds(file, said, tokenizer) if answers else {})
    if manner and whisper:
        raise UsageError(
            f"{file}: {', '.join(f'{key}={value}' for key, value in manner.items())} is not what "
            "transcribing does here; expected null"
        )
    _tell_sampling(file, said)
    changed = {"special": special, "manner": manner}
    return Tokenizer(tokenizer.document, **tokenizer.settings | changed)


def _manner(file: Path, said: Mapping[str, Any]) -> dict[str, Any]:
    """How texts are written, as far as it is not as usual.

    Raises:
        UsageError: a value is of another type, or out of range.
    """
    for key, kind in MANNER.items():
        typed(str(file), key, said.get(key), f"{kind}?")
    early = said.get("early_stopping")
    if not (early is None or isinstance(early, bool) or early == "never"):
        raise UsageError(
            f'{file}: early_stopping={shown(early)} cannot be; expected true, false or "never"'
        )
    penalty, beams, ngram = (
        said.get(key) for key in ("repetition_penalty", "num_beams", "no_repeat_ngram_size")
    )
    if ngram is not None and ngram < 0:
        raise UsageError(f"{file}: no_repeat_ngram_size={ngram} cannot be; expected 0 or more")
    if penalty is not None and penalty <= 0:
        raise UsageError(f"{file}: repetition_penalty={penalty} cannot be; expected above 0")
    manner: dict[str, Any] = {}
    if penalty not in (None, 1):
        manner["repetition_penalty"] = float(penalty)
    if beams not in (None, 1):
        length = said.get("length_penalty")
        manner |= {"beams": beams, "ending": ENDINGS[early]}
        manner["length_penalty"] = 1.0 if length is None else float(length)
    return manner | ({"ngram": ngram} if ngram else {})


def _bounds(file: Path, said: Mapping[str, Any], tokenizer: Tokenizer) -> dict[str, Any]:
    """With which tokens answers begin and end, and how long they are at least.

    Raises:
        UsageError: a token is none, or the length is no number.
    """
    for key in OF_ANSWERS:
        typed(str(file), key, said.get(key), "id?")
    least = said.get("min_length") or 0
    if least < 0:
        raise UsageError(f"{file}: min_length={least} cannot be; expected 0 or more")
    forced = {
        ours: _number(key, said[key], tokenizer)
        for key, ours in OF_ANSWERS.items()
        if ours != "least" and said.get(key) is not None
    }
    return forced | ({"least": least} if least else {})


def _tell_sampling(file: Path, said: Mapping[str, Any]) -> None:
    if said.get("do_sample"):
        how = [f"{key}={shown(said[key])}" for key in SAMPLING if said.get(key) is not None]
        warnings.warn(
            f"{file} asks for drawn tokens ({', '.join(['do_sample=true', *how])}): that is left "
            "to you, see `cartograd generate --help`; without, the likeliest are taken",
            stacklevel=5,
        )


def _number(key: str, value: Any, tokenizer: Tokenizer) -> int:
    if type(value) is not int or not 0 <= value < tokenizer.vocabulary:
        raise UsageError(
            f"{key}={shown(value)} is no token of the folder's tokenizer, which has "
            f"{tokenizer.vocabulary}"
        )
    return value
