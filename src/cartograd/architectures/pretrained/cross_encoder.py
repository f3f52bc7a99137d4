"""A folder whose model compares two texts: a cross-encoder, or a reranker that writes yes or no.

A classifier that reads a query and a document in one row. Its folder may say so in three ways: by
modules.json with nothing behind the model, by a key of config.json that sentence-transformers left
there, or not at all, as many do; then the caller says it (`compares=true`).

References:
    Rodrigo Nogueira, Kyunghyun Cho. Passage re-ranking with BERT. 2019.
    https://arxiv.org/abs/1901.04085
    Hugging Face: sentence-transformers 6.2, `CrossEncoder`. https://sbert.net
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from cartograd.architectures.pretrained.published_config import read_object, shown
from cartograd.architectures.pretrained.sentence_folder import (
    MODULES,
    kinds_of,
    told,
)
from cartograd.core.errors import UsageError
from cartograd.core.ports import Port, Signature
from cartograd.core.spec import Spec
from cartograd.data.text.tokenizer import Tokenizer

ROLES = ("query", "document")
"""What the two texts of a pair are called."""

NEWER, OLDER = "sentence_transformers", "sbert_ce_default_activation_function"
"""Keys of config.json by which a cross-encoder is known; both say what its logit ends in."""

BESIDE = "config_sentence_transformers.json"

ACTIVATIONS = {
    "torch.nn.modules.activation.Sigmoid": True, "torch.nn.modules.linear.Identity": False,
}  # fmt: skip
"""What a logit ends in, and whether that is a probability."""

SCORES = {
    "transformer_task": "sequence-classification", "module_output_name": "scores",
    "modality_config": {"text": {"method": "forward", "method_output_name": "logits"}},
}  # fmt: skip
"""What sentence_bert_config.json may say."""


def is_crossed(folder: Path, said: Mapping[str, Any], /) -> bool:
    """Whether a folder says that its model compares two texts.

    Args:
        folder: of the model.
        said: its config.json.
    """
    if (folder / MODULES).is_file():
        return kinds_of(folder) == ["Transformer"]
    return said.get(NEWER) is not None or said.get(OLDER) is not None


def crossed(
    folder: Path,
    config: Mapping[str, Any],
    spec: Spec,
    signature: Signature,
    tokenizer: Tokenizer | None,
    prompt: str | None,
    /,
) -> tuple[Spec, Signature, Tokenizer]:
    """A classifier as one of pairs: how it is made, what it takes and gives, and its tokenizer.

    Args:
        folder: of the model.
        config: its configuration, understood.
        spec: of the classifier of single texts.
        signature: of the same.
        tokenizer: of the same.
        prompt: the name of a prompt of the folder.

    Raises:
        UsageError: it is no classifier, there is no tokenizer, or a file says what is not known.
    """
    if signature.task.name not in ("classify", "multi-label", "regress") or (
        signature.input.kind != "text"
    ):
        raise UsageError(
            f"{folder} is of a model for the task {signature.task.name}; expected one that "
            "classifies texts, to compare two"
        )
    if tokenizer is None:
        raise UsageError(f"{folder} holds no tokenizer.json, which writes two texts in a row")
    probable = _activation(folder, config)
    words = told(folder, tokenizer, spec.args.get("context"), prompt, _usual(folder))
    if words.frame:
        raise UsageError(f"{folder}: a prompt before two texts is not known here; leave it out")
    text = replace(signature.input, pair=ROLES)
    if spec.name == "bert" and spec.args.get("segments", 2) > 1:
        text = replace(text, separator_id=_separator(folder, words))
        spec = replace(spec, args=spec.args | {"separator_id": text.separator_id})
    answer = signature.output
    if probable is False and answer.task == "multi-label" and answer.dims == (1,):
        answer = Port("relevance", "value", (1,), task="regress")
    return spec, Signature((text,), (answer,)), words


def _activation(folder: Path, config: Mapping[str, Any]) -> bool | None:
    """Whether the only logit becomes a probability; None where nothing says so.

    Raises:
        UsageError: it becomes something else.
    """
    file = folder / BESIDE
    said = read_object(file).get("activation_fn") if file.is_file() else None
    newer = config.get(NEWER) or {}
    name = said or newer.get("activation_fn") or config.get(OLDER)
    if name is not None and name not in ACTIVATIONS:
        raise UsageError(
            f"{folder}: activation_fn={shown(name)} is not known; expected one of "
            f"{', '.join(ACTIVATIONS)}"
        )
    return None if name is None else ACTIVATIONS[name]


def _usual(folder: Path) -> dict[str, Mapping[str, Any]]:
    """What the files beside may say."""
    file = folder / BESIDE
    said = read_object(file).get("activation_fn") if file.is_file() else None
    known = {"model_type": "CrossEncoder", "activation_fn": said}  # which is looked at elsewhere
    return {"sentence_bert_config.json": SCORES, BESIDE: known}


def _separator(folder: Path, words: Tokenizer) -> int:
    """The token after which the second text of a pair begins, of a model that tells texts apart.

    Raises:
        UsageError: the tokenizer numbers the sides in another way.
    """
    row, separator = words.inner.encode("a", "b"), words.end
    end = row.ids.index(separator) + 1 if separator in row.ids else 0
    if separator is None or not end or row.type_ids != [0] * end + [1] * (len(row.ids) - end):
        raise UsageError(
            f"{folder}: tokenizer.json does not tell the texts of a pair apart as BERT does: "
            "expected 0 up to the first separator, and 1 after it"
        )
    return separator
