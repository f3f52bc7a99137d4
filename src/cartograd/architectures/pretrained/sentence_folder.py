"""A folder of sentence-transformers: a BERT, and how its features become the vector of a text.

modules.json lists the parts: the model, one way to pool (mean, cls or max), and whether vectors get
length one. Anything else in it, or in the files beside it, is refused by its name. What is read of
them here is the same where the model is a decoder (`sentence_decoder`).

References:
    Hugging Face: sentence-transformers 6.2. https://sbert.net
"""

from collections.abc import Mapping
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
from cartograd.core.errors import UsageError, unknown
from cartograd.core.ports import Port, Signature
from cartograd.core.signed import Signed
from cartograd.core.spec import Spec
from cartograd.data.text.tokenizer import Tokenizer

UNSAID = 10**20
"""Tokenizers of no greatest length say a number above this."""

MODULES = "modules.json"
"""The parts of the encoder, one after another."""

DENSE = "Dense"
"""A layer behind the pooling, of models that have one."""

POOLINGS = {"mean": "mean", "cls": "cls", "max": "max"}
"""Ways to pool that BERT has; ours have the same names."""

OLDER = {
    "pooling_mode_mean_tokens": "mean", "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max", "pooling_mode_lasttoken": "lasttoken",
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


def sentence_encoder(folder: Path, /, *, prompt: str | None = None) -> Signed:
    """The encoder of a folder; without modules.json one that takes the mean, of length one.

    Args:
        folder: of sentence-transformers.
        prompt: the name of the prompt that is put before each text; the folder's usual one, if it
            has any, if not given.

    Raises:
        UsageError: a file is damaged or missing, or asks for what this encoder has not.
    """
    said = whole(folder)
    if said.get("model_type") != "bert":
        raise UsageError(
            f"{folder} is of another model: model_type is {said.get('model_type')!r}, "
            "expected 'bert'"
        )
    config = settled(said | {"architectures": ["BertModel"]}, hf_bert.READS)
    pooling, normalised = parts(folder, POOLINGS)
    args = hf_bert.spec(config).args
    args.pop("head")
    words = told(folder, Tokenizer.from_folder(folder), config["max_position_embeddings"], prompt)
    text = Port(
        "text", "text", ("t",), "int64", (0, args["vocabulary"] - 1), padding_id=args["padding_id"]
    )
    meaning = Port("meaning", "vector", (args["dim"],), task="embed")
    return filled(
        Spec("sentence-encoder", args | {"pooling": pooling, "normalised": normalised}),
        Signature((text,), (meaning,)), tensors_of(folder), KEYS,
        source=str(folder), tokenizer=words,
    )  # fmt: skip


def whole(folder: Path, /) -> dict[str, Any]:
    """What config.json of a folder says.

    Raises:
        UsageError: the folder holds changes to another model.
    """
    if (folder / ADAPTER).is_file():
        raise UsageError(
            f"{folder} holds {ADAPTER}: changes to a sentence encoder; merge them into it and save "
            "it whole"
        )
    return configuration(folder)


def kinds_of(folder: Path, /) -> list[str]:
    """The kinds of a folder's parts, one after another.

    Raises:
        UsageError: modules.json cannot be read.
    """
    return [
        str(part.get("type")).rpartition(".")[2] if isinstance(part, dict) else shown(part)
        for part in read_list(folder / MODULES)
    ]


def parts(folder: Path, poolings: Mapping[str, str], /, *, dense: bool = False) -> tuple[str, bool]:
    """How the features are pooled, and whether vectors get length one.

    Args:
        folder: of sentence-transformers.
        poolings: ways to pool that are known, and what they are called here.
        dense: whether a layer may follow the pooling.

    Raises:
        UsageError: there are other parts, or it is another way.
    """
    file, pooling = folder / MODULES, folder / "1_Pooling" / "config.json"
    if not file.is_file():
        return _pooling(pooling, poolings), True
    kinds = kinds_of(folder)
    further = [kind for kind in kinds[2:] if kind != DENSE or not dense]
    if kinds[:2] != ["Transformer", "Pooling"] or further not in ([], ["Normalize"]):
        raise UsageError(
            f"{file} lists {', '.join(kinds) or 'nothing'}; expected Transformer, Pooling and "
            f"perhaps {'Dense and ' if dense else ''}Normalize"
        )
    if kinds[2:].count(DENSE) > 1 or (kinds[-1] == DENSE and further):
        raise UsageError(f"{file} lists {', '.join(kinds)}; expected one Dense before Normalize")
    for part, place in zip(read_list(file)[:2], ("", "1_Pooling"), strict=True):
        if part.get("path") != place:
            raise UsageError(f"{file}: path={shown(part.get('path'))}; expected {place!r}")
    return _pooling(pooling, poolings), bool(further)


def _pooling(file: Path, poolings: Mapping[str, str]) -> str:
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
        or any(shown(m)[1:-1] not in poolings for m in modes)
    ):
        raise UsageError(
            f"{file}: pooling_mode={shown(modes)} is not known; expected one of "
            f"{', '.join(poolings)}"
        )
    return poolings[modes[0] if modes else "mean"]


def beside(
    folder: Path, usual: Mapping[str, Mapping[str, Any]] = BESIDE, /
) -> tuple[int | None, dict[str, str], str | None]:
    """What the other files say: the most tokens, prompts by name, and the usual prompt's name.

    Args:
        folder: of sentence-transformers.
        usual: what they may say else.

    Raises:
        UsageError: they say something else, or a prompt is no text.
    """
    longest, prompts, default = None, {}, None
    for name, known in usual.items():
        file = folder / name
        said = read_object(file) if file.is_file() else {}
        longest = said.pop("max_seq_length", longest)
        said.pop("__version__", None)
        prompts, default = said.pop("prompts", prompts), said.pop("default_prompt_name", default)
        modes = said.get("modality_config")
        if isinstance(modes, dict):  # how chats are read, where single texts are
            said["modality_config"] = {key: modes[key] for key in modes if key != "message"}
        for key, value in said.items():
            if value not in (None, False) and value != known.get(key):
                raise UsageError(f"{file}: {key}={shown(value)} is not understood")
    file = "config_sentence_transformers.json"
    typed(file, "max_seq_length", longest, "count?")
    typed(file, "prompts", prompts, "table?")
    typed(file, "default_prompt_name", default, "word?")
    for name, text in (prompts or {}).items():
        typed(f"{file}: prompts", name, text, "word")
    return longest, prompts or {}, default


def chosen(prompts: Mapping[str, str], default: str | None, prompt: str | None, /) -> str:
    """The prompt of a name, or the usual one, or none.

    Raises:
        UsageError: there is none of this name.
    """
    name = default if prompt is None else prompt
    if name is not None and name not in prompts:
        key = "default_prompt_name" if prompt is None else "prompt"
        raise unknown(key, name, list(prompts), hint="(config_sentence_transformers.json)")
    return "" if name is None else prompts[name]


def told(
    folder: Path, tokenizer: Tokenizer, context: int | None, prompt: str | None,
    usual: Mapping[str, Mapping[str, Any]] = BESIDE, /,
) -> Tokenizer:  # fmt: skip
    """The tokenizer of an encoder: where it cuts texts, and what it puts before each.

    Args:
        folder: of sentence-transformers.
        tokenizer: of the folder.
        context: the most tokens that the model can read; any number if None.
        prompt: as of `sentence_encoder`.
        usual: as of `beside`.

    Raises:
        UsageError: as `beside` and `chosen`.
    """
    longest, prompts, default = beside(folder, usual)
    text = chosen(prompts, default, prompt)
    if longest is None:
        file = folder / "tokenizer_config.json"
        most = read_object(file).get("model_max_length") if file.is_file() else None
        most = most if isinstance(most, int) and most < UNSAID else None
        longest = min((one for one in (most, context) if one is not None), default=None)
    made = tokenizer.told(longest=longest)
    if not text:
        return made
    return Tokenizer(made.document, **dict[str, Any](made.settings | {"frame": {"prompt": text}}))
