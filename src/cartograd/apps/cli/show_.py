"""One method: its idea, arguments, presets, proofs and source file.

`show schedule SPEC` draws the rates of a run under a schedule, here and (with --out) as a picture;
`show augment SPEC` writes a sheet of training examples before and after an augmentation; `show
neighbours WORD --data RUN` lists the words that are nearest in a run of word2vec.
"""

from pathlib import Path

from cartograd.apps.cli import output
from cartograd.apps.cli.language import Language, chinese
from cartograd.core import concepts, registry, source, vocabulary
from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.core.spec import Spec


def show_(
    name: str,
    spec: str | None = None,
    /,
    *,
    steps: int = 1000,
    epochs: int = 10,
    lr: float = 1.0,
    data: str = "digits",
    out: Path | None = None,
    lang: Language = "auto",
    json: bool = False,
) -> None:
    """One method: its idea, arguments, presets, proofs and source file.

    Args:
        name: a method or a preset, as `cartograd list` shows them; or schedule, augment or
            neighbours.
        spec: of the schedule to draw, like cosine:warmup=0.1 or step:every=3; of the
            augmentation, like flip,crop:padding=2; or a word, or words like "king - man + woman".
        steps: of the run that the schedule is drawn for.
        epochs: that these steps make; or in how many the augmented examples are shown.
        lr: the optimizer's own rate.
        data: what to augment; of neighbours, the run or bundle of vectors of words.
        out: the PNG file to write the schedule to, or the augmented examples (augment.png).
        lang: language of the title and of the map's places; auto follows LANG.
        json: print one object.
    """
    drawn = ("schedule", "augment", "neighbours")
    if name in drawn or spec is not None:
        if name not in drawn or spec is None:
            raise UsageError(
                "`show` takes one method, or: show schedule SPEC, like cosine, or: show augment "
                "SPEC, like flip,crop:padding=2, or: show neighbours WORD --data RUN"
            )
        if name == "schedule":
            _schedule(spec, steps, epochs, lr, out, json)
        elif name == "neighbours":
            _neighbours(spec, data, json)
        else:
            _augment(spec, data, epochs, out or Path("augment.png"), json)
        return
    card, preset = registry.find(name)
    arguments = [_argument(item, preset) for item in source.arguments(card)]
    if json:
        about = {"docstring": source.docstring(card), "source": source.path_of(card)}
        output.emit(card.to_json() | {"arguments": arguments, "preset": preset} | about)
        return
    _head(card, name, preset, zh=chinese(lang))
    print(f"\n{source.docstring(card)}\n")
    output.table(
        ("argument", "type", "default", "meaning"),
        [[item[key] for key in ("name", "type", "default", "means")] for item in arguments],
    )
    if card.presets:
        rows = [(key, str(Spec(card.name, args))) for key, args in card.presets.items()]
        output.table(("preset", "is"), rows)


def _schedule(spec: str, steps: int, epochs: int, lr: float, out: Path | None, json: bool) -> None:
    """The rates of a run under a schedule."""
    from cartograd.engine.schedule import rates

    for key, value in (("steps", steps), ("epochs", epochs), ("lr", lr)):
        vocabulary.check("show", key, value)
    found = rates(spec, steps=steps, epochs=epochs, lr=lr)
    if out is not None:
        from cartograd.apps.cli import pictures

        pictures.line(out, found, f"{spec}, {steps} steps", ("step", "learning rate"))
    if json:
        output.emit({"spec": spec, "steps": steps, "rates": found, "picture": out})
        return
    print(f"{spec}: learning rate over {steps} steps")
    print(output.curve(found))
    if out is not None:
        print(f"picture  {out}")


def _augment(spec: str, data: str, epochs: int, out: Path, json: bool) -> None:
    """Training examples before and after an augmentation."""
    from cartograd.apps.cli import pictures
    from cartograd.apps.verbs.augment import augmented

    vocabulary.check("show", "epochs", epochs)
    before, after, port = augmented(spec, data, examples=pictures.MOST, epochs=epochs)
    pictures.sheet(out, port, before.inputs, [split.inputs for split in after])
    if json:
        found = {"spec": spec, "data": data, "examples": len(before), "epochs": epochs}
        output.emit(found | {"picture": out})
        return
    print(f"{spec}: {len(before)} training examples of {data}, as they are and in {epochs} epochs")
    print(f"picture  {out}")


def _neighbours(question: str, target: str, json: bool) -> None:
    """The nearest words of a trained model."""
    from cartograd.apps.verbs.target import as_signed
    from cartograd.architectures.words.neighbours import neighbours

    found = neighbours(as_signed(target), question)
    if json:
        near = [{"word": word, "cosine": value} for word, value in found]
        output.emit({"question": question, "neighbours": near})
        return
    output.table(("word", "cosine"), [[word, f"{value:.3f}"] for word, value in found])


def _argument(item: source.Argument, preset: dict[str, object]) -> dict[str, object]:
    word = vocabulary.words().get(item.name, {})
    limits = {key: word[key] for key in ("min", "max", "above", "below") if key in word}
    default = repr(preset[item.name]) if item.name in preset else item.default
    return {
        "name": item.name,
        "type": item.annotation,
        "default": "(required)" if default is None else default,
        "means": word.get("means", ""),
        "limits": limits,
    }


def _head(card: Card, name: str, preset: dict[str, object], *, zh: bool) -> None:
    places = {place.id: place for place in concepts.places()}
    print(f"{card.zh if zh else card.title} ({card.kind})")
    lines = {
        "spec": str(Spec(card.name, preset)) if name != card.name else card.name,
        "map": "; ".join(
            places[node].zh if zh else places[node].en for node in card.nodes if node in places
        ),
        "paper": ", ".join(str(part) for part in (card.paper, card.year or "", card.url) if part),
        "needs": f"pip install 'cartograd[{card.needs}]'" if card.needs else "",
        "proofs": ("\n" + " " * 10).join(card.proofs),
        "source": str(source.path_of(card)),
    }
    for key, text in lines.items():
        if text:
            print(f"  {key:<7} {text}")
