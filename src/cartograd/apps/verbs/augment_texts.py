"""Augment: more texts with labels from those that there are, as a table that training reads."""

import csv
import inspect
import io
import re
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import compress
from pathlib import Path
from typing import Any

import torch

from cartograd.apps.load.source import Data, dataset
from cartograd.apps.load.writing import Writing
from cartograd.apps.results.more_texts import MoreTexts
from cartograd.apps.verbs.generate import generate
from cartograd.core.build import build, entry, resolve
from cartograd.core.errors import UsageError
from cartograd.core.files import write_file
from cartograd.core.ports import Signature
from cartograd.core.spec import Spec
from cartograd.data.dataset.augment import kind_of
from cartograd.data.dataset.counter_random import CounterRandom
from cartograd.data.dataset.dataset import Dataset, Split
from cartograd.data.dataset.split_column import NAME

TOGETHER = 32
"""Texts that are translated at once."""

ROOM = 2
"""How many times as many tokens as the longest source a translation may have, before it is cut."""

Translate = Callable[[list[str]], list[str]]


def augment(
    data: Data,
    out: str | Path,
    /,
    *,
    method: str | Spec = "back-translation:p=1",
    there: Any = None,
    back: Any = None,
    beams: int | None = None,
    samplers: str | Sequence[Any] = (),
    copies: int = 1,
    seed: int = 0,
) -> MoreTexts:
    """Write a table of the texts of a data set and of changed ones, with their labels.

    Only texts for training are changed, and a column `split` keeps the parts as they are: no
    paraphrase of a text that is tested on is learned from. Left out is what says what another text
    says already (but for case and marks), in whichever part.

    Args:
        data: a spec or path of texts with labels, or a data set of them.
        out: the table to write, a .csv.
        method: an augmentation of texts.
        there: for back-translation, the translator into the other language: a run or bundle.
        back: the one into the language of the texts.
        beams: of a beam search of both; 1 takes the likeliest token each time. 4 if nothing is
            drawn.
        samplers: drawn translations instead, as of `generate`.
        copies: how often each text is changed.
        seed: of whatever is drawn.

    Raises:
        UsageError: the data hold no texts with labels, the method is none of texts, a translator is
            missing or is none, or several copies of what is not drawn are asked for.
    """
    path, spec = Path(out), Spec.parse(method)
    card, _ = resolve(spec, kind="augmentation")
    if kind_of(card) != "text":
        raise UsageError(f"{card.name} changes no texts; while training: --set augment={spec}")
    if path.suffix.lower() != ".csv":
        raise UsageError(f"{path} is no name of a table; expected one that ends in .csv")
    if copies < 1:
        raise UsageError(f"copies={copies} is out of range; expected at least 1")
    made = dataset(data)
    texts, train = _texts(made.train), made.train
    extra = _translators(card, there, back, beams, samplers, copies=copies, seed=seed)
    change = build(spec, kind="augmentation")
    heard = {_words(text) for part in (train, made.valid, made.test) for text in _texts(part)}
    told, kept = Counter[str](), list[tuple[int, str]]()
    words = [text.split() for text in texts]
    for copy in range(copies):
        rng = CounterRandom(torch.arange(len(words)), seed=seed, epoch=copy)
        for i, changed in enumerate(change(words, rng, *extra)):
            text = _readable(" ".join(changed)) or texts[i]
            said = _words(text)
            verdict = (
                "unchanged" if said == _words(texts[i]) else "copies" if said in heard else "kept"
            )
            told[verdict] += 1
            if verdict == "kept":
                heard.add(said)
                kept.append((i, text))
    write_file(path, _table(made, kept))
    return MoreTexts(
        path, str(spec), len(texts), copies, told["kept"], told["unchanged"], told["copies"],
        sum(one.cut for one in extra), _shared(texts, kept),
        tuple((texts[i], text) for i, text in kept[:3]), made.signature.output.name,
    )  # fmt: skip


class Translator:
    """From texts to texts by a trained model; counts those that did not end.

    Args:
        target: a run, a bundle or published weights that answer a text by a text.
        options: of `generate`.

    Raises:
        UsageError: it answers otherwise.
    """

    def __init__(self, target: Any, /, **options: Any):
        self.writing, self.options, self.cut, self.calls = Writing(target), options, 0, 0
        if not self.writing.answers:
            raise UsageError(f"{target} goes on with texts; expected a model that translates them")

    def __call__(self, texts: list[str], /) -> list[str]:
        """One for each; nothing where the translation did not end by itself."""
        found = [""] * len(texts)
        order = sorted((i for i, text in enumerate(texts) if text), key=lambda i: len(texts[i]))
        for group in (order[at : at + TOGETHER] for at in range(0, len(order), TOGETHER)):
            options = dict(self.options)
            if "seed" in options:
                options["seed"] += self.calls
            self.calls += 1
            length = ROOM * max(len(self.writing.encoded(texts[i])) for i in group)
            for i, one in zip(
                group,
                generate(self.writing, [texts[i] for i in group], length=length, **options),
                strict=True,
            ):
                self.cut += not one.ended
                found[i] = one.text if one.ended else ""
        return found


def _translators(
    card: Any, there: Any, back: Any, beams: int | None, samplers: Any, *, copies: int, seed: int
) -> list[Translator]:
    """Both, where the method takes them."""
    takes = {"there", "back"} <= set(inspect.signature(entry(card)).parameters)
    given = there is not None and back is not None
    if takes and not given:
        raise UsageError(
            f"{card.name} needs two trained translators; give there=RUN and back=RUN, of "
            "cartograd train seq2seq --data bible, and of bible:source=es"
        )
    if not takes:
        if there is not None or back is not None or beams is not None or samplers:
            raise UsageError(f"{card.name} translates nothing; leave out there, back and beams")
        return []
    if samplers:
        if beams is not None:
            raise UsageError("a beam search does not sample; give beams or samplers")
        options: dict[str, Any] = {"samplers": samplers, "seed": seed}
    else:
        if copies > 1:
            raise UsageError(
                f"copies={copies} of a beam search would be equal; draw them: temperature=0.8"
            )
        options = {"beams": 4 if beams is None else beams}
    return [Translator(there, **options), Translator(back, **options)]


def _texts(part: Any) -> list[str]:
    """The texts of a part.

    Raises:
        UsageError: it holds none.
    """
    table = part.table if isinstance(part, Split) else None
    if table is None or part.signature.input.kind != "text":
        raise UsageError(
            "expected texts with labels (a table with a column of texts and a target, or folders "
            f"of .txt); these data are of kind {part.signature.input.kind!r}"
        )
    return table.column(table.header[0])


def _table(data: Dataset, kept: Sequence[tuple[int, str]]) -> str:
    """All rows as CSV: the texts that there are, part by part, then the new ones."""
    out = io.StringIO()
    rows = csv.writer(out, lineterminator="\n")
    rows.writerow((data.signature.input.name, data.signature.output.name, NAME))
    for name, part in (("train", data.train), ("valid", data.valid), ("test", data.test)):
        labels = _cells(data.signature, part.targets)
        rows.writerows(zip(_texts(part), labels, [name] * len(labels), strict=True))
        if name == "train":
            rows.writerows((text, labels[i], name) for i, text in kept)
    return out.getvalue()


def _cells(signature: Signature, targets: torch.Tensor) -> list[str]:
    """Targets as they are written into a table."""
    labels = signature.output.labels
    if signature.task.target == "class":
        return [labels[i] for i in targets.tolist()]
    if signature.task.target == "classes":
        chosen = targets.bool().tolist()
        return [";".join(compress(labels, row)) for row in chosen]
    return [f"{row[0]:.9g}" for row in targets.tolist()]


def _readable(text: str) -> str:
    """A text without characters that are none: what is left of bytes that a model put together."""
    return "".join(c for c in text if c.isprintable() and c != "\ufffd").strip()


def _words(text: str) -> str:
    """What a text says, but for case, marks and spaces."""
    return " ".join(re.findall(r"\w+", text.casefold())) or text


def _shared(texts: Sequence[str], kept: Sequence[tuple[int, str]]) -> float:
    """What part of the words of the new texts stands in those that they come from."""
    both = every = 0
    for i, text in kept:
        own, new = (Counter(_words(one).split()) for one in (texts[i], text))
        both, every = both + (own & new).total(), every + new.total()
    return both / every if every else 0.0
