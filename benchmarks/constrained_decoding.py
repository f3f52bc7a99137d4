"""Writing JSON that follows a schema with SmolLM2-135M, against xgrammar and outlines.

The same published weights in float32, the likeliest token each time, one thread. The peers mask
what transformers writes; ours masks what it writes itself. Beside them both write freely, so that
the masks' own time can be told: that of a token less that of a free one. A text has to be valid by
jsonschema; how it is spaced is each one's own. The automaton of the schema was made before, but for
'a new schema', where all of it counts: from the schema to the end of the text.
"""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.case import Case, Timer, files
from benchmarks.peers import declare_torchvision

LENGTH = 96
QUESTION = "Describe a cat of your own as JSON: its name, age, colour, and what it likes."
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "minLength": 2, "maxLength": 16},
        "age": {"type": "integer", "minimum": 0, "maximum": 20},
        "colour": {"enum": ["black", "white", "ginger", "grey"]},
        "likes": {
            "type": "array", "minItems": 2, "maxItems": 4,
            "items": {"type": "string", "minLength": 2, "maxLength": 12},
        },
    },
    "required": ["name", "age", "colour", "likes"],
    "additionalProperties": False,
}  # fmt: skip


def _prepared(folder: Path) -> None:
    """The published model as a folder of Hugging Face, with its tokenizer."""
    from cartograd.architectures.pretrained.smollm2 import smollm2
    from cartograd.core.build import build

    build("huggingface", kind="exporter")(smollm2(), folder / "model")


Write = Callable[[], tuple[str, int]]
"""Writes a text; it and its number of tokens."""


def _timed(clock: Timer, write: Write, *, free: bool = False, new: bool = False) -> list[float]:
    """A text before that counts warms up and says how many tokens there will be."""
    text, count = write()
    with clock(1 if new else count):
        text, _ = write()
    return [1.0 if free or _valid(text) else 0.0]


def _valid(text: str) -> bool:
    from jsonschema import ValidationError, validate

    try:
        validate(json.loads(text), SCHEMA)
    except (ValueError, ValidationError):
        return False
    return True


def _ours(clock: Timer, *, free: bool = False, new: bool = False) -> list[float]:
    from cartograd.apps.load.writing import Writing
    from cartograd.apps.verbs.generate import generate
    from cartograd.architectures.pretrained.smollm2 import smollm2

    model = smollm2()

    def made() -> Any:
        return Writing(model, precision="float32")

    kept = made()

    def write() -> tuple[str, int]:
        own = {} if free else {"schema": SCHEMA}
        (found,) = generate(made() if new else kept, QUESTION, length=LENGTH, **own)
        return found.text, len(found.tokens)

    return _timed(clock, write, free=free, new=new)


def _peer() -> tuple[Any, Any, Any]:
    """The model, its tokenizer and the prompt's tokens, in transformers."""
    declare_torchvision()
    import torch
    from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

    from cartograd.architectures.pretrained.smollm2 import smollm2

    own = smollm2().tokenizer
    words = PreTrainedTokenizerFast.from_pretrained(files() / "model")
    model = LlamaForCausalLM.from_pretrained(files() / "model", dtype="float32").eval()
    return model, words, torch.tensor([own.encode(own.chat(QUESTION), special=False)])


def _written(model: Any, words: Any, prompt: Any, **own: Any) -> tuple[str, int]:
    import torch

    found = model.generate(
        prompt, attention_mask=torch.ones_like(prompt), do_sample=False, max_new_tokens=LENGTH,
        pad_token_id=2, eos_token_id=2, **own,
    )[0, prompt.shape[1] :]  # fmt: skip
    return words.decode(found, skip_special_tokens=True), len(found)


def _transformers(clock: Timer) -> list[float]:
    model, words, prompt = _peer()
    return _timed(clock, lambda: _written(model, words, prompt), free=True)


def _xgrammar(clock: Timer, *, new: bool = False) -> list[float]:
    model, words, prompt = _peer()
    import xgrammar
    from xgrammar.contrib.hf import LogitsProcessor

    info = xgrammar.TokenizerInfo.from_huggingface(
        words, vocab_size=model.config.vocab_size, stop_token_ids=[2]
    )

    def made() -> Any:
        compiler = xgrammar.GrammarCompiler(info, max_threads=1, cache_enabled=False)
        return compiler.compile_json_schema(json.dumps(SCHEMA))

    kept = made()

    def write() -> tuple[str, int]:
        masks = [LogitsProcessor(made() if new else kept)]
        return _written(model, words, prompt, logits_processor=masks)

    return _timed(clock, write, new=new)


def _outlines(clock: Timer, *, new: bool = False) -> list[float]:
    model, words, prompt = _peer()
    from outlines.backends.outlines_core import OutlinesCoreBackend
    from outlines.models.transformers import Transformers

    backend = OutlinesCoreBackend(Transformers(model, words))

    def made() -> Any:
        return backend.get_json_schema_logits_processor(json.dumps(SCHEMA))

    kept = made()

    def write() -> tuple[str, int]:
        masks = made() if new else kept
        masks.reset()
        return _written(model, words, prompt, logits_processor=[masks])

    return _timed(clock, write, new=new)


CASES = (
    Case(
        name="a token",
        what=f"An object of four fields, at most {LENGTH} tokens; the schema is known.",
        unit="token",
        sides={
            "cartograd": _ours,
            "cartograd, free": partial(_ours, free=True),
            "transformers and xgrammar": _xgrammar,
            "transformers and outlines": _outlines,
            "transformers, free": _transformers,
        },
        torchvision=True,
        prepare=_prepared,
    ),
    Case(
        name="a new schema",
        what="The same text, from a schema that was never seen.",
        unit="text",
        sides={
            "cartograd": partial(_ours, new=True),
            "transformers and xgrammar": partial(_xgrammar, new=True),
            "transformers and outlines": partial(_outlines, new=True),
        },
        torchvision=True,
        prepare=_prepared,
    ),
)
