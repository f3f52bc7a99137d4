"""Let a model write: go on from a prompt, or answer it."""

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from cartograd.apps.cli import output
from cartograd.apps.cli.common import File, Gates, Seed, Source, Target, check_sources
from cartograd.apps.cli.drawing import condition_of, draw, sampler_of
from cartograd.apps.cli.filling import filled
from cartograd.apps.cli.gate_flags import REFUSED, gate_from
from cartograd.apps.cli.names import naming
from cartograd.apps.cli.refused_flags import check_unused
from cartograd.apps.cli.styling import styled
from cartograd.core.errors import UsageError

LENGTH = 128
"""The most new tokens, unless told otherwise."""

TEXTS = "models that write texts"


def generate_(
    target: Target,
    /,
    prompt: Source | None = None,
    *,
    count: Annotated[int | None, Parameter(name=("--count", "--samples"))] = None,
    class_: Annotated[str | None, Parameter(name="--class")] = None,
    guidance: str = "1",
    truncation: float = 1.0,
    inpaint: Path | None = None,
    mask: Path | None = None,
    content: Path | None = None,
    style: Path | None = None,
    style_weight: float | None = None,
    out: File = None,
    length: int = LENGTH,
    sampler: Annotated[tuple[str, ...], naming("sampler of either")] = (),
    temperature: float | None = None,
    top_k: int | None = None,
    top_p: float | None = None,
    repetition_penalty: Annotated[
        float | None, Parameter(name=("--repetition-penalty", "--repetition"))
    ] = None,
    seed: Seed = None,
    beams: int | None = None,
    draft: Annotated[str | None, naming("target")] = None,
    plain: bool = False,
    precision: str = "float32",
    cache: str = "float32",
    window: int | None = None,
    sinks: int | None = None,
    prefill_chunk: int | None = None,
    schema: str | None = None,
    grammar: str | None = None,
    pattern: str | None = None,
    gate: Gates = (),
    gate_report: File = None,
    best_of: int | None = None,
    reward: str | None = None,
    json: bool = False,
) -> int:
    """Let a model write (go on from a prompt, or answer it), or draw examples.

    A model of texts takes a prompt. A generative model of anything else draws `--count` examples
    like those that it learned from, or, where it was told texts, like the prompt says.

    Without a sampler or a seed the likeliest token is taken each time, or what a beam search finds
    where the model was published to write by one.

    Args:
        target: a run or bundle folder, or published weights like smollm2.
        prompt: the text; - reads it from standard input. Of a model that draws what a text says,
            this text.
        count: examples to draw; 16 if left out. Of a prompt, texts that are drawn; 1 if left out.
        class_: the class of all of them, by name or number; they take turns if left out.
        guidance: how much more than a diffusion model would an example is to be of its class, or a
            classifier that pulls it there, like classifier:RUN,scale=3.
        truncation: how much of its own style a stylegan2's example keeps; below 1 they are more
            usual, at 0 all the same.
        inpaint: a picture of the model's size of which a part is to be made up (--count ways; one
            if left out); all else of it stays as it is.
        mask: a picture of that size, white where to make up and black elsewhere.
        content: a picture to make again in the style of another, with what a classifier of such
            pictures (the target) sees in them; both are of its size.
        style: the picture with that style.
        style_weight: how much more the style counts than the content; 30 if left out.
        out: file of the drawn examples: .png (pictures in a grid, points in the plane), .gif (how
            pictures come out of noise, or a walk between them), .html (pictures with their classes
            and the line to repeat it), .wav (sounds), .csv or .npy; samples.png or samples.csv in
            the run if left out.
        length: the most new tokens.
        sampler: of examples, how a diffusion model comes from noise to them, like ddim:steps=50 or
            dpm-solver-pp. Of a text, draw tokens, their scores changed by this first: specs like
            top-p:p=0.9 in their order, with commas between them or a flag each (`cartograd list
            token-sampler`); greedy takes the likeliest after all.
        temperature: a sampler's short form: below 1 more careful, above 1 bolder.
        top_k: a short form: only this many of the likeliest tokens.
        top_p: a short form: only the likeliest tokens that hold this share of the probability.
        repetition_penalty: a short form: factor by which tokens that were there before become less
            likely, like 1.1; it alone draws nothing. That of the published model if left out.
        seed: of the draws; 0 if left out. Of a style: of the noise to begin with; the content if
            left out.
        beams: unfinished answers that a beam search keeps; 1 is no search. Those of the published
            model if left out.
        draft: a quicker model that guesses ahead: a run, a bundle or published weights.
        plain: no chat template, though the model has one.
        precision: of the weights: float32, float16, bf16, int8, int4 (coarser), or auto for the
            quickest of the others here.
        cache: how keys and values are kept while it writes: float32; int8, a quarter of the memory;
            paged, in pages that texts of one prompt share; or paged,int8.
        window: keep only so many of the last tokens, and --sinks of the first, so that a text may
            be longer than the model's context, in bounded memory.
        sinks: first tokens that are kept beside a window; 4 if left out.
        prefill_chunk: most tokens of the prompt that are read at once, for less memory.
        schema: of a text, a JSON schema that it follows: a file, or the schema itself.
        grammar: a grammar (GBNF) that it follows: a file, or the grammar itself.
        pattern: a regular expression that it is.
        gate: what prompt and text have to pass: rules (the package's), a run that classifies texts,
            or a .toml of your own rules; several with a flag each. A text is then printed sentence
            by sentence; the exit code is 1 where something is refused.
        gate_report: a file for what the gate says of each text it looks at, with its score; a line
            of JSON each.
        best_of: draw so many answers, and keep the one with the highest reward.
        reward: what judges them: a rule (length, brevity, words, letter-e), MODULE:FUNCTION of a
            package that --import names, or the run of a reward model.
        json: print one object.
    """
    from cartograd.apps.load.form_rules import rules_of

    rules_of(schema=schema, grammar=grammar, pattern=pattern)  # refused before a model is loaded
    if sinks is not None and window is None:
        raise UsageError("--sinks are kept beside a window; give --window, such as --window 512")
    from cartograd.apps.load.target import as_signed

    others = (prompt, sampler, guidance, truncation, temperature)
    of_texts = {
        "--length": (length, LENGTH), "--top-k": (top_k, None), "--top-p": (top_p, None),
        "--repetition-penalty": (repetition_penalty, None), "--beams": (beams, None),
        "--draft": (draft, None), "--plain": (plain, False), "--precision": (precision, "float32"),
        "--cache": (cache, "float32"), "--window": (window, None), "--sinks": (sinks, None),
        "--prefill-chunk": (prefill_chunk, None), "--schema": (schema, None),
        "--grammar": (grammar, None), "--pattern": (pattern, None), "--gate": (gate, ()),
        "--best-of": (best_of, None), "--reward": (reward, None),
    }  # fmt: skip
    styling = any(one is not None for one in (content, style, style_weight))
    if styling or inpaint is not None or mask is not None:
        check_unused(of_texts, TEXTS)
    if styling:
        return styled(
            target, content, style, out, others=others, unused=(count, class_, inpaint, mask),
            style_weight=style_weight, seed=seed, json=json,
        )  # fmt: skip
    if inpaint is not None or mask is not None:
        return filled(
            target, inpaint, mask, out, count=count, condition=class_, seed=seed or 0,
            others=others, json=json,
        )  # fmt: skip
    if prompt is not None:
        check_sources(
            [prompt], ("--length", "--sampler", "--temperature", "--seed", "--json", "--help")
        )
    guard, text = gate_from(gate, gate_report), sys.stdin.read() if prompt == "-" else prompt
    model = as_signed(target)
    if text is None or model.signature.draws:
        if not model.signature.task.generated:
            check_unused(of_texts, TEXTS)
        asked = {"condition": condition_of(model, text, class_, guidance), "guidance": guidance}
        asked |= {"sampler": sampler_of(sampler), "truncation": truncation}
        asked |= {"temperature": 1.0 if temperature is None else temperature, "seed": seed or 0}
        return draw(target, model, 16 if count is None else count, out, json, **asked)
    of_examples = {
        "--class": (class_, None), "--guidance": (guidance, "1"),
        "--truncation": (truncation, 1.0), "--out": (out, None),
    }  # fmt: skip
    if model.signature.task.generated:  # what does neither is refused by its task
        check_unused(of_examples, "models that draw examples")
    chain = [*_short(repetition_penalty, temperature, top_k, top_p), *sampler]
    several = count is not None and count > 1 and not beams
    if seed is None and len(chain) == 1 and repetition_penalty is not None and not several:
        chain.append("greedy")  # the penalty alone draws nothing
    return _written(
        model, text, json, length=length, samplers=chain, beams=beams, draft=draft, plain=plain,
        precision=precision, cache=cache, count=1 if count is None else count,
        seed=0 if (chain or several) and seed is None else seed, best_of=best_of, reward=reward,
        window=window, sinks=4 if sinks is None else sinks, prefill_chunk=prefill_chunk,
        schema=schema, grammar=grammar, pattern=pattern, gate=guard,
    )  # fmt: skip


def _written(model: Any, text: str, json: bool, /, **options: Any) -> int:
    """Write on from a text, or answer it.

    Raises:
        UsageError: the text is empty.
    """
    from cartograd.apps.answers.writer import Manner
    from cartograd.apps.gate.verdict import RefusedError
    from cartograd.apps.load.writing import Writing
    from cartograd.apps.verbs.generate import generate, stream

    if not text.strip():
        raise UsageError("the prompt is empty; expected a text to go on from")
    own = ("precision", "cache", "window", "sinks")
    writing = Writing(model, **{key: options[key] for key in own})
    if writing.manner != Manner():
        told = ", ".join(f"{key}={value}" for key, value in writing.tokenizer.manner.items())
        output.note(f"written as published, where no option says otherwise: {told}")
    if json or options["count"] != 1:
        return _whole(generate(writing, text, **options), json)
    try:
        for piece in stream(writing, text, **options):
            print(piece, end="", flush=True)
    except RefusedError as error:
        print()
        output.note(error.verdict.line())
        return REFUSED
    print()
    return 0


def _whole(written: list[Any], json: bool, /) -> int:
    """Texts that are there as a whole: one object, or each after a line with its number."""
    speed = sum(len(one.tokens) for one in written) / max(written[0].seconds, 1e-9)
    refused = [one.refused for one in written if one.refused is not None]
    told = [
        asdict(one) | {"refused": None if one.refused is None else one.refused.to_json()}
        for one in written
    ]
    if not json:
        for number, one in enumerate(written, 1):
            print(f"--- {number} of {len(written)}\n{one.text}")
        output.notes(one.line() for one in refused)
    elif len(written) == 1:
        output.emit(told[0] | {"tokens_per_second": speed})
    else:
        output.emit({"texts": told, "tokens_per_second": speed})
    return REFUSED if refused else 0


def _short(
    penalty: float | None, temperature: float | None, top_k: int | None, top_p: float | None
) -> list[str]:
    """The samplers that short forms stand for."""
    said = (
        ("repetition-penalty:repetition_penalty", penalty),
        ("temperature:temperature", temperature),
        ("top-k:k", top_k),
        ("top-p:p", top_p),
    )
    return [f"{name}={value}" for name, value in said if value is not None]
