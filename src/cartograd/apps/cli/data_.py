"""The data sources, and the packages that some of them are fetched from."""

from typing import TYPE_CHECKING, Any

from cyclopts import App

from cartograd.apps.answers import units
from cartograd.apps.cli import output
from cartograd.core import registry

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
    output.table(("source", "what it is"), [(card.name, card.title) for card in sources])
    output.table(
        ("package", "what it is", "size", "here"),
        [(x.name, x.title, units.size(x.size), "yes" if x.path else "no") for x in items],
        right=("size",),
    )


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
        print(f"{name}: skipped, {item.reason}")
    else:
        print(f"{name}: {item.path}")
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
            ("what", item.title),
            ("package", item.package),
            ("size", units.size(item.size)),
            ("licence", item.licence),
            ("source", item.source),
            ("here", str(item.path or f"no: cartograd data get {name}")),
        ]
    )


def _plain(item: "Item") -> dict[str, Any]:
    return vars(item) | {"here": item.path is not None}
