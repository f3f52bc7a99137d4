"""Draw examples from a generative model: to a picture, a film, a page or a file of numbers."""

import shlex
from pathlib import Path
from typing import Any

from cartograd.apps.cli import output
from cartograd.apps.cli.common import words
from cartograd.apps.cli.following import of_model
from cartograd.core.errors import UsageError


def sampler_of(samplers: tuple[str, ...]) -> str | None:
    """The sampler of a diffusion model.

    Raises:
        UsageError: there are several.
    """
    if len(samplers) > 1:
        raise UsageError(f"examples are drawn by one sampler; {len(samplers)} were given")
    return samplers[0] if samplers else None


def condition_of(model: Any, text: str | None, class_: str | None, guidance: str) -> str | None:
    """What examples are to be: a text, or the name of a class.

    Raises:
        UsageError: the model is told by the other one, or is guided to a text that is not given.
    """
    from cartograd.data.dataset.own_targets import prompt_of

    reads = prompt_of(model.signature) is not None
    if text is not None and not reads:
        raise UsageError(
            "this model draws examples and reads no texts; leave out the prompt (--class names a "
            "class)"
        )
    if class_ is not None and reads:
        raise UsageError('this model is told by texts; give --prompt "..." in the place of --class')
    if reads and text is not None and not text.strip():
        raise UsageError(
            "the prompt is empty; say what the examples are to be, or leave it out to draw any"
        )
    if reads and text is None:
        if guidance != "1":
            raise UsageError(f'guidance={guidance} is towards a text; give --prompt "..."')
        output.note("no prompt was given: anything that was learned is drawn")
    return text if reads else class_


def draw(target: str, model: Any, count: int, out: Path | None, json: bool, /, **asked: Any) -> int:
    """Draw examples, and write them to a file."""
    from cartograd.apps.report.samples import check_kind, write_samples
    from cartograd.apps.verbs.conditions import columns_of
    from cartograd.apps.verbs.sample import sample

    if model.signature.task.generated:
        raise UsageError(f"{target} writes texts; give a prompt: cartograd generate {target} TEXT")
    port = model.signature.example
    picture = port.kind == "image" or (port.kind == "vector" and port.size == 2)
    name = "samples.png" if picture else "samples.csv"
    path = out or (Path(target) if Path(target).is_dir() else Path()) / name
    check_kind(path, port)
    if path.suffix.lower() == ".gif":
        return _filmed(model, count, path, json, **asked)
    examples = sample(model, count, **asked)
    if path.suffix.lower() == ".html":
        written = _paged(model, examples, path, **asked)
    else:
        across = columns_of(model, asked["condition"], count)
        written = write_samples(path, port, examples, across=across)
    if json:
        output.emit({"written": written, "examples": count, "dims": port.dims} | asked)
        return 0
    examples = f"{count} of {' x '.join(map(str, port.dims))}, seed {asked['seed']}"
    after = of_model("evaluate", target)
    output.lines([("written", str(written)), ("examples", examples), *after])
    return 0


def _paged(model: Any, drawn: Any, path: Path, **asked: Any) -> Path:
    """Write a page of drawn pictures, and how they were drawn."""
    from cartograd.apps.load.target import name_of
    from cartograd.apps.report.drawn_page import drawn_page
    from cartograd.apps.verbs.conditions import classes_of

    numbers = classes_of(model, asked["condition"], len(drawn))
    labels = [] if numbers is None else model.signature.condition.labels
    classes = [] if numbers is None else [labels[number] for number in numbers.tolist()]
    usual = {"condition": "all in turn" if classes else "none", "sampler": "the model's own"}
    told = {key: str(usual.get(key, value) if value is None else value) for key, value in
            asked.items()}  # fmt: skip
    told["again"] = f"cartograd {shlex.join(words)}"
    port = model.signature.example
    return drawn_page(path, port, drawn, name=name_of(model), classes=classes, told=told)


def _filmed(model: Any, count: int, path: Path, json: bool, /, **asked: Any) -> int:
    """Write a film of how examples come to be.

    Raises:
        UsageError: a sampler was named; a film is of DDIM's steps.
    """
    from cartograd.apps.report.samples import write_film
    from cartograd.apps.verbs.frames import frames

    others = [asked.pop(name) for name in ("sampler", "temperature", "truncation")]
    if others != [None, 1, 1]:
        raise UsageError(
            "a film is of DDIM's steps, or of a walk; leave out --sampler, --temperature, "
            "--truncation"
        )
    shown = frames(model, count, **asked)
    written = write_film(path, model.signature.example, shown)
    if json:
        output.emit({"written": written, "examples": count, "frames": len(shown)} | asked)
        return 0
    film = f"{len(shown)} frames of {count} examples, seed {asked['seed']}"
    output.lines([("written", str(written)), ("film", film)])
    return 0
