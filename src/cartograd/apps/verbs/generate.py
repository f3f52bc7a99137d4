"""Generate: a model continues a text, or answers a prompt."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from cartograd.apps.answers.writer import Begun, Manner
from cartograd.apps.gate.gate import gate_of
from cartograd.apps.load.form import Form, form_of
from cartograd.apps.load.target import Target
from cartograd.apps.load.writing import Writing
from cartograd.apps.results.written import Written
from cartograd.apps.verbs.decoded import decoded
from cartograd.apps.verbs.gated import gated
from cartograd.architectures.decoding.generate import stream as steps
from cartograd.architectures.decoding.speculative import speculative
from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.core.eval_mode import evaluating
from cartograd.core.protocols import TokenSampler
from cartograd.core.spec import Spec
from cartograd.data.text.chat import Messages


@dataclass(frozen=True)
class Options:
    """Options of text generation.

    Attributes:
        length: most new tokens.
        samplers: applied to the logits in this order: specs of kind `token-sampler`, one after
            another or with commas between them. Without a repetition penalty among them, that of
            the published model comes first, if it has one.
        seed: of sampling; None decodes greedily.
        beams: number of beams of a beam search; 1 is no search, None as the model was published.
        draft: a faster model with the same tokenizer, for speculative decoding.
        plain: do not apply the chat template, though the tokenizer may have one.
        precision: of the weights: float32, float16, bf16, int8, int4 (coarser), or auto for the
            quickest of the others here.
        cache: how keys and values are kept while it writes: float32; int8, a quarter of the memory;
            paged, in pages that rows share (prompts of unlike length, several texts of one); or
            paged,int8.
        count: texts of each prompt, which is read once for all; they are drawn.
        window: keep only so many of the last tokens, and `sinks` of the first, so that a text may
            be longer than the model's context, in bounded memory; all are kept if not given.
        sinks: first tokens that are kept beside a window.
        prefill_chunk: most tokens of a prompt that are read at once, for less memory; the whole
            prompt if not given.
        schema: a JSON schema that every text follows, as an object, a text or a file.
        grammar: a grammar that every text follows, in GBNF, as a text or a file.
        pattern: a regular expression that every text is.
        gate: what prompts and answers have to pass: `rules`, a run that classifies texts, a file of
            rules, several of these, or a `Gate`; nothing if not given.
    """

    length: int = 128
    samplers: str | Sequence[Any] = ()
    seed: int | None = None
    beams: int | None = None
    draft: Target | None = None
    plain: bool = False
    precision: str = "float32"
    cache: str = "float32"
    count: int = 1
    window: int | None = None
    sinks: int = 4
    prefill_chunk: int | None = None
    schema: Any = None
    grammar: str | Path | None = None
    pattern: str | None = None
    gate: Any = None


def generate(
    target: Target | Writing, prompts: str | Sequence[Messages], /, **options: Any
) -> list[Written]:
    """Generate a text, or several, for each prompt.

    Args:
        target: a model with a tokenizer, a run, a bundle, a path, or published weights.
        prompts: one or more texts, or conversations of messages with `role` and `content`; a batch
            is faster than one by one.
        **options: `length`, `samplers`, `seed`, `beams`, `draft`, `plain`, `precision`,
            `cache`, `count`, `window`, `sinks`, `prefill_chunk`, `schema`, `grammar`, `pattern`,
            `gate`: see `Options`.

    Raises:
        UsageError: the target writes no text, a prompt is empty or too long, or an option is wrong.
    """
    asked = _asked(options)
    texts = [prompts] if isinstance(prompts, str) else list(prompts)
    if asked.gate is not None:
        gate, own = gate_of(asked.gate), _writing(target, asked)
        writes = partial(generate, own, **options | {"gate": None})
        return gated(gate, texts, writes, count=asked.count)
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

    A beam search knows its answer at the end only: it comes in one piece. With a gate the pieces
    are sentences, each of which has passed it.

    Raises:
        UsageError: as there.
        RefusedError: the gate refuses the prompt, or the sentence that would come next.
    """
    asked = _asked(options)
    if asked.count > 1:
        raise UsageError("a stream is one text; ask `generate` for several")
    if asked.gate is not None:
        gate = gate_of(asked.gate)
        gate.admitted(prompt)
        return gate.guarded(stream(target, prompt, **options | {"gate": None}))
    writing = _writing(target, asked)
    form, stop = _formed(writing, asked)
    row, manner = writing.encoded(prompt, plain=asked.plain), manner_for(writing, asked)
    if manner.beams > 1:
        return iter([generate(writing, prompt, **options)[0].text])
    return decoded(writing, row, _tokens(writing, row, asked, form), stop)


def manner_for(writing: Writing, asked: Options, /) -> Manner:
    """How the model was published to write, but for what the caller says."""
    manner, formed = writing.manner, any(one is not None for one in _forms(asked).values())
    alone = asked.samplers or asked.draft or formed
    if asked.beams is not None or alone or asked.seed is not None:
        manner = replace(manner, beams=asked.beams or 1)
    named = {Spec.parse(one).name.replace("_", "-") for one in _chain(asked)}
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


def _asked(options: dict[str, Any]) -> Options:
    asked = Options(**options)
    beams = 1 if asked.beams is None else asked.beams
    if min(asked.length, beams, asked.count) < 1:
        told = f"length={asked.length}, beams={beams} and count={asked.count}"
        raise UsageError(f"{told} have to be at least 1")
    if beams > 1 and (asked.samplers or asked.seed is not None or asked.draft is not None):
        raise UsageError("a beam search does not sample; give no sampler, seed or draft with it")
    _check_count(asked, beams)
    if asked.window is not None and (beams > 1 or asked.draft is not None):
        raise UsageError("a window lets go of what beams and drafts go back to; leave them out")
    if asked.prefill_chunk is not None and (beams > 1 or asked.draft is not None):
        raise UsageError("prefill_chunk is for one token at a time; give no beams or draft with it")
    said = [key for key, own in _forms(asked).items() if own is not None]
    if said and (beams > 1 or asked.draft is not None):
        raise UsageError(f"{said[0]} is for one text at a time; give no beams or draft with it")
    return asked


def _check_count(asked: Options, beams: int) -> None:
    if asked.count > 1 and (beams > 1 or asked.draft is not None):
        raise UsageError("count is for texts that are drawn; give no beams or draft with it")
    if asked.count > 1 and asked.seed is None:
        raise UsageError(
            f"count={asked.count} texts of the likeliest tokens would be the same; give a seed"
        )


def _forms(asked: Options) -> dict[str, Any]:
    return {"schema": asked.schema, "grammar": asked.grammar, "pattern": asked.pattern}


def _formed(writing: Writing, asked: Options) -> tuple[Form | None, frozenset[int]]:
    """What texts have to be, and the tokens that end them."""
    form = form_of(writing, **_forms(asked))
    return form, writing.stop if form is None else form.stop


def _chain(asked: Options) -> list[Any]:
    """The samplers that the caller gives, one by one."""
    given = [asked.samplers] if isinstance(asked.samplers, str) else asked.samplers
    chains = [Spec.chain(one) if isinstance(one, str) else [one] for one in given]
    return [one for chain in chains for one in chain]


def _samplers(writing: Writing, asked: Options, first: Begun) -> list[TokenSampler]:
    own = [build(one, kind="token-sampler") for one in _chain(asked)]
    return [*manner_for(writing, asked).samplers(first, writing.stop), *own]


def _generator(asked: Options, device: torch.device) -> torch.Generator | None:
    return None if asked.seed is None else torch.Generator(device).manual_seed(asked.seed)


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
