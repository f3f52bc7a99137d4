"""Diagnose what a language model does with long texts: needles in a haystack, loss by position."""

import random
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch

from cartograd.apps.load.looks import LENGTH_LOOKS, check_looks
from cartograd.apps.load.target import Target, name_of
from cartograd.apps.load.writing import Writing
from cartograd.apps.results.length_diagnosis import LengthDiagnosis
from cartograd.core.errors import UsageError
from cartograd.core.eval_mode import evaluating
from cartograd.data.text.tokenizer import Tokenizer
from cartograd.practice.metrics.bits_per_byte import sizes_of
from cartograd.training.diagnosis.needle import Haystack, needle
from cartograd.training.diagnosis.position_loss import position_loss

LENGTHS = (256, 512, 1024)
"""Tokens of the prompts, of those that the model reads, unless told otherwise."""

FILLER = (
    "The grass is green. The sky is blue. The sun is yellow. Here we go. There and back again. "
)
HIDDEN = "The pass key is {0}. Remember it. {0} is the pass key. "
QUESTION = "\nWhat is the pass key? The pass key is"
NEEDLES = 16
"""Pass keys to tell apart, of five digits each."""


def diagnose_length(
    target: Target,
    data: str | Path | None = None,
    told: Callable[[str, int, int], None] | None = None,
    /,
    *,
    looks: Sequence[str] = LENGTH_LOOKS,
    lengths: Sequence[int] = (),
    depths: int = 5,
    trials: int = 4,
    alternatives: int = 4,
    bins: int = 8,
    seed: int = 0,
    **reading: Any,
) -> LengthDiagnosis:
    """What a language model finds in long texts, and how well it predicts by position.

    Args:
        target: a model that goes on from texts: a run, a bundle, a path, or published weights.
        data: a file with a text: of `position`, what is predicted; of `needle`, the haystack (a
            few sentences, repeated, if not given).
        told: is called with the look, what is done and all there is.
        looks: some of `needle` and `position`; `position` needs `data`.
        lengths: tokens of the prompts; of 256, 512 and 1024 those that the model reads if empty.
            The longest is that of the texts of `position`.
        depths: places of the needle, evenly from the beginning to the end.
        trials: needles in each cell; of `position`, as many texts at most, times `depths`.
        alternatives: answers to choose from.
        bins: ranges of positions.
        seed: of needles and haystacks.
        **reading: as `Writing` has them: `precision`, `cache`, `window`, `sinks`.

    Raises:
        UsageError: the target goes on from no text, the file has too little text, an unknown look,
            or a length that the model does not read.
    """
    check_looks(looks, LENGTH_LOOKS)
    if "position" in looks and data is None:
        raise UsageError("position needs a text: give data, such as --data FILE.txt")
    text = None if data is None else _read(data)
    writing = Writing(target, **reading)
    name = name_of(writing.signed)
    if writing.answers:
        raise UsageError(f"{name} answers sources; needles are for models that go on from a text")
    hay = _haystack(writing.tokenizer, text or FILLER, seed)
    room = None if writing.window is not None else writing.context
    asked = tuple(lengths) or _usual(room, hay)
    found: dict[str, Any] = {}

    def begin(rows: int, capacity: int) -> Any:
        return writing.begin([[0]] * rows, capacity - 1).decoder

    def of(look: str) -> Callable[[int, int], None] | None:
        return None if told is None else partial(told, look)

    if room is not None and max(asked) >= room:
        raise UsageError(
            f"length {max(asked)} and an answer are more than the context of {name}, {room}; give "
            "shorter lengths, or a window"
        )
    with evaluating(writing.signed):
        if "needle" in looks:
            found["needle"] = needle(
                begin, hay, of("needle"), lengths=asked, depths=depths, trials=trials,
                alternatives=alternatives, seed=seed,
            )  # fmt: skip
        if "position" in looks and text is not None:
            rows = _texts(writing.tokenizer, text, max(asked), trials * depths)
            vocabulary = int(writing.signed.signature.output.dims[-1])
            sizes = torch.tensor(sizes_of(writing.tokenizer, vocabulary))
            found["position"] = position_loss(begin, rows, sizes, of("position"), bins=bins)
    kept = "all" if writing.window is None else f"{writing.sinks} sinks + {writing.window}"
    return LengthDiagnosis(name, writing.context, kept, **found)


def _read(path: str | Path) -> str:
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read as a text: {error}; expected UTF-8") from error
    if not text.strip():
        raise UsageError(f"{path} has no text")
    return text


def _haystack(tokenizer: Tokenizer, filler: str, seed: int) -> Haystack:
    draw = random.Random(seed)
    keys = draw.sample(range(10_000, 100_000), NEEDLES)
    question = _numbers(tokenizer, QUESTION)
    needles = []
    for key in keys:
        whole = _numbers(tokenizer, f"{QUESTION} {key}")
        # Where the answer changes how the question is cut, it is taken by itself.
        alone = whole[: len(question)] != question
        answer = _numbers(tokenizer, f" {key}") if alone else whole[len(question) :]
        needles.append((_numbers(tokenizer, HIDDEN.format(key)), answer))
    begin = tokenizer.begin
    expects = begin is not None and tokenizer.encode("a")[:1] == [begin]
    return Haystack(
        _numbers(tokenizer, filler), needles, question, [begin] if begin and expects else []
    )


def _numbers(tokenizer: Tokenizer, text: str) -> list[int]:
    """A text of any length, line by line: tokenizers cut what is longer than a model reads."""
    lines = text.splitlines(keepends=True)
    return [n for row in tokenizer.encoded(lines, special=False) for n in row]


def _usual(room: int | None, hay: Haystack) -> tuple[int, ...]:
    least = max(len(hidden) for hidden, _ in hay.needles) + len(hay.question) + len(hay.begin)
    most = None if room is None else room - max(len(answer) for _, answer in hay.needles)
    fit = tuple(n for n in LENGTHS if n >= least and (most is None or n <= most))
    if fit or most is None:
        return fit
    if most < least:
        raise UsageError(
            f"needle and question are {least} tokens and the context is {room}; expected a model "
            "that reads more"
        )
    return (most,)


def _texts(tokenizer: Tokenizer, text: str, length: int, most: int) -> torch.Tensor:
    numbers = _numbers(tokenizer, text)
    count = min(len(numbers) // length, most)
    if count < 2:
        raise UsageError(
            f"the text has {len(numbers)} tokens; expected at least twice {length} for the loss by "
            "position, or give shorter lengths"
        )
    return torch.tensor(numbers[: count * length]).view(count, length)
