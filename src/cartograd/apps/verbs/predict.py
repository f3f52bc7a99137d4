"""Predict: a model's answers for files, rows and numbers."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from cartograd.apps.answers.asked import Answer, Asked, answers, check_inputs
from cartograd.apps.answers.embed import compared
from cartograd.apps.load.inputs import why_none
from cartograd.apps.load.parts import encoding_of
from cartograd.apps.load.target import Target, as_signed, name_of
from cartograd.apps.results.answers import Answers
from cartograd.apps.results.heard import Heard
from cartograd.apps.verbs.inputs import parts_of
from cartograd.apps.verbs.prepared import Ask, of_texts, prepared
from cartograd.apps.verbs.secure import beside
from cartograd.apps.verbs.to_come import to_come
from cartograd.core.errors import UsageError
from cartograd.core.eval_mode import evaluating
from cartograd.core.signed import Signed
from cartograd.core.spec import Spec
from cartograd.data.decode.read import read, written
from cartograd.data.decode.text_files import also

ROWS = 256
"""How many examples go through the model at once."""


def predict(
    target: Target,
    sources: Any,
    /,
    *,
    top: int = 3,
    question: str | None = None,
    impossible: bool = False,
    draws: int | None = None,
    language: str | None = None,
    secure: str | Spec | None = None,
    strict: bool = True,
) -> Answers:
    """A model's answers.

    Args:
        target: a model with a signature, a run, a bundle, or the path of one.
        sources: one or many raw inputs: picture or sound files (or a folder of them), CSV files,
            mappings from column names to cells, a DataFrame or a Dataset of Hugging Face, texts (a
            `Path` is a file of text), pairs of texts, numbers; or a
            tensor with the examples in front. A model of several inputs takes a tuple of tensors.
        top: how many labels to name, the likeliest first.
        question: what a model that finds answers in texts is asked about each of them.
        impossible: let it also answer that a text has no answer.
        draws: answer by the mean of so many passes with dropout on, and tell how far they
            differ (Monte-Carlo dropout); of classifiers and regressors with dropout.
        language: of what is said, like `en`, for models that transcribe; they find it themselves
            if it is not given.
        secure: spec of how parties answer who see neither the model nor the inputs, like
            `additive-shares:parties=3`; `notes` of the answers says what that cost.
        strict: answer nothing if one of several inputs cannot be read; else the others are
            answered, and `refused` of the answers says which was not and why.

    Returns:
        For each example `source` (what it was) and either `label`, `probability` and
        `probabilities`, or `value` (`values` if there are several). A language model's label is
        the next token, or the one behind the mask; a tagger gives `labels`, one for each token.
        With `draws` there is `spread` (standard deviation of the probability or the value).
        An answer found in a text comes as `answer` with its characters `start` to `end`.
        What is read or transcribed comes as `text` (with `language` and `no_speech`, the
        probability that nobody speaks), what is heard from when to when as `segments`;
        a forecast as `low`, `middle` and `high` of each step, with their `times`;
        an embedding as `vector`, with its `similarity` (cosine) to the first source's. `notes`
        says what was answered though the model cannot know it, as categories it never saw.

    Raises:
        UsageError: the target is no model, or a source cannot be read or does not fit it.
    """
    model = as_signed(target)
    if top < 1:
        raise UsageError(f"top={top} is out of range; expected at least 1")
    with evaluating(model), also(encoding_of(target)):
        heard, chosen = Heard(strict), {"top": top, "draws": draws, "language": language}
        chosen |= {"question": question, "impossible": impossible}
        by = beside(model, secure, draws=draws)
        named = tuple(compared(_answers(model, by or model, sources, chosen, heard)))
        heard.notes.extend(() if by is None else by.told())
    if heard.refused and not named:
        raise UsageError(why_none(heard.refused))
    return Answers(named, notes=heard.notes, refused=heard.refused)


def _answers(
    model: Signed, by: nn.Module, sources: Any, chosen: Mapping[str, Any], heard: Heard
) -> Iterator[tuple[str, Answer]]:
    device = next((p.device for p in model.parameters()), torch.device("cpu"))
    name, signature = name_of(model), model.signature
    signature.task.check("predict")
    if _several(model, sources):
        yield from _of_several(model, tuple(sources), chosen, device)
        return
    check_inputs(name, signature)

    def ask(x: Tensor) -> Sequence[Answer]:
        tokenizer = model.tokenizer
        return answers(Asked(by, signature, x, device, tokenizer, name=name, **chosen))

    if signature.task.asks:
        for text, said in parts_of(signature.input, sources, heard):
            with heard.reading(said):
                x, texts = torch.empty(1, 0), (written(text, said),)
                own: dict[str, Any] = {"texts": texts, "name": name, **chosen}
                asked = Asked(model, signature, x, device, model.tokenizer, **own)
                for answer in answers(asked):
                    yield said, answer
        return
    if model.signature.input.kind == "text" and not isinstance(sources, Tensor | np.ndarray):
        yield from of_texts(model, ask, sources, heard)
        return
    if model.signature.input.kind == "series" and not isinstance(sources, Tensor | np.ndarray):
        yield from to_come(model, ask, parts_of(model.signature.input, sources, heard), heard)
        return
    if any(isinstance(dim, str) for dim in model.signature.input.dims):
        yield from _one_by_one(model, ask, sources, heard)
        return
    inputs, names = prepared(model, sources, heard)
    found = (row for part in inputs.split(ROWS) for row in ask(part))
    yield from zip(names, found, strict=True)


def _several(model: Signed, sources: Any) -> bool:
    """Whether the sources are a tensor for each of several inputs."""
    count = len(model.signature.inputs)
    return (
        count > 1
        and isinstance(sources, tuple | list)
        and len(sources) == count
        and all(isinstance(one, Tensor | np.ndarray) for one in sources)
    )


def _of_several(
    model: Signed, sources: tuple[Any, ...], chosen: Mapping[str, Any], device: torch.device
) -> Iterator[tuple[str, Answer]]:
    ports = model.signature.inputs
    inputs = [read(port, one) for port, one in zip(ports, sources, strict=True)]
    if len({len(one) for one in inputs}) > 1:
        counts = ", ".join(f"{len(x)} of {p.name}" for x, p in zip(inputs, ports, strict=True))
        raise UsageError(f"the inputs differ in number: {counts}; expected as many of each")
    if chosen.get("draws") is not None:
        raise UsageError("draws= takes models of one input; leave it out")
    number = 0
    for x, *others in zip(*(one.split(ROWS) for one in inputs), strict=True):
        own: dict[str, Any] = {"name": name_of(model), "others": tuple(others), **chosen}
        asked = Asked(model, model.signature, x, device, model.tokenizer, **own)
        for answer in answers(asked):
            number += 1
            yield f"input row {number}", answer


def _one_by_one(
    model: Signed, ask: Ask, sources: Any, heard: Heard
) -> Iterator[tuple[str, Answer]]:
    """Sounds and pictures of any length."""
    for part, name in parts_of(model.signature.input, sources, heard):
        with heard.reading(name):
            for answer in ask(read(model.signature.input, part, notes=heard.notes)):
                yield name, answer
