"""Texts that a model writes for examples, and their metrics beside the texts that were expected."""

import warnings
from collections.abc import Sequence

import torch
from torch import Tensor

from cartograd.apps.answers.writer import answered, writes
from cartograd.apps.load.target import name_of
from cartograd.apps.results.evaluation import Text
from cartograd.apps.verbs.chat_answers import chat_answers, goes_on
from cartograd.core import registry
from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.core.eval_mode import evaluating
from cartograd.core.protocols import Batches
from cartograd.core.signed import Signed
from cartograd.core.spec import Spec
from cartograd.data.dataset.dataset import Examples
from cartograd.engine.device.device import pick

ROOM = 2
"""How many times as long as the longest text expected of a batch a written one may be."""


def is_of_texts(metric: str, /) -> bool:
    """Whether a metric takes texts, not logits or values."""
    name = Spec.parse(metric).name
    return not registry.lookup(name, kind="metric") and bool(
        registry.lookup(name, kind="text-metric")
    )


def usual_of_texts(model: Signed, /) -> tuple[str, ...]:
    """The metrics of texts of a model's task, if it can write and their package is here."""
    from cartograd.practice.metrics import texts

    usual = model.signature.task.text_metrics
    if not usual or not writes(model):
        return ()
    try:
        texts.library()
    except UsageError as error:
        warnings.warn(f"{' and '.join(usual)} are left out: {error}", stacklevel=2)
        return ()
    return usual


def check_writes(model: Signed, metrics: Sequence[str], /) -> None:
    """Refuse metrics of texts of a model that writes none.

    Raises:
        UsageError: it does not answer with texts, or cannot write or read them.
    """
    if not writes(model) and not goes_on(model):
        raise UsageError(
            f"{metrics[0]} measures the texts that a model answers with; {name_of(model)} (task "
            f"{model.signature.task.name}) writes none; choose another metric"
        )


def texts_of(
    model: Signed, examples: Examples, batches: Batches, /, *, device: str = "auto"
) -> tuple[Text, ...]:
    """What a model writes for examples: a translator its answers, a language model those of chats.

    Args:
        model: with its signature and tokenizer.
        examples: chats, of a language model.
        batches: the same examples.
        device: where to compute.

    Raises:
        UsageError: it is a language model, and these are no chats.
    """
    if not writes(model):
        return chat_answers(model, examples)
    return written(model, batches, device=device)


def written(model: Signed, batches: Batches, /, *, device: str = "auto") -> tuple[Text, ...]:
    """The likeliest answer to each source, written token by token, in the order of the batches."""
    chosen, decode, found = pick(device), model.tokenizer.decode, list[Text]()
    model.to(chosen)
    with evaluating(model), torch.inference_mode():
        for source, *_, targets in batches.epoch(0, seed=0):
            room = ROOM * targets.shape[1]
            said = answered(model, source.to(chosen), room, name_of(model))
            for own, text, right in zip(source, said, targets, strict=True):
                found.append(Text(decode(own), text, decode(_there(right))))
    return tuple(found)


def measured(metric: str, texts: Sequence[Text], /) -> tuple[float, tuple[float, float], str]:
    """A metric of texts, its interval, and what makes that doubtful."""
    from cartograd.practice.metrics.texts import doubt, interval

    said, right = [text.written for text in texts], [text.expected for text in texts]
    measure = build(metric, kind="text-metric")
    value = float(measure(said, right))
    return value, interval(metric, said, right), doubt(metric, said, right)


def _there(targets: Tensor) -> Tensor:
    """The tokens without what fills the row up."""
    return targets[targets >= 0]
