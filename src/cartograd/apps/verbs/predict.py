"""Predict: answers for the user's own files, rows and numbers."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from cartograd.apps.server.served import Served
from cartograd.apps.verbs.target import Target, as_signed, name_of
from cartograd.core.errors import UsageError
from cartograd.core.mode import evaluating
from cartograd.core.notebook import shown
from cartograd.core.ports import Port
from cartograd.core.signed import Signed
from cartograd.data.decode import encoded, expanded, read
from cartograd.data.tokens import alike, padded

ROWS = 256
"""How many examples go through the model at once."""

TOKENS = 512
"""How many tokens of texts do."""


class Answers(list[dict[str, Any]]):
    """Answers, one for each example; a notebook shows them as a table."""

    def _repr_html_(self) -> str:
        return shown("answers", self)


def predict(target: Target, sources: Any, /, *, top: int = 3) -> Answers:
    """A model's answers.

    Args:
        target: a model with a signature, a run, a bundle, or the path of one.
        sources: one or many raw inputs: picture files (or a folder of them), CSV files, mappings
            from column names to cells, texts (a `Path` is a file of text), numbers; or a tensor
            with the examples in front.
        top: how many labels to name, the likeliest first.

    Returns:
        For each example `source` (what it was) and either `label`, `probability` and
        `probabilities`, or `value` (`values` if there are several). A language model's label is
        the next token, or the one behind the mask; a tagger gives `labels`, one for each token.
        What is read or transcribed comes as `text`, what is heard from when to when as `segments`;
        an embedding as `vector`, with its `similarity` (cosine) to the first source's.

    Raises:
        UsageError: the target is no model, or a source cannot be read or does not fit it.
    """
    model = as_signed(target)
    if top < 1:
        raise UsageError(f"top={top} is out of range; expected at least 1")
    with evaluating(model):
        return Answers(_compared(_answers(model, sources, top)))


def prepared(model: Signed, sources: Any, /) -> tuple[Tensor, list[str]]:
    """Raw inputs as a batch of the model's input port, and what to call each example.

    Raises:
        UsageError: a source cannot be read, or does not fit the port.
    """
    port = model.signature.input
    if port.kind == "text" and not isinstance(sources, Tensor | np.ndarray):
        named = _parts(port, sources)
        given = [part for part, _ in named]
        return read(port, given, tokenizer=model.tokenizer), [name for _, name in named]
    named = [(read(port, part), name) for part, name in _parts(port, sources)]
    names = [
        name if len(rows) == 1 else f"{name} row {row + 1}"
        for rows, name in named
        for row in range(len(rows))
    ]
    return torch.cat([rows for rows, _ in named]), names


def _answers(model: Signed, sources: Any, top: int) -> Iterator[dict[str, Any]]:
    device = next((p.device for p in model.parameters()), torch.device("cpu"))
    served = Served(name_of(model), None, model, model.signature, device, model.tokenizer)
    if model.signature.input.kind == "text" and not isinstance(sources, Tensor | np.ndarray):
        yield from _of_texts(served, sources, top)
        return
    if any(isinstance(dim, str) for dim in model.signature.input.dims):
        yield from _one_by_one(served, sources, top)
        return
    inputs, names = prepared(model, sources)
    answers = (row for part in inputs.split(ROWS) for row in served.predict(part, top=top))
    for name, answer in zip(names, answers, strict=True):
        yield {"source": name} | answer


def _one_by_one(served: Served, sources: Any, top: int) -> Iterator[dict[str, Any]]:
    """Sounds and pictures of any length."""
    for part, name in _parts(served.signature.input, sources):
        for answer in served.predict(read(served.signature.input, part), top=top):
            yield {"source": name} | answer


def _compared(answers: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Of vectors also how near each is to the first one."""
    first: Tensor | None = None
    for answer in answers:
        if "vector" in answer:
            vector = torch.tensor(answer["vector"], dtype=torch.float64)
            first = vector if first is None else first
            answer["similarity"] = torch.cosine_similarity(first, vector, dim=0).item()
        yield answer


def _of_texts(served: Served, sources: Any, top: int) -> Iterator[dict[str, Any]]:
    """Texts of like length go through the model together, so that little is computed in vain."""
    port = served.signature.input
    named = _parts(port, sources)
    rows = encoded(port, [part for part, _ in named], served.tokenizer)
    answers: dict[int, dict[str, Any]] = {}
    for group in alike(list(map(len, rows)), tokens=TOKENS, padded=port.padding_id is not None):
        batch = padded([rows[i] for i in group], port.padding_id)
        answers |= zip(group, served.predict(batch, top=top), strict=True)
    for number, (_, name) in enumerate(named):
        yield {"source": name} | answers[number]


def _parts(port: Port, sources: Any) -> list[tuple[Any, str]]:
    """Each source with its name; a tensor, or numbers, are one part."""
    named = str | Path | bytes | bytearray | Mapping
    if isinstance(sources, named) or not isinstance(sources, Sequence | Tensor | np.ndarray):
        sources = [sources]
    if isinstance(sources, Tensor | np.ndarray) or not all(
        isinstance(source, named) for source in sources
    ):
        return [(sources, "input")]
    if not sources:
        raise UsageError("nothing was given to predict; expected files, rows or numbers")
    listed = expanded(sources) if port.kind == "image" else sources
    return [
        (source, str(source) if isinstance(source, str | Path) else f"input {number}")
        for number, source in enumerate(listed, start=1)
    ]
