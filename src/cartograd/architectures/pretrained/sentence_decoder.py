"""A folder of sentence-transformers whose model is a decoder: Qwen3-Embedding, Qwen3-Reranker.

With a part that pools it embeds texts; with one that scores (`LogitScore`) it compares a question
with a document: by how much likelier the next token is the one for yes than the one for no. The
difference of two logits is one logit of a classifier, whose weights are the difference of two rows
of the output matrix (in single precision), and its sigmoid the probability of yes among the two.

References:
    Yanzhao Zhang et al. Qwen3 Embedding. 2025. https://arxiv.org/abs/2506.05176
    Hugging Face: sentence-transformers 6.2, `LogitScore`. https://sbert.net
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import Tensor

from cartograd.architectures.pretrained.filled import filled
from cartograd.architectures.pretrained.published_config import (
    read_object,
    settled,
    shown,
    typed,
)  # fmt: skip
from cartograd.architectures.pretrained.published_folder import tensors_of
from cartograd.architectures.pretrained.sentence_folder import (
    MODULES,
    beside,
    chosen,
    kinds_of,
    parts,
    told,
    whole,
)
from cartograd.core.errors import UsageError
from cartograd.core.ports import Port, Signature
from cartograd.core.signed import Signed
from cartograd.core.spec import Spec
from cartograd.data.text.tokenizer import Tokenizer

READERS = ("decoder", "llama")
"""Our models that such folders may hold."""

POOLINGS = {"lasttoken": "last", "mean": "mean"}
"""Ways to pool, and what ours are called."""

SCORE = ["Transformer", "LogitScore"]
"""The parts of a model that compares."""

ROLES = ("query", "document")
"""What templates call the two texts of a pair."""

COMPARES = {
    "sentence_bert_config.json": {
        "transformer_task": "text-generation", "module_output_name": "causal_logits",
        "modality_config": {"text": {"method": "forward", "method_output_name": "logits"}},
        "processing_kwargs": {"chat_template": {"add_generation_prompt": True}},
    },
    "config_sentence_transformers.json": {
        "model_type": "CrossEncoder", "activation_fn": "torch.nn.modules.activation.Sigmoid",
    },
}  # fmt: skip
"""What the files beside may say of a model that compares."""

OUTPUT, READER = "lm_head.weight", "model.embed_tokens.weight"
"""The matrices that score tokens and that read them, which may be one."""


def sentence_decoder(folder: Path, family: Any, /, *, prompt: str | None = None) -> Signed:
    """The model of a folder: its vectors of texts, or scores of pairs.

    Args:
        folder: of sentence-transformers.
        family: the module that knows the decoder's family.
        prompt: the name of the prompt that goes with each text; the folder's usual one, if it has
            any, if not given.

    Raises:
        UsageError: a file is damaged or missing, or asks for what ours has not.
    """
    said, heads = whole(folder), {ours: theirs for theirs, ours in family.HEADS.items()}
    if "classify" not in heads:
        raise UsageError(
            f"{folder / MODULES} is of a {said['model_type']}, of which no head that classifies is "
            "known; expected BERT, or another family of decoders"
        )
    tensors = {
        name if name.startswith("model.") or name == OUTPUT else f"model.{name}": tensor
        for name, tensor in tensors_of(folder).items()
    }
    config = settled(said | {"architectures": [heads["classify"]]}, family.READS)
    found = family.spec(config | {"id2label": {"0": "yes"}, "num_labels": None})
    args = {key: found.args[key] for key in ("decoder", "padding_id")}
    make = _comparing if kinds_of(folder) == SCORE else _embedding
    table: Any = family.KEYS(config) if callable(family.KEYS) else family.KEYS
    spec, signature, weights, words = make(folder, args, config, tensors, prompt)
    return filled(spec, signature, weights, table, source=str(folder), tokenizer=words)


Made = tuple[Spec, Signature, dict[str, Tensor], Tokenizer]


def _embedding(
    folder: Path, args: dict[str, Any], config: Mapping[str, Any], tensors: dict[str, Tensor],
    prompt: str | None,
) -> Made:  # fmt: skip
    """The parts of a model that embeds."""
    pooling, normalised = parts(folder, POOLINGS)
    plain = Tokenizer.from_folder(folder)
    closing = plain.encode("")[-1:]  # what stands behind each text, even an empty one
    padding = plain.padding if args["padding_id"] is None else args["padding_id"]
    if closing:
        plain = plain.told(end=plain.token(closing[0]))
    words = told(folder, plain, config["max_position_embeddings"], prompt)
    args |= {"pooling": pooling, "normalised": normalised, "padding_id": padding}
    args["closed"] = closing == [padding]
    meaning = Port("meaning", "vector", (config["hidden_size"],), task="embed")
    tensors.pop(OUTPUT, None)
    signature = Signature((_text(config, padding),), (meaning,))
    return Spec("decoder-embedding", args), signature, tensors, words


def _comparing(
    folder: Path, args: dict[str, Any], config: Mapping[str, Any], tensors: dict[str, Tensor],
    prompt: str | None,
) -> Made:  # fmt: skip
    """The parts of a model that compares."""
    file = folder / "1_LogitScore" / "config.json"
    said = read_object(file)
    for key, kind in (("true_token_id", "id"), ("false_token_id", "id?")):
        typed(str(file), key, said.get(key), kind)
        if not 0 <= (said.get(key) or 0) < config["vocab_size"]:
            raise UsageError(f"{file}: {key}={said[key]} is no token of {config['vocab_size']}")
    if said.get("module_input_name", "causal_logits") != "causal_logits":
        raise UsageError(f"{file}: module_input_name={shown(said['module_input_name'])} is unknown")
    scores = tensors.pop(OUTPUT, tensors.get(READER))
    if scores is None:
        raise UsageError(f"{folder} holds neither {OUTPUT} nor {READER}")
    score = scores[said["true_token_id"]][None].double()
    if said.get("false_token_id") is not None:
        score = score - scores[said["false_token_id"]].double()
    _, prompts, default = beside(folder, COMPARES)
    words = Tokenizer.from_folder(folder)
    if not words.template:
        raise UsageError(f"{folder} holds no chat template, which writes a query and a document")
    frame = {"pair": list(ROLES), "prompt": chosen(prompts, default, prompt)}
    words = Tokenizer(words.document, **dict[str, Any](words.settings | {"frame": frame}))
    _check(folder, words)
    text = replace(_text(config, args["padding_id"]), pair=ROLES)
    yes = Port("relevant", "label", (1,), labels=("yes",), task="multi-label")
    spec = Spec("decoder-classifier", args | {"classes": 1})
    return spec, Signature((text,), (yes,)), tensors | {"score.weight": score}, words


def _text(config: Mapping[str, Any], padding: int | None) -> Port:
    bounds = (0, config["vocab_size"] - 1)
    return Port("text", "text", ("t",), "int64", bounds=bounds, padding_id=padding)


def _check(folder: Path, words: Tokenizer) -> None:
    """Refuse a template that passes over one of the two texts."""
    one, *others = words.encoded([("a", "b"), ("aa", "b"), ("a", "bb")])
    if one in others:
        raise UsageError(
            f"{folder}: the chat template writes no {ROLES[others.index(one)]}; expected one that "
            f"writes the messages of the roles {' and '.join(ROLES)}"
        )
