"""Before and after: what a language model learned from chats, and what it forgot meanwhile.

Both models read the same answers that were held back and the same pages of plain text, and each
difference is judged example by example, so what is easy or hard to both counts for nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from cartograd.apps.load.parts import about_of, part_of
from cartograd.apps.load.source import Data, examples_for
from cartograd.apps.load.target import Target, as_signed, name_of
from cartograd.apps.results.before_after import ANSWERS, PLAIN, BeforeAfter
from cartograd.apps.results.comparison import Difference
from cartograd.apps.results.evaluation import Text
from cartograd.apps.verbs.chat_answers import chat_answers
from cartograd.apps.verbs.evaluate import figures
from cartograd.apps.verbs.written_texts import check_writes, is_of_texts
from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.core.paths import is_there
from cartograd.core.signed import Signed
from cartograd.data.dataset.dataset import Dataset, Examples
from cartograd.engine.files.bundle import Bundle
from cartograd.engine.logging.run_folder import is_run, read_config
from cartograd.engine.loop.fit import Run

METRICS = ("nll", "exact-match")
"""What is told of answers unless somebody asks for other metrics."""

OF_PLAIN = "perplexity"
"""What is told of plain text."""

BEFORE = "before"
"""The word for the model that a run began with."""


@dataclass(frozen=True)
class _Read:
    """What one model makes of answers and pages: numbers of each row, by metric, and texts."""

    answers: dict[str, Tensor]
    targets: Tensor
    texts: tuple[Text, ...]
    pages: Tensor | None
    page_targets: Tensor | None


def before_after(
    target: Target,
    data: Data | None = None,
    /,
    *,
    before: Target = BEFORE,
    plain: Data | None = None,
    part: str | None = None,
    metrics: Sequence[str] = METRICS,
    limit: int | None = None,
    device: str = "auto",
) -> BeforeAfter:
    """Measure a language model before and after it learned from chats.

    Args:
        target: the model that learned: a run, a bundle or the path of one.
        data: chats; by default those that it learned from.
        before: what to hold it against; by default what its training began from.
        plain: pages that were nothing to learn from, as `pages.txt` or `chats:pages.jsonl`.
        part: of the chats; by default `test` of what the model was trained on.
        metrics: of next tokens (`nll`, `accuracy`) and of the last answer in each chat, written
            token by token (`exact-match`, `rouge-l`); the first is of next tokens.
        limit: only so many chats are answered, the first ones; all if not given.
        device: where to compute.

    Raises:
        UsageError: it is not known what the model began from or learned from, one of them is no
            language model, or they cut texts into other tokens.
    """
    names = list(dict.fromkeys(metrics))
    of_texts = [name for name in names if is_of_texts(name)]
    of_tokens = [name for name in names if name not in of_texts]
    if not of_tokens:
        raise UsageError(f"metrics={','.join(names)} are of written texts alone; add nll")
    if limit is not None and limit < 1:
        raise UsageError(f"limit={limit} chats are none; expected at least 1")
    trained = about_of(target).get("data")
    source = trained if data is None else data
    if source is None:
        raise UsageError(
            f"{_named(target)} does not say what it learned from; give chats (data=, --data)"
        )
    chosen, _ = part_of(part, source, trained)
    began = began_from(target) if isinstance(before, str) and _is_word(before) else before
    notes = list[str]()
    found = list[_Read]()
    for one in (began, target):
        model = _model(one, target)
        asked = {"device": device, "notes": notes, "limit": limit}
        found.append(_read(model, (source, chosen), plain, of_tokens, of_texts, asked))
    first, second = found
    _check_same(first, second, began, target)
    pairs = [_of_tokens(name, first.answers[name], second.answers[name]) for name in of_tokens]
    pairs += [_of_texts(name, first.texts, second.texts) for name in of_texts]
    told = {ANSWERS: tuple(sorted(pairs, key=lambda one: names.index(one.name)))}
    counts = {ANSWERS: len(first.targets)}
    if first.pages is not None and second.pages is not None:
        told[PLAIN] = (_of_tokens(OF_PLAIN, first.pages, second.pages),)
        counts[PLAIN] = len(first.pages)
    return BeforeAfter(
        _named(began), _named(target), told, counts, f"{_called(source)} ({chosen})",
        "" if plain is None else _called(plain), (first.texts, second.texts),
        tuple(dict.fromkeys(notes)),
    )  # fmt: skip


def began_from(target: Target, /) -> str:
    """What the training of a run began from: published weights, a run or a bundle.

    Raises:
        UsageError: it is no run, or began from nothing.
    """
    place = target.folder if isinstance(target, Run) else target
    place = place.path.parent if isinstance(place, Bundle) else place
    if not isinstance(place, str | Path) or not is_run(Path(place)):
        raise UsageError(
            f"{_named(target)} is no run, so what it began from is not known; name what to hold "
            "it against: --against MODEL"
        )
    return str(read_config(place)[0].get("model"))


def _is_word(before: str) -> bool:
    return before == BEFORE and not is_there(before)


def _model(one: Target, target: Target) -> Signed:
    """A language model with its tokenizer.

    Raises:
        UsageError: it is none.
    """
    try:
        model = as_signed(one)
    except UsageError as error:
        if one is target:
            raise
        raise UsageError(
            f"{_named(one)}, which {_named(target)} is held against, is no model that is there "
            f"({error}); name another: --against MODEL"
        ) from error
    if model.signature.output.task != "next-token" or model.tokenizer is None:
        raise UsageError(
            f"{_named(one)} is no language model with a tokenizer; `cartograd runs compare` holds "
            "other runs against each other"
        )
    return model


def _read(
    model: Signed,
    chats: tuple[Data, str],
    plain: Data | None,
    of_tokens: Sequence[str],
    of_texts: Sequence[str],
    asked: Mapping[str, Any],
) -> _Read:
    """What a model makes of chats and pages."""
    source, part = chats
    given = {"tokenizer": model.tokenizer, "notes": asked["notes"]}
    examples = examples_for(model.signature, source, part, **given)
    read = {name: _rows(model, examples, name, asked["device"]) for name in of_tokens}
    targets = next(iter(read.values()))[1]
    texts: tuple[Text, ...] = ()
    if of_texts:
        check_writes(model, of_texts)
        count = min(len(examples), asked["limit"] or len(examples))
        texts = chat_answers(model, examples.select(range(count)))
    pages, right = None, None
    if plain is not None:
        whole = examples_for(model.signature, plain, "all", **given)
        pages, right = _rows(model, whole, OF_PLAIN, asked["device"])
    return _Read({name: one for name, (one, _) in read.items()}, targets, texts, pages, right)


def _rows(model: Signed, examples: Examples, name: str, device: str) -> tuple[Tensor, Tensor]:
    """A few numbers for each row, from which a metric is made; and the targets."""
    own = {name: _reducible(name)}
    rows, targets, *_ = figures(model, examples, own, device=device, intervals=False)
    return rows, targets


def _reducible(name: str) -> Any:
    """A metric of next tokens.

    Raises:
        UsageError: it is none that is made of a few numbers for each text.
    """
    from cartograd.practice.metrics import positions

    known = build(name, kind="metric")
    if not positions.reducible(known):
        raise UsageError(
            f"{name} is not told of texts before and after; expected nll, perplexity or accuracy, "
            "or a metric of written answers, as exact-match"
        )
    return known


def _of_tokens(name: str, first: Tensor, second: Tensor) -> Difference:
    from cartograd.practice.metrics import positions

    known = build(name, kind="metric")
    values, (low, high), doubt = positions.apart(known, (first, second), level=0.95)
    ends = [positions.figures({name: known}, rows)[1][name] for rows in (first, second)]
    return Difference(name, values, (ends[0], ends[1]), low, high, doubt=doubt)


def _of_texts(name: str, first: Sequence[Text], second: Sequence[Text]) -> Difference:
    from cartograd.practice.metrics import texts

    expected = [one.expected for one in first]
    said = [[one.written for one in some] for some in (first, second)]
    known = build(name, kind="text-metric")
    values = float(known(said[0], expected)), float(known(said[1], expected))
    sides = texts.interval(name, said[0], expected), texts.interval(name, said[1], expected)
    low, high = texts.interval(name, said[1], expected, instead=said[0])
    doubt = texts.doubt(name, said[1], expected, instead=said[0])
    return Difference(name, values, sides, low, high, doubt=doubt)


def _check_same(first: _Read, second: _Read, before: Target, after: Target) -> None:
    """Refuse models that cut the same texts into other tokens."""
    pairs = [(first.targets, second.targets), (first.page_targets, second.page_targets)]
    if any(a is not None and b is not None and not a.equal(b) for a, b in pairs):
        raise UsageError(
            f"{_named(before)} and {_named(after)} cut texts into other tokens, so what they say "
            "of one cannot be compared; evaluate each by bits-per-byte"
        )


def _called(data: Data) -> str:
    return data.name if isinstance(data, Dataset) else str(data)


def _named(target: Target) -> str:
    if isinstance(target, Run):
        return str(target.folder)
    if isinstance(target, Bundle):
        home = target.path.parent if target.path.name == "bundle" else target.path
        return str(home)
    return (
        target
        if isinstance(target, str)
        else (str(target) if isinstance(target, Path) else name_of(as_signed(target)))
    )
