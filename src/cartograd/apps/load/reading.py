"""Texts as the model reads them: which models do, by which tokens, and how much of each."""

import ast
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from cartograd.apps.load.framed import Framed
from cartograd.apps.load.located import located
from cartograd.core import registry, source
from cartograd.core.build import entry
from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.core.ports import Port
from cartograd.core.signed import Signed
from cartograd.core.spec import Spec
from cartograd.data.dataset.dataset import Dataset
from cartograd.data.dataset.token_rows import respelt
from cartograd.data.text.tokens import separator
from cartograd.data.text.vocabularies import pairing


def reads_texts(model: Any, begun: Signed | None, /) -> bool:
    """Whether a model takes tokens; of a module nothing is known.

    Args:
        model: a spec or a module.
        begun: what it begins with, if it does.
    """
    if begun is not None:
        return begun.signature.input.kind == "text"
    return isinstance(model, str | Spec) and "vocabulary" in _arguments(_card(model))


def column_of_texts(data: Any, model: Any, begun: Signed | None, /) -> dict[str, Any]:
    """What a table has to be told for a model that reads texts: that it needs their column.

    Args:
        data: a spec, a path or a dataset.
        model: a spec or a module.
        begun: what it begins with, if it does.
    """
    if not isinstance(data, str | Path | Spec | Framed) or not reads_texts(model, begun):
        return {}
    spec = data.spec if isinstance(data, Framed) else located(data)
    return {"text": True} if spec.name == "csv" and "text" not in spec.args else {}


def check_reads(model: Any, data: Dataset, /) -> None:
    """Refuse texts for a model that takes none, and name those that do.

    Raises:
        UsageError: the model of this name has no vocabulary.
    """
    if data.signature.input.kind != "text" or not isinstance(model, str | Spec):
        return
    card = _card(model)
    if "vocabulary" in _arguments(card):
        return
    others = [one.name for one in registry.methods("model") if _may_learn(one, data)]
    raise UsageError(
        f"{card.name} reads no texts, as {data.name} has them; models that do: "
        f"{', '.join(others)}, or published ones (hf:FOLDER, minilm)"
        + ("; text=false makes a table of hashed words of them" if data.name == "csv" else "")
    )


def _may_learn(card: Card, data: Dataset) -> bool:
    """Whether a model reads texts and can give such answers."""
    arguments, task = _arguments(card), data.signature.task
    if "vocabulary" not in arguments or task.each:
        return "vocabulary" in arguments
    own = not card.objective or task.takes(Spec.parse(card.objective).name)
    return "head" in arguments or ("classes" in arguments and own)


def as_read(data: Dataset, model: Any, begun: Signed | None, /) -> Dataset:
    """The texts as tokens of the model that a training begins with, no longer than it can see.

    Args:
        data: of any kind; only texts whose words were kept change.
        model: a spec or a module.
        begun: what it begins with, if it does.

    Raises:
        UsageError: the model has a vocabulary of its own, and the texts were not kept.
    """
    if data.signature.input.kind != "text" or data.tokenizer is None:
        return data
    port, tokenizer = data.signature.input, data.tokenizer
    if begun is not None and begun.tokenizer is not None:
        tokenizer, port = begun.tokenizer, _in_its_tokens(begun, port)
    limits = (data.tokenizer.longest, tokenizer.longest, _context(model, begun))
    known = [limit for limit in limits if limit is not None]
    if data.tokenizer.longest is not None:  # texts with labels, not windows of one text
        tokenizer = tokenizer.told(longest=min(known))
        if begun is None and _reads_first(model) and tokenizer.begin is not None:
            tokenizer = pairing(tokenizer)
    return respelt(data, tokenizer, port, longest=_context(model, begun))


@runtime_checkable
class ReadsFirst(Protocol):
    """A model that answers from a first token, which is of no word."""

    first_token: bool


def _reads_first(model: Any) -> bool:
    made = entry(_card(model)) if isinstance(model, str | Spec) else model
    return isinstance(made, ReadsFirst)


def _in_its_tokens(begun: Signed, port: Port) -> Port:
    """The port of the texts, or pairs, as tokens of a model that is there.

    Raises:
        UsageError: its tokenizer parts no pairs.
    """
    between = separator(begun.tokenizer) if port.pair else None
    if port.pair and between is None:
        raise UsageError(
            f"the data has pairs of texts ({' and '.join(port.pair)}), and the tokenizer of the "
            "model writes nothing between two texts; begin with a BERT or a sentence encoder, or "
            "from nothing"
        )
    own = begun.signature.input
    return replace(own, name=port.name, pair=port.pair, separator_id=between)


def _card(model: str | Spec) -> Card:
    return registry.find(Spec.parse(model).name, kind="model")[0]


def _arguments(card: Card) -> dict[str, str | None]:
    return {item.name: item.default for item in source.arguments(card)}


def _context(model: Any, begun: Signed | None) -> int | None:
    """How many tokens a model can see at once, as far as its spec says."""
    if begun is not None:
        given = begun.spec.args if begun.spec is not None else {}
        return given.get("context")
    if not isinstance(model, str | Spec):
        return None
    spec = Spec.parse(model)
    card, preset = registry.find(spec.name, kind="model")
    default = _arguments(card).get("context")
    found = (preset | spec.args).get("context", ast.literal_eval(default) if default else None)
    return found if isinstance(found, int) else None
