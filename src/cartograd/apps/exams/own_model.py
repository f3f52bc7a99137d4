"""A language model of ours in an exam: likelihoods from one reading of a prompt, and answers.

The tokens of a continuation are those that prompt and continuation have beyond the prompt's alone,
as lm-evaluation-harness splits them. A prompt is read once for all its continuations.

    log p(c | p) = sum_i log softmax(logits(p, c_1 ... c_i-1))[c_i]

Of an encoder-decoder the prompt is the source, and the continuation what is written, each with
tokens of its own; the space between the two goes with the continuation.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from cartograd.apps.exams.exam import Writes
from cartograd.apps.exams.examinee import Asked, Likelihood, cut
from cartograd.apps.load.target import Target, name_of
from cartograd.apps.load.writing import Writing
from cartograd.architectures.decoding.generate import stream
from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.core.eval_mode import evaluating
from cartograd.core.spec import Spec
from cartograd.data.text.tokens import alike

TOKENS = 8192
"""Tokens of prompts and answers that are in work at once, filled up as they are."""

CONTEXT = 2048
"""Tokens of a model whose context nobody says."""


class OwnModel:
    """A model with its tokenizer.

    Args:
        target: a model with a signature, a run, a bundle, a path, or published weights.
        chat: put prompts into the tokenizer's template of a chat.
        name: what to call it, if not by its own name.

    Raises:
        UsageError: it writes no texts, or has no template of a chat.
    """

    def __init__(self, target: Target | Writing, /, *, chat: bool = False, name: str = ""):
        self.writing = target if isinstance(target, Writing) else Writing(target)
        self.name = name or name_of(self.writing.signed)
        self.chat, self.cut = chat, 0
        if chat and not self.writing.tokenizer.template:
            raise UsageError(f"{self.name} has no template of a chat; leave --chat out")
        self.context = self.writing.context or CONTEXT

    @property
    def notes(self) -> list[str]:
        """How many prompts were longer than the context, of those that were asked last."""
        if not self.cut:
            return []
        return [f"{self.cut} prompts of {self.name} were cut on the left to {self.context} tokens"]

    def likelihoods(self, pairs: Sequence[tuple[str, Sequence[str]]], /) -> list[list[Likelihood]]:
        """Of each text how likely each of its continuations is.

        Raises:
            UsageError: a continuation has no tokens, or more than the context.
        """
        self.cut = 0
        with evaluating(self.writing.signed), torch.inference_mode():
            return [self._of_prompt(prompt, endings) for prompt, endings in pairs]

    def _of_prompt(self, prompt: str, endings: Sequence[str]) -> list[Likelihood]:
        found: list[Likelihood | None] = [None] * len(endings)
        rows = [self._split(prompt, ending) for ending in endings]
        for number, (before, after) in enumerate(rows):
            over = len(before) - self.context
            over += 0 if self.writing.answers else len(after) - 1
            if not after or len(after) > self.context:
                raise UsageError(
                    f"the continuation {endings[number][:60]!r} has {len(after)} tokens; expected "
                    f"1 to {self.context}"
                )
            self.cut += over > 0
            rows[number] = (before[max(0, over) :], after)
        for same in {tuple(before): None for before, _ in rows}:
            places = [place for place, (before, _) in enumerate(rows) if tuple(before) == same]
            told = self._scored(list(same), [rows[place][1] for place in places])
            for place, one in zip(places, told, strict=True):
                found[place] = one
        return [one for one in found if one is not None]

    def _scored(self, before: list[int], endings: list[list[int]]) -> list[Likelihood]:
        """The likelihood of each row of tokens after one of a prompt."""
        longest = max(map(len, endings))
        device = self.writing.device
        if self.writing.answers:
            begun = self.writing.begin([before], longest)
            decoder, unread = begun.decoder, begun.prompt
        else:
            decoder = self.writing.model.decoder(1, len(before) + longest - 1)
            unread = torch.tensor([before], device=device)
        first = decoder.read(unread, last=True)
        logits = first[:, -1:].expand(len(endings), -1, -1)
        if longest > 1:
            decoder.reorder(torch.zeros(len(endings), dtype=torch.long, device=device))
            rows = [row[:-1] + [0] * (longest - len(row)) for row in endings]
            logits = torch.cat([logits, decoder.read(torch.tensor(rows, device=device))], 1)
        return [_likelihood(one[: len(row)], row) for one, row in zip(logits, endings, strict=True)]

    def _split(self, prompt: str, ending: str) -> tuple[list[int], list[int]]:
        """The tokens of a prompt, and those of its continuation."""
        tokenizer = self.writing.tokenizer
        if self.chat:
            before = tokenizer.chat_numbers(prompt)
            return before, tokenizer.encode(ending, special=False)
        if not prompt and not self.writing.answers:
            after = tokenizer.encode(ending, special=False)
            start = self._start()
            return ([start], after) if after[:1] != [start] else (after[:1], after[1:])
        spaces = len(prompt) - len(prompt.rstrip())
        if spaces:
            prompt, ending = prompt[:-spaces], prompt[-spaces:] + ending
        if self.writing.answers:
            source = self._encoded(prompt) or [self._start()]
            return source, tokenizer.encode(ending, special=False)
        before, both = self._encoded(prompt), self._encoded(prompt + ending)
        return before, both[len(before) :]

    def _encoded(self, text: str) -> list[int]:
        return self.writing.tokenizer.encode(text)

    def _start(self) -> int:
        """The token that stands before a text."""
        tokenizer = self.writing.tokenizer
        start = tokenizer.end if tokenizer.begin is None else tokenizer.begin
        return 0 if start is None else start

    def whole(self, texts: Sequence[str], /) -> list[float]:
        """The natural logarithm of the probability of whole texts.

        Texts beyond the context are read in windows, each of which counts what no other has.

        Raises:
            UsageError: the model answers sources, so a text alone has no probability.
        """
        if self.writing.answers:
            raise UsageError(
                f"{self.name} answers a source, so whole texts have no probability; take exams of "
                "choices or of answers"
            )
        with evaluating(self.writing.signed), torch.inference_mode():
            return [
                sum(self._last(window, scored) for window, scored in self._windows(text))
                for text in texts
            ]

    def _windows(self, text: str) -> Iterator[tuple[list[int], int]]:
        """Rows of tokens, and how many at the end of each are counted."""
        tokens = [self._start(), *self._encoded(text)]
        whole, most = len(tokens) - 1, self.context
        for done in range(0, whole, most):
            end = min(done + most, whole)
            yield tokens[max(0, end - most) : end + 1], end - done

    def _last(self, tokens: list[int], scored: int) -> float:
        row = torch.tensor([tokens[:-1]], device=self.writing.device)
        logits = self.writing.model.decoder(1, len(tokens) - 1).read(row)[0]
        return _likelihood(logits[-scored:], tokens[-scored:]).log

    def written(self, asked: Sequence[Asked], how: Writes, /) -> list[str]:
        """What it writes after each prompt, up to what ends it.

        Raises:
            UsageError: the context has no room for an answer of that length.
        """
        room = self.context - (0 if self.writing.answers else how.length)
        if room < 1:
            raise UsageError(
                f"max_gen_toks={how.length} leaves no room for a prompt in the context of "
                f"{self.name}, which is {self.context}; ask for fewer"
            )
        self.cut = 0
        rows = [self._prompt(one.prompt, room) for one in asked]
        found, sizes = [""] * len(rows), [len(row) + how.length for row in rows]
        with evaluating(self.writing.signed):
            for places in alike(sizes, tokens=TOKENS):
                seeds = [asked[place].seed for place in places]
                told = self._answers([rows[place] for place in places], seeds, how)
                for place, text in zip(places, told, strict=True):
                    found[place] = text
        return found

    def _prompt(self, text: str, room: int) -> list[int]:
        writing = self.writing
        row = writing.tokenizer.chat_numbers(text) if self.chat else self._encoded(text)
        row = row or [self._start()]
        self.cut += len(row) > room
        return row[-room:]

    def _answers(self, rows: list[list[int]], seeds: list[int], how: Writes) -> list[str]:
        writing, device = self.writing, self.writing.device
        begun = writing.begin(rows, how.length)
        draws: Any = None
        if how.temperature > 0:
            draws = [torch.Generator(device).manual_seed(seed) for seed in seeds]
        steps = stream(
            begun.decoder, begun.prompt, begun.starts, draws,
            length=begun.length, samplers=_samplers(how), stop=writing.stop,
        )  # fmt: skip
        tokens: list[list[int]] = [[] for _ in rows]
        texts, over = [""] * len(rows), [False] * len(rows)
        for step in steps:
            for place, token in enumerate(step):
                if token is None or token in writing.stop or over[place]:
                    over[place] = True
                    continue
                tokens[place].append(token)
                texts[place] = writing.tokenizer.decode(tokens[place])
                over[place] = any(end in texts[place] for end in how.until)
            if all(over):
                break
        return [cut(text, how.until) for text in texts]


def _samplers(how: Writes) -> list[Any]:
    if how.temperature == 0:
        return []
    said = [("temperature", "temperature", how.temperature)]
    said += [("top-k", "k", how.top_k)] if how.top_k is not None else []
    said += [("top-p", "p", how.top_p)] if how.top_p is not None else []
    return [build(Spec(name, {key: value}), kind="token-sampler") for name, key, value in said]


def _likelihood(logits: Tensor, tokens: Sequence[int]) -> Likelihood:
    row = torch.tensor(tokens, device=logits.device)
    logs = logits.float().log_softmax(1).gather(1, row[:, None])
    return Likelihood(float(logs.sum()), bool((logits.argmax(1) == row).all()))
