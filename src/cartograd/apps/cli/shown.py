"""What `show` tells besides methods: places of the map, augmented examples, neighbours, samples."""

from pathlib import Path

from cartograd.apps.cli import output
from cartograd.core import concepts, vocabulary
from cartograd.core.errors import UsageError
from cartograd.core.sought import several, sought

PLACE = "place"
"""The kind of a name that is no method's: a place of the map, or a section."""


def called(name: str, kind: str | None, /) -> tuple[str | None, str]:
    """What goes by a name that no card has as it is: the kind and name of a method, or a place.

    Args:
        name: whatever it is called.
        kind: the kind of method that is meant, if it was said.

    Raises:
        UsageError: several things go by it.
    """
    found = sought(name)
    cards = [(card, own) for card, own in found.cards if kind in (None, card.kind)]
    if len(cards) == 1:
        return cards[0][0].kind, cards[0][1]
    if kind is None and (found.section or len(found.places) == 1):
        return PLACE, found.section or found.places[0].id
    if found and kind is None:
        raise several(name, found)
    return kind, name  # whoever looks for the card says what is near


def place(name: str, /, *, zh: bool, json: bool) -> None:
    """A place or a section of the map."""
    from cartograd.apps.cli import places

    if name in concepts.sections():
        page = places.page(name)
        output.emit(page) if json else places.show_page(page, zh=zh)
        return
    (one,) = places.told(*(place for place in concepts.places() if place.id == name))
    output.emit(one) if json else places.show(one, zh=zh)


def augment(spec: str, data: str, epochs: int, out: Path, json: bool, /) -> None:
    """Training examples before and after an augmentation."""
    from cartograd.apps.verbs.augment import augmented

    vocabulary.check("show", "epochs", epochs)
    found = augmented(spec, data, epochs=epochs)
    found.draw(out)
    if json:
        output.emit({"spec": spec, "data": data} | found.to_json() | {"picture": out})
        return
    count = len(found.before)
    shown = f"{count} training examples of {data}, as they are and in {epochs} epochs"
    output.say(f"{spec}: {shown}")
    output.say(f"picture  {out}")


def neighbours(question: str, target: str, json: bool, /) -> None:
    """The nearest words of a trained model."""
    from cartograd.apps.verbs.neighbours import neighbours

    found = neighbours(target, question)
    if json:
        near = [{"word": word, "cosine": value} for word, value in found]
        output.emit({"question": question, "neighbours": near})
        return
    output.table(("word", "cosine"), [[word, f"{value:.3f}"] for word, value in found])


def generate(target: str, out: Path | None, json: bool, /) -> None:
    """Sheets and films of what a generative model has learned."""
    from cartograd.apps.load.target import as_signed
    from cartograd.apps.report.samples import KINDS, write_sheet
    from cartograd.apps.verbs.sheets import Sheet, sheets

    if out is not None and out.suffix.lower() in KINDS:
        raise UsageError(f"{out} would hold several pictures; name a folder, such as {out.stem}")
    model, place = as_signed(target), Path(target)
    folder = out or (place / "shown" if place.is_dir() else Path("shown"))
    port, found = model.signature.example, sheets(model)
    written = {
        name: write_sheet(folder / name, port, one.x, film=one.film)
        for name, one in found.items()
        if isinstance(one, Sheet)
    }
    told = {name: one.means if isinstance(one, Sheet) else one for name, one in found.items()}
    if json:
        cannot = {name: why for name, why in told.items() if name not in written}
        output.emit({"target": target, "shown": written, "cannot": cannot})
        return
    rows = [
        (name, "  ".join(map(str, written.get(name, ("cannot",)))), said)
        for name, said in told.items()
    ]
    output.table(("what", "files", "shows, or why not"), rows)
