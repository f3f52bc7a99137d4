"""Generate: a model continues a text, or answers a prompt."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import torch

from cartograd.apps.answers.writer import Begun, Manner
from cartograd.apps.gate.gate import gate_of
from cartograd.apps.load.form import Form, form_of
from cartograd.apps.load.named import check_sampler
from cartograd.apps.load.target import Target
from cartograd.apps.load.writing import Writing
from cartograd.apps.results.written import Written
from cartograd.apps.verbs.best_of import bests, drawn_by, judge_of
from cartograd.apps.verbs.decoded import decoded
from cartograd.apps.verbs.gated import gated
from cartograd.apps.verbs.generate_options import Options, asked_for, chain, forms
from cartograd.architectures.decoding.continuous import Request, continuous_batching
from cartograd.architectures.decoding.generate import stream as steps
from cartograd.architectures.decoding.speculative import speculative
from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.core.eval_mode import evaluating
from cartograd.core.protocols import TokenSampler
from cartograd.core.spec import Spec
from cartograd.data.text.chat import Messages


def generate(
    target: Target | Writing, prompts: str | Sequence[Messages], /, **options: Any
) -> list[Written]:
    """Generate a text, or several, for each prompt.

    Args:
        target: a model with a tokenizer, a run, a bundle, a path, or published weights.
        prompts: one or more texts, or conversations of messages with `role` and `content`; a batch
            is faster than one by one.
        **options: `length`, `samplers`, `seed`, `beams`, `draft`, `plain`, `precision`,
            `cache`, `count`, `batch_size`, `window`, `sinks`, `prefill_chunk`, `schema`,
            `grammar`, `pattern`, `gate`, `best_of`, `reward`: see
            `Options`.

    Raises:
        UsageError: the target writes no text, a prompt is empty or too long, or an option is wrong.
    """
    asked = asked_for(options)
    texts = [prompts] if isinstance(prompts, str) else list(prompts)
    if asked.gate is not None:
        gate, own = gate_of(asked.gate), _writing(target, asked)
        writes = partial(generate, own, **options | {"gate": None})
        return gated(gate, texts, writes, count=asked.count)
    if (asked.best_of, asked.reward) != (None, None):
        judge, own = judge_of(asked.best_of, asked.reward, asked.count), _writing(target, asked)
        return bests(judge, own, texts, partial(generate, own, **drawn_by(options)))
    writing = _writing(target, asked)
    form, stop = _formed(writing, asked)
    manner = manner_for(writing, asked)
    rows = [writing.encoded(text, plain=asked.plain) for text in texts]
    start = time.perf_counter()
    with evaluating(writing.signed):
        found: list[list[int]] = [[] for _ in rows]
        if manner.beams > 1:
            groups = [rows] if writing.answers else [[row] for row in rows]
            found = [own for group in groups for own in _searched(writing, group, asked, manner)]
        elif asked.draft is not None:
            found = [list(_tokens(writing, row, asked, form)) for row in rows]
        elif asked.batch_size is not None:
            found = _in_turn(writing, rows, asked, asked.batch_size)
        else:  # a stream has no padding
            groups = [rows] if writing.window is None else [[row] for row in rows]
            found = [own for group in groups for own in _written(writing, group, asked, form)]
    seconds = time.perf_counter() - start
    texts = [text for text in texts for _ in range(asked.count)]
    rows = [row for row in rows for _ in range(asked.count)]
    return [
        Written(
            text if isinstance(text, str) else writing.tokenizer.chat(text),
            writing.text([token for token in own if token not in stop], after=writing.before(row)),
            tuple(own),
            len(row),
            bool(own) and own[-1] in stop,
            seconds,
        )
        for text, row, own in zip(texts, rows, found, strict=True)
    ]


def stream(target: Target | Writing, prompt: str, /, **options: Any) -> Iterator[str]:
    """Generate a text piece by piece, as it is written; arguments as of `generate`.

    A beam search, or the best of several, is known at the end only: it comes in one piece. With a
    gate the pieces are sentences, each of which has passed it.

    Raises:
        UsageError: as there.
        RefusedError: the gate refuses the prompt, or the sentence that would come next.
    """
    asked = asked_for(options)
    if asked.count > 1:
        raise UsageError("a stream is one text; ask `generate` for several")
    if asked.gate is not None:
        gate = gate_of(asked.gate)
        gate.admitted(prompt)
        return gate.guarded(stream(target, prompt, **options | {"gate": None}))
    writing = _writing(target, asked)
    form, stop = _formed(writing, asked)
    row, manner = writing.encoded(prompt, plain=asked.plain), manner_for(writing, asked)
    if manner.beams > 1 or (asked.best_of, asked.reward) != (None, None):
        return iter([generate(writing, prompt, **options)[0].text])
    return decoded(writing, row, _tokens(writing, row, asked, form), stop)


def manner_for(writing: Writing, asked: Options, /) -> Manner:
    """How the model was published to write, but for what the caller says."""
    manner, formed = writing.manner, any(one is not None for one in forms(asked).values())
    alone = asked.samplers or asked.draft or formed
    if asked.beams is not None or alone or asked.seed is not None:
        manner = replace(manner, beams=asked.beams or 1)
    named = {Spec.parse(one).name.replace("_", "-") for one in chain(asked)}
    for name, nothing in CHANGED.items():
        manner = replace(manner, **nothing) if name in named else manner
    return replace(manner, ngram=0, first=None, last=None, least=0) if formed else manner


def _writing(target: Target | Writing, asked: Options) -> Writing:
    if isinstance(target, Writing):
        return target
    return Writing(
        target, precision=asked.precision, cache=asked.cache, window=asked.window,
        sinks=asked.sinks,
    )  # fmt: skip


def _formed(writing: Writing, asked: Options) -> tuple[Form | None, frozenset[int]]:
    """What texts have to be, and the tokens that end them."""
    form = form_of(writing, **forms(asked))
    return form, writing.stop if form is None else form.stop


def _samplers(writing: Writing, asked: Options, first: Begun) -> list[TokenSampler]:
    given = chain(asked)
    for one in given:
        check_sampler(one)
    own = [build(one, kind="token-sampler") for one in given]
    return [*manner_for(writing, asked).samplers(first, writing.stop), *own]


def _generator(asked: Options, device: torch.device, number: int = 0, /) -> torch.Generator | None:
    seed = asked.seed
    return None if seed is None else torch.Generator(device).manual_seed(seed + number)


def _together(
    writing: Writing, rows: list[list[int]], asked: Options, form: Form | None
) -> Iterator[list[int | None]]:
    begun = writing.begin(rows, asked.length)
    samplers, stop = _samplers(writing, asked, begun), writing.stop
    if form is not None:
        samplers.insert(0, form.constraint(begun.length, begun.prompt.shape[1]))
        stop = form.stop
    return steps(
        begun.decoder, begun.prompt, begun.starts, _generator(asked, writing.device),
        length=begun.length, samplers=samplers, stop=stop, prefill_chunk=asked.prefill_chunk,
        count=asked.count,
    )  # fmt: skip


def _written(
    writing: Writing, rows: list[list[int]], asked: Options, form: Form | None
) -> list[list[int]]:
    """The tokens of all texts that are written side by side."""
    found = [list[int]() for _ in range(len(rows) * asked.count)]
    for step in _together(writing, rows, asked, form):
        for row, token in zip(found, step, strict=True):
            row.extend([] if token is None else [token])
    return found


def _in_turn(
    writing: Writing, rows: list[list[int]], asked: Options, batch_size: int
) -> list[list[int]]:
    """The tokens of all texts, of which so many are written at once."""
    if "paged" not in writing.cache:
        raise UsageError("batch_size lets texts take turns in pages; give cache=paged with it")
    decoder, device = writing.empty(rows, asked.length), writing.device
    first = Begun(decoder, torch.zeros(0, 0, dtype=torch.int64), None, asked.length)
    requests = [
        Request(row, min(asked.length, writing.room(row)), _generator(asked, device, number))
        for number, row in enumerate(rows)
    ]
    found = [list[int]() for _ in rows]
    for step in continuous_batching(
        decoder, requests, batch_size=batch_size, samplers=_samplers(writing, asked, first),
        stop=writing.stop,
    ):  # fmt: skip
        for new in step:
            found[new.number].append(new.token)
    return found


def _searched(
    writing: Writing, rows: list[list[int]], asked: Options, manner: Manner
) -> list[list[int]]:
    return manner.searched(writing.begin(rows, asked.length), writing.stop)


def _tokens(
    writing: Writing, row: list[int], asked: Options, form: Form | None = None
) -> Iterator[int]:
    if asked.draft is None:
        for step in _together(writing, [row], asked, form):
            if step[0] is not None:
                yield step[0]
        return
    helper = Writing(asked.draft, precision=asked.precision)  # small: its cache stays as it is
    if helper.tokenizer.vocabulary != writing.tokenizer.vocabulary or (
        helper.encoded("a b", plain=True) != writing.encoded("a b", plain=True)
    ):
        raise UsageError(
            f"the draft's tokenizer is another one: {helper.tokenizer.vocabulary} tokens, the "
            f"model's has {writing.tokenizer.vocabulary}"
        )
    begun, other = writing.begin([row], asked.length), helper.begin([row], asked.length)
    pieces = speculative(
        begun.decoder, other.decoder, begun.prompt, _generator(asked, writing.device),
        length=min(begun.length, other.length), samplers=_samplers(writing, asked, begun),
        stop=writing.stop,
    )  # fmt: skip
    for piece in pieces:
        yield from piece


CHANGED = {"repetition-penalty": {"repetition_penalty": 1.0}, "no-repeat-ngram": {"ngram": 0}}
"""The samplers that take the place of published ones, and the manner without these."""
