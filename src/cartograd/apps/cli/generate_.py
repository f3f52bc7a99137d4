"""Let a model write: go on from a prompt, or answer it."""

import sys
from dataclasses import asdict
from typing import Annotated, Any

from cyclopts import Parameter

from cartograd.apps.cli import output
from cartograd.apps.cli.common import Source, check_sources
from cartograd.core.errors import UsageError


def generate_(
    target: str,
    prompt: Source,
    /,
    *,
    length: int = 128,
    sampler: tuple[str, ...] = (),
    temperature: float | None = None,
    top_k: int | None = None,
    top_p: float | None = None,
    repetition_penalty: Annotated[
        float | None, Parameter(name=("--repetition-penalty", "--repetition"))
    ] = None,
    seed: int | None = None,
    beams: int | None = None,
    draft: str | None = None,
    plain: bool = False,
    precision: str = "float32",
    json: bool = False,
) -> int:
    """Let a model write: go on from a prompt, or answer it.

    Without a sampler or a seed the likeliest token is taken each time, or what a beam search finds
    where the model was published to write by one.

    Args:
        target: a run or bundle folder, or published weights like smollm2.
        prompt: the text; - reads it from standard input.
        length: the most new tokens.
        sampler: draw tokens, their scores changed by this first: specs like top-p:p=0.9 in
            their order, with commas between them or a flag each (`cartograd list token-sampler`);
            greedy takes the likeliest after all.
        temperature: a sampler's short form: below 1 more careful, above 1 bolder.
        top_k: a short form: only this many of the likeliest tokens.
        top_p: a short form: only the likeliest tokens that hold this share of the probability.
        repetition_penalty: a short form: factor by which tokens that were there before become less
            likely, like 1.1; it alone draws nothing. That of the published model if left out.
        seed: of the draws; 0 if left out.
        beams: unfinished answers that a beam search keeps; 1 is no search. Those of the published
            model if left out.
        draft: a quicker model that guesses ahead: a run, a bundle or published weights.
        plain: no chat template, though the model has one.
        precision: of the weights: float32, float16, bf16, int8, or auto for the quickest here.
        json: print one object.
    """
    from cartograd.apps.answers.writer import Manner
    from cartograd.apps.load.writing import Writing
    from cartograd.apps.verbs.generate import generate, stream

    check_sources(
        [prompt], ("--length", "--sampler", "--temperature", "--seed", "--json", "--help")
    )
    text = sys.stdin.read() if prompt == "-" else prompt
    short = (
        ("repetition-penalty", "repetition_penalty", repetition_penalty),
        ("temperature", "temperature", temperature),
        ("top-k", "k", top_k),
        ("top-p", "p", top_p),
    )
    chain = [f"{name}:{word}={value}" for name, word, value in short if value is not None]
    chain += sampler
    if seed is None and len(chain) == 1 and repetition_penalty is not None:
        chain.append("greedy")  # the penalty alone draws nothing
    options: dict[str, Any] = {
        "length": length,
        "samplers": chain,
        "seed": 0 if chain and seed is None else seed,
        "beams": beams,
        "draft": draft,
        "plain": plain,
        "precision": precision,
    }
    if not text.strip():
        raise UsageError("the prompt is empty; expected a text to go on from")
    writing = Writing(target, precision=precision)
    if writing.manner != Manner():
        told = ", ".join(f"{key}={value}" for key, value in writing.tokenizer.manner.items())
        output.note(f"written as published, where no option says otherwise: {told}")
    if json:
        written = generate(writing, text, **options)[0]
        speed = len(written.tokens) / max(written.seconds, 1e-9)
        output.emit(asdict(written) | {"tokens_per_second": speed})
        return 0
    for piece in stream(writing, text, **options):
        print(piece, end="", flush=True)
    print()
    return 0
