"""A folder of sentence-transformers: a BERT, and how its features become the vector of a text.

modules.json lists the parts: the model, one way to pool (mean, cls or max), and whether vectors get
length one. Anything else in it, or in the files beside it, is refused by its name.

References:
    Hugging Face: sentence-transformers 6.2. https://sbert.net
"""

from pathlib import Path
from typing import Any

from cartograd.architectures.pretrained import hf_bert
from cartograd.architectures.pretrained.filled import filled
from cartograd.architectures.pretrained.published_config import (
    read_list,
    read_object,
    settled,
    shown,
    typed,
)  # fmt: skip
from cartograd.architectures.pretrained.published_folder import ADAPTER, configuration, tensors_of
from cartograd.core.errors import UsageError
from cartograd.core.ports import Port, Signature
from cartograd.core.signed import Signed
from cartograd.core.spec import Spec
from cartograd.data.text.tokenizer import Tokenizer

MODULES = "modules.json"
"""The parts of the encoder, one after another."""

POOLINGS = ("mean", "cls", "max")
"""Ways to pool; ours have the same names."""

OLDER = {
    "pooling_mode_mean_tokens": "mean", "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
}  # fmt: skip
"""Older keys for them."""

BESIDE = {
    "sentence_bert_config.json": {
        "transformer_task": "feature-extraction", "module_output_name": "token_embeddings",
        "modality_config": {
            "text": {"method": "forward", "method_output_name": "last_hidden_state"}
        },
    },
    "config_sentence_transformers.json": {
        "model_type": "SentenceTransformer", "similarity_fn_name": "cosine",
    },
}  # fmt: skip
"""What the other files may say, besides what is null or false."""

KEYS = (
    (r"(?:bert\.)?pooler\..*", None),
    (r"cls\..*|classifier\..*", None),
    *((pattern, None if name is None else f"encoder.{name}") for pattern, name in hf_bert.BODY),
)
"""BERT's key map; its own pooling and heads are not used."""


def sentence_encoder(folder: Path, /) -> Signed:
    """The encoder of a folder; without modules.json one that takes the mean, of length one.

    Raises:
        UsageError: a file is damaged or missing, or asks for what this encoder has not.
    """
    if (folder / ADAPTER).is_file():
        raise UsageError(
            f"{folder} holds {ADAPTER}: changes to a sentence encoder; merge them into it and save "
            "it whole"
        )
    said = configuration(folder)
    if said.get("model_type") != "bert":
        raise UsageError(
            f"{folder} is of another model: model_type is {said.get('model_type')!r}, "
            "expected 'bert'"
        )
    config = settled(said | {"architectures": ["BertModel"]}, hf_bert.READS)
    pooling, normalised = _parts(folder)
    args = hf_bert.spec(config).args
    args.pop("head")
    longest = _longest(folder, config["max_position_embeddings"])
    text = Port(
        "text", "text", ("t",), "int64", (0, args["vocabulary"] - 1), padding_id=args["padding_id"]
    )
    meaning = Port("meaning", "vector", (args["dim"],), task="embed")
    return filled(
        Spec("sentence-encoder", args | {"pooling": pooling, "normalised": normalised}),
        Signature((text,), (meaning,)), tensors_of(folder), KEYS,
        source=str(folder), tokenizer=Tokenizer.from_folder(folder).told(longest=longest),
    )  # fmt: skip


def _parts(folder: Path) -> tuple[str, bool]:
    """How the features are pooled, and whether vectors get length one."""
    file = folder / MODULES
    if not file.is_file():
        return _pooling(folder / "1_Pooling" / "config.json"), True
    parts = read_list(file)
    kinds = [
        str(part.get("type")).rpartition(".")[2] if isinstance(part, dict) else shown(part)
        for part in parts
    ]
    if kinds not in (["Transformer", "Pooling"], ["Transformer", "Pooling", "Normalize"]):
        raise UsageError(
            f"{file} lists {', '.join(kinds) or 'nothing'}; expected Transformer, Pooling and "
            "perhaps Normalize"
        )
    for part, place in zip(parts[:2], ("", "1_Pooling"), strict=True):
        if part.get("path") != place:
            raise UsageError(f"{file}: path={shown(part.get('path'))}; expected {place!r}")
    return _pooling(folder / "1_Pooling" / "config.json"), len(kinds) == 3


def _pooling(file: Path) -> str:
    said = read_object(file) if file.is_file() else {}
    modes = [name for key, name in OLDER.items() if said.get(key) is True]
    if "pooling_mode" in said:
        mode = said["pooling_mode"]
        modes = [mode] if isinstance(mode, str) else mode
    other = [
        key
        for key, value in said.items()
        if key not in (*OLDER, "pooling_mode", "word_embedding_dimension", "embedding_dimension")
        and value not in (None, False)
        and (key, value) != ("include_prompt", True)
    ]
    if other:
        raise UsageError(f"{file}: {other[0]}={shown(said[other[0]])} is not understood")
    if (
        not isinstance(modes, list)
        or len(modes) > 1
        or any(shown(m)[1:-1] not in POOLINGS for m in modes)
    ):
        raise UsageError(
            f"{file}: pooling_mode={shown(modes)} is not known; expected one of "
            f"{', '.join(POOLINGS)}"
        )
    return modes[0] if modes else "mean"


def _longest(folder: Path, context: int) -> int | None:
    """After how many tokens a text is cut; refuses what else the files beside say."""
    longest: Any = None
    for name, usual in BESIDE.items():
        file = folder / name
        said = read_object(file) if file.is_file() else {}
        longest = said.pop("max_seq_length", longest)
        said.pop("__version__", None)
        if said.get("default_prompt_name") is None:
            said.pop("prompts", None)  # used when they are asked for
        for key, value in said.items():
            if value not in (None, False) and value != usual.get(key):
                raise UsageError(f"{file}: {key}={shown(value)} is not understood")
    if longest is None:
        file = folder / "tokenizer_config.json"
        most = read_object(file).get("model_max_length") if file.is_file() else None
        longest = min(most, context) if isinstance(most, int) else context
    typed("sentence_bert_config.json", "max_seq_length", longest, "count")
    return longest
