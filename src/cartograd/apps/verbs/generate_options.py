"""The options of text generation, and which of them go together."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cartograd.apps.load.target import Target
from cartograd.core.errors import UsageError
from cartograd.core.spec import Spec
from cartograd.frontier.alignment.rewards import Reward


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
        batch_size: texts that are written at once, where the cache is paged: as soon as one has
            ended, the next prompt is read; all at once if not given. Of a seed, each text has
            draws of its own then, so that it does not depend on the others.
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
        best_of: draw so many answers to each prompt, and keep the one with the highest reward.
        reward: what judges them: a rule (length, brevity, words, letter-e), `module:function`, a
            function, or the folder of a reward model.
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
    batch_size: int | None = None
    window: int | None = None
    sinks: int = 4
    prefill_chunk: int | None = None
    schema: Any = None
    grammar: str | Path | None = None
    pattern: str | None = None
    gate: Any = None
    best_of: int | None = None
    reward: str | Reward | None = None


def asked_for(options: dict[str, Any], /) -> Options:
    """The options, as they can be together.

    Raises:
        UsageError: a number is out of range, or two of them exclude each other.
    """
    asked = Options(**options)
    beams = 1 if asked.beams is None else asked.beams
    if min(asked.length, beams, asked.count) < 1:
        told = f"length={asked.length}, beams={beams} and count={asked.count}"
        raise UsageError(f"{told} have to be at least 1")
    if beams > 1 and (asked.samplers or asked.seed is not None or asked.draft is not None):
        raise UsageError("a beam search does not sample; give no sampler, seed or draft with it")
    _check_count(asked, beams)
    _check_turns(asked, beams)
    if asked.window is not None and (beams > 1 or asked.draft is not None):
        raise UsageError("a window lets go of what beams and drafts go back to; leave them out")
    if asked.prefill_chunk is not None and (beams > 1 or asked.draft is not None):
        raise UsageError("prefill_chunk is for one token at a time; give no beams or draft with it")
    said = [key for key, own in forms(asked).items() if own is not None]
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


def _check_turns(asked: Options, beams: int) -> None:
    if asked.batch_size is None:
        return
    if asked.batch_size < 1:
        raise UsageError(f"batch_size={asked.batch_size} is out of range; expected at least 1")
    others = {
        "beams": beams > 1, "draft": asked.draft, "window": asked.window,
        "prefill_chunk": asked.prefill_chunk, "count": asked.count > 1, **forms(asked),
    }  # fmt: skip
    said = [key for key, own in others.items() if own]
    if said:
        raise UsageError(f"batch_size is for texts one by one; give no {said[0]} with it")


def forms(asked: Options, /) -> dict[str, Any]:
    """What texts have to be, by name."""
    return {"schema": asked.schema, "grammar": asked.grammar, "pattern": asked.pattern}


def chain(asked: Options, /) -> list[Any]:
    """The samplers that the caller gives, one by one."""
    given = [asked.samplers] if isinstance(asked.samplers, str) else asked.samplers
    chains = [Spec.chain(one) if isinstance(one, str) else [one] for one in given]
    return [one for chain in chains for one in chain]
