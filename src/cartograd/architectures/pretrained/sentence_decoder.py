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

from cartograd.architectures.pretrained.cross_encoder import ROLES
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

JUDGE = (
    "<|im_start|>system\nJudge whether the Document meets the requirements based on the Query and "
    'the Instruct provided. Note that the answer can only be "yes" or "no".<|im_end|>\n'
    "<|im_start|>user\n<Instruct>: {{ messages | selectattr('role', 'eq', 'system') | "
    "map(attribute='content') | first | default('Given a web search query, retrieve relevant "
    "passages that answer the query') }}\n<Query>: {{ messages | selectattr('role', 'eq', "
    "'query') | map(attribute='content') | first }}\n<Document>: {{ messages | "
    "selectattr('role', 'eq', 'document') | map(attribute='content') | first }}<|im_end|>\n"
    "<|im_start|>assistant\n<think>\n\n</think>{{ '\\n\\n' }}"
)
"""How Qwen3-Reranker is asked, where its folder does not say it (section 2 of the paper)."""

ANSWERS = ("yes", "no", "<|im_start|>", "<|im_end|>")
"""The tokens that this needs, the two answers first."""

OUTPUT, READER = "lm_head.weight", "model.embed_tokens.weight"
"""The matrices that score tokens and that read them, which may be one."""


def writes_texts(said: Mapping[str, Any], family: Any, /) -> bool:
    """Whether a folder's model is a decoder that writes.

    Args:
        said: config.json of the folder.
        family: the module that knows its family.
    """
    names = said.get("architectures") or [next(iter(family.HEADS))]
    return family.MODEL in READERS and all(family.HEADS.get(name) == "next" for name in names)


def sentence_decoder(
    folder: Path, family: Any, /, *, prompt: str | None = None, judges: bool = False
) -> Signed:
    """The model of a folder: its vectors of texts, or scores of pairs.

    Args:
        folder: of sentence-transformers.
        family: the module that knows the decoder's family.
        prompt: the name of the prompt that goes with each text; the folder's usual one, if it has
            any, if not given.
        judges: whether it compares texts though no file says so.

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
    make = _comparing if judges or kinds_of(folder) == SCORE else _embedding
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
    file, words = folder / "1_LogitScore" / "config.json", Tokenizer.from_folder(folder)
    if file.is_file() or (folder / MODULES).is_file():
        said = read_object(file)
    else:
        said, words = _judging(folder, words), words.told(chat=JUDGE)
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
    if not words.template:
        raise UsageError(f"{folder} holds no chat template, which writes a query and a document")
    frame = {"pair": list(ROLES), "prompt": chosen(prompts, default, prompt)}
    words = Tokenizer(words.document, **dict[str, Any](words.settings | {"frame": frame}))
    _check(folder, words)
    text = replace(_text(config, args["padding_id"]), pair=ROLES)
    yes = Port("relevant", "label", (1,), labels=("yes",), task="multi-label")
    spec = Spec("decoder-classifier", args | {"classes": 1})
    return spec, Signature((text,), (yes,)), tensors | {"score.weight": score}, words


def _judging(folder: Path, words: Tokenizer) -> dict[str, int]:
    """Which tokens say yes and no, of a model that is asked as Qwen3-Reranker.

    Raises:
        UsageError: it has no such tokens.
    """
    numbers = {token: words.number(token) for token in ANSWERS}
    lacking = [token for token, number in numbers.items() if number is None]
    if lacking:
        raise UsageError(
            f"{folder} writes texts, and nothing tells how it compares two: it has no token "
            f"{lacking[0]!r} of Qwen3-Reranker's and no {MODULES}; expected one, or a classifier"
        )
    return {"true_token_id": int(numbers["yes"] or 0), "false_token_id": int(numbers["no"] or 0)}


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
