"""The numbers of a piece of text by a vocabulary, in Python alone: of BPE, WordPiece and others.

BPE (Sennrich et al., 2016) merges the pair that was learned first, the leftmost of equals, until
none is left. WordPiece (Schuster & Nakajima, 2012) takes the longest beginning that it has, again
and again. Unigrams (Kudo, 2018) are the pieces whose likelihoods have the largest product, found
by Viterbi's way; letters that no piece begins with are one unknown piece. A list of words has a
number for each, and one for all others.

References:
    https://arxiv.org/abs/1508.07909, https://arxiv.org/abs/1804.10959
"""

import heapq
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from cartograd.core.errors import UsageError
from cartograd.data.text.plain_pieces import absent

Numbers = Callable[[str], list[int]]
"""The numbers of a piece."""

UNKNOWN = 10.0
"""How much less likely than the least likely piece an unknown letter is, as a logarithm."""

PLAIN = {
    "dropout": (None, 0.0),
    "continuing_subword_prefix": (None, ""),
    "end_of_word_suffix": (None, ""),
    "fuse_unk": (False, None),
    "byte_fallback": (False, None),
}
"""Settings of BPE that have to be as usual: no others are read here."""


def model(said: Mapping[str, Any], /) -> Numbers:
    """What numbers pieces, by its description in `tokenizer.json`.

    Raises:
        UsageError: it is of another kind, or has settings that are not read here.
    """
    kind = said.get("type")
    if kind not in MODELS:
        raise absent("model", kind)
    return MODELS[kind](said)


def _words(said: Mapping[str, Any]) -> Numbers:
    vocabulary: Mapping[str, int] = said["vocab"]
    unknown = vocabulary.get(said["unk_token"])
    return lambda piece: [one for one in [vocabulary.get(piece, unknown)] if one is not None]


def _bpe(said: Mapping[str, Any]) -> Numbers:
    for key, usual in PLAIN.items():
        if said.get(key) not in usual:
            raise absent("model", f"BPE with {key}")
    vocabulary: Mapping[str, int] = said["vocab"]
    pairs = [tuple(one.split(" ") if isinstance(one, str) else one) for one in said["merges"]]
    merges = {
        (vocabulary[a], vocabulary[b]): (rank, vocabulary[a + b])
        for rank, (a, b) in enumerate(pairs)
    }
    unknown = vocabulary.get(said.get("unk_token") or "")

    def run(piece: str) -> list[int]:
        if said.get("ignore_merges") and piece in vocabulary:
            return [vocabulary[piece]]
        letters = (vocabulary.get(letter, unknown) for letter in piece)
        return merged([one for one in letters if one is not None], merges)

    return run


def merged(numbers: list[int], merges: Mapping[tuple[int, int], tuple[int, int]], /) -> list[int]:
    """Numbers with their pairs merged, the pair of the least rank first.

    >>> merged([1, 2, 1, 2, 3], {(1, 2): (0, 4), (4, 3): (1, 5)})
    [4, 5]

    Args:
        numbers: of letters; changed.
        merges: a pair's rank and the number that takes its place.
    """
    after = [*range(1, len(numbers)), -1] if numbers else []
    before = list(range(-1, len(numbers) - 1))
    waiting: list[tuple[int, int, int, int]] = []

    def look(at: int) -> None:
        if at >= 0 and after[at] >= 0:
            pair = numbers[at], numbers[after[at]]
            if pair in merges:
                heapq.heappush(waiting, (merges[pair][0], at, *pair))

    for at in range(len(numbers)):
        look(at)
    while waiting:
        _, at, left, right = heapq.heappop(waiting)
        far = after[at]
        if numbers[at] != left or far < 0 or numbers[far] != right:
            continue  # one of the two was merged meanwhile
        numbers[at], numbers[far], after[at] = merges[left, right][1], -1, after[far]
        if after[far] >= 0:
            before[after[far]] = at
        look(before[at])
        look(at)
    return [one for one in numbers if one >= 0]


def _wordpiece(said: Mapping[str, Any]) -> Numbers:
    vocabulary: Mapping[str, int] = said["vocab"]
    unknown = vocabulary.get(said["unk_token"])
    inner, longest = said["continuing_subword_prefix"], said["max_input_chars_per_word"]

    def run(piece: str) -> list[int]:
        found: list[int] = []
        at = 0
        while at < len(piece) <= longest:
            begun = inner if at else ""
            ends = (end for end in range(len(piece), at, -1) if begun + piece[at:end] in vocabulary)
            end = next(ends, None)
            if end is None:
                break
            found.append(vocabulary[begun + piece[at:end]])
            at = end
        if at == len(piece):
            return found
        if unknown is None:
            raise UsageError(
                f"the vocabulary has no {said['unk_token']!r} for what it does not know"
            )
        return [unknown]

    return run


def _unigram(said: Mapping[str, Any]) -> Numbers:
    if said.get("byte_fallback"):
        raise absent("model", "Unigram with byte_fallback")
    numbers = {piece: number for number, (piece, _) in enumerate(said["vocab"])}
    scores = [score for _, score in said["vocab"]]
    longest, least = max(map(len, numbers), default=0), min(scores, default=0.0) - UNKNOWN
    unknown: int | None = said.get("unk_id")

    def number(piece: str) -> int:
        found = numbers.get(piece, unknown)
        if found is None:
            raise UsageError(f"the vocabulary has no piece for {piece!r}, and none for the unknown")
        return found

    def known(text: str, at: int) -> list[tuple[int, float, bool]]:
        """Ends of pieces that begin here, how likely each is, and whether it is known."""
        ends = range(at + 1, min(len(text), at + longest) + 1)
        found = [(end, scores[numbers[text[at:end]]], True)
                 for end in ends if text[at:end] in numbers]  # fmt: skip
        alone = bool(found) and found[0][0] == at + 1
        return found if alone else [*found, (at + 1, least, False)]

    return lambda text: [number(piece) for piece in _likeliest(text, partial(known, text))]


def _likeliest(text: str, known: Callable[[int], list[tuple[int, float, bool]]]) -> list[str]:
    """The pieces of a text with the largest sum; unknown ones beside each other are one."""
    best: list[tuple[float, int, bool] | None] = [(0.0, 0, True), *[None] * len(text)]
    for at in range(len(text)):
        here = best[at]
        if here is None:
            continue
        for end, score, told in known(at):
            there = best[end]
            if there is None or here[0] + score > there[0]:
                best[end] = (here[0] + score, at, told)
    pieces: list[tuple[str, bool]] = []
    end = len(text)
    while end > 0:
        step = best[end]
        _, at, told = step if step is not None else (0.0, end - 1, False)
        if pieces and not told and not pieces[-1][1]:
            pieces[-1] = (text[at:end] + pieces[-1][0], False)
        else:
            pieces.append((text[at:end], told))
        end = at
    return [piece for piece, _ in reversed(pieces)]


MODELS: dict[str, Callable[[Mapping[str, Any]], Numbers]] = {
    "BPE": _bpe,
    "WordLevel": _words,
    "WordPiece": _wordpiece,
    "Unigram": _unigram,
}
