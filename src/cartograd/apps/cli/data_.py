"""The data sources, a look at data, and the packages that some of them are fetched from."""

from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App

from cartograd.apps.answers import units
from cartograd.apps.cli import common, output
from cartograd.apps.cli.common import File
from cartograd.apps.cli.following import following, of_data
from cartograd.apps.cli.names import naming
from cartograd.core import registry
from cartograd.core.language import chinese

if TYPE_CHECKING:
    from cartograd.data.store.packages import Item

data_ = App(name="data")


@data_.command(name="list")
def list_(*, json: bool = False) -> None:
    """The data sources, and the packages that can be fetched.

    Args:
        json: print one object with `sources` and `packages`.
    """
    from cartograd.data.store import packages

    sources = [card for card in registry.cards().values() if card.kind == "data"]
    items = packages.available()
    if json:
        shown = [{key: getattr(card, key) for key in ("name", "title", "zh")} for card in sources]
        output.emit({"sources": shown, "packages": [_plain(item) for item in items]})
        return
    zh = chinese()
    output.table(
        ("source", "what it is"), [(card.name, card.zh if zh else card.title) for card in sources]
    )
    output.table(
        ("package", "what it is", "size", "here"),
        [
            (x.name, x.zh if zh else x.title, units.size(x.size), "yes" if x.path else "no")
            for x in items
        ],
        right=("size",),
    )
    output.lines(following("data", "check", "digits"))


@data_.command
def check(
    data: Annotated[str, naming("data")],
    /,
    *,
    target: str | None = None,
    seconds: float = 60.0,
    strict: bool = False,
    out: File = None,
    json: bool = False,
) -> int:
    """Look at data before anything is learned from them: what they are, what is the matter.

    Class counts, sizes, broken files, copies and near copies, examples that stand in two parts,
    columns that give the answer alone, spikes such as -999, ids, drift between the parts, labels in
    doubt; each with what to do. Exits with 2 where a training would stop.

    Args:
        data: a source, like digits or csv:FILE,target=COLUMN; or a path: a folder of pictures,
            sounds or texts, a table, a text.
        target: the column of a table to predict, or columns of 0 and 1 with commas between them.
        seconds: time after which no further look begins.
        strict: exit with 1 where there are warnings.
        out: the HTML page to write; by default none.
        json: print one object.
    """
    from cartograd.apps.check.check import data_check

    output.check_page(out)
    card = data_check(common.with_target(data, target), seconds=seconds)
    if out is not None:
        card.draw(out)
    if json:
        output.emit(card.to_json() | {"page": out})
        return card.code(strict=strict)
    for line in card.decided:
        output.note(f"{card.source}: {line}")
    output.lines(card.lines())
    if card.findings:
        output.table(("", "what", "count", "found", "what to do"), card.rows(), right=("count",))
    lines = [("verdict", card.verdict)]
    lines += [("left out", f"{name}: {reason}") for name, reason in card.skipped.items()]
    lines += [("page", str(out))] if out is not None else []
    output.lines([*lines, *of_data(data, target, card)])
    return card.code(strict=strict)


@data_.command
def get(name: str, /, *, json: bool = False) -> int:
    """Fetch a package into the cache, checked by its sha256.

    Where it cannot be had the reason is printed and the exit code is 0: nothing depends on it.

    Args:
        name: as `cartograd data list` shows it.
        json: print one object.
    """
    from cartograd.data.store import packages

    item = packages.get(name)
    if json:
        output.emit(_plain(item))
    elif item.path is None:
        output.say(f"{name}: skipped, {item.reason}")
    else:
        output.say(f"{name}: {item.path}")
        output.lines(following("data", "show", name))
    return 0


@data_.command
def show(name: str, /, *, json: bool = False) -> None:
    """What a package holds, where it is from, and whether it is here.

    Args:
        name: as `cartograd data list` shows it.
        json: print one object.
    """
    from cartograd.data.store import packages

    item = packages.show(name)
    if json:
        output.emit(_plain(item))
        return
    output.lines(
        [
            ("what", item.zh if chinese() else item.title),
            ("package", item.package),
            ("size", units.size(item.size)),
            ("licence", item.licence),
            ("source", item.source),
            ("here", str(item.path or "no")),
            *(following("data", "list") if item.path else following("data", "get", name)),
        ]
    )


def _plain(item: "Item") -> dict[str, Any]:
    return vars(item) | {"here": item.path is not None}
