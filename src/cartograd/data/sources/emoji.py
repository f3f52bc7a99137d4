r"""Emoji with their names in English and Chinese: small pictures of thirteen hundred things.

The pictures are Google's (Noto Color Emoji), the names and the groups Unicode's. A model reads a
name and draws (`target=caption`), or sees a picture and says its group (`category`) or the colour
that most of it has (`colour`, see `data.decode.colour_names`). Pictures that hardly differ, such as
the faces of a clock, are in one part together, and so are a picture's names in both languages.

Left out: skin tones, what is put together of several characters (couples, professions by gender),
flags, whose names do not say what they look like, and what is newer than the font.

Shapes: pictures `n 3 y x` in [0, 1], kept as uint8, on white; tokens `n t`, or classes `n`.

Departures: none.

References:
    Google. Noto Color Emoji 2.042. SIL Open Font License 1.1.
    https://github.com/googlefonts/noto-emoji
    Unicode CLDR, annotations, by emojibase-data 17.0. https://cldr.unicode.org

>>> from cartograd.data.sources.emoji import CATEGORIES
>>> len(CATEGORIES)
8
"""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from jaxtyping import UInt8
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from cartograd.core.card import Card
from cartograd.core.errors import UsageError, unknown
from cartograd.core.ports import Port, Signature
from cartograd.data.dataset.dataset import Dataset, Split
from cartograd.data.dataset.splits import assign
from cartograd.data.dataset.statistics import measured
from cartograd.data.decode.colour_names import COLOURS, main_colour
from cartograd.data.decode.images import pixels
from cartograd.data.store import packages
from cartograd.data.text import vocabularies

CARD = Card(
    name="emoji",
    kind="data",
    entry="emoji",
    nodes=("diffusion/latent",),
    title="Emoji with their names in English and Chinese",
    zh="表情符号及其中英文名称",
    proofs=(
        "law: names of a picture, and pictures that hardly differ, are in one part",
        "law: coloured hearts, circles and squares have the colour of their name",
    ),
    evidence={"diffusion/latent": ("test_names_of_both_languages_are_in_one_part",)},
    tiny={"size": 8},
)

CATEGORIES = (
    "smileys-emotion", "people-body", "animals-nature", "food-drink",
    "travel-places", "activities", "objects", "symbols",
)  # fmt: skip
"""Unicode's groups, but for parts of emoji and flags."""

LANGUAGES = ("en", "zh")
TARGETS = ("caption", "category", "colour")

FONT, STRIKE, CANVAS, SQUARE = "NotoColorEmoji.ttf", 109, (136, 128), 136
"""The font, the one size that its pictures have, what they fill, and the square around that."""

VARIATION = "\ufe0f"
"""Asks for a picture in place of a letter's form."""

ALIKE, THUMB = 12.0, 16
"""Pictures hardly differ if so many of 255 levels are between them, in the root mean square, made
so small."""

FIT = "pad-white"


class Emoji(NamedTuple):
    """A picture, its group, and its name in each language."""

    sign: str
    picture: Image.Image
    category: str
    names: dict[str, str]


def emoji(
    path: str | Path | None = None,
    /,
    *,
    size: int = 32,
    language: str = "both",
    target: str = "caption",
    vocabulary: int = 4000,
    context: int = 16,
    valid: float = 0.1,
    test: float = 0.1,
) -> Dataset:
    """Pictures and what they are called, or of which group or colour they are.

    Args:
        path: a folder with the font and the names; by default what `cartograd data get emoji` has
            fetched.
        size: height and width that pictures are brought to.
        language: of the names: `en`, `zh`, or `both`, each picture once with either.
        target: `caption`, `category` or `colour`.
        vocabulary: greatest number of different words.
        context: greatest number of words of a name.
        valid: share of the pictures for validation.
        test: share of the pictures for testing.

    Raises:
        UsageError: the files are not there, a name is too long, or a word is unknown.
    """
    languages = LANGUAGES if language == "both" else (language,)
    if languages[0] not in LANGUAGES:
        raise unknown("language", language, (*LANGUAGES, "both"))
    if target not in TARGETS:
        raise unknown("target", target, TARGETS)
    root = packages.where("emoji") if path is None else Path(path)
    found = drawn(root)
    stored = _sized(found, size)
    groups = torch.tensor([CATEGORIES.index(one.category) for one in found])
    parts = assign([found[i].sign for i in alike(found)], groups, valid=valid, test=test)
    about = {"source": str(root), "licence": "SIL OFL 1.1 (pictures), Unicode, MIT (names)"}
    image = measured(
        Port("image", "image", (3, size, size), bounds=(0.0, 1.0), fit=FIT), stored[parts[0]]
    )
    if target != "caption":
        labels = CATEGORIES if target == "category" else COLOURS
        if target == "colour":
            groups = torch.tensor([COLOURS.index(main_colour(one.picture)) for one in found])
        output = Port(target, "label", (len(labels),), labels=labels, task="classify")
        signature = Signature((image,), (output,))
        first, second, third = (
            Split(stored[rows], groups[rows], signature, [found[i].names["en"] for i in rows])
            for rows in parts
        )
        return Dataset("emoji", first, second, third, signature, about)
    rows = [
        [(i, found[i].names[own]) for own in languages for i in part.tolist()] for part in parts
    ]
    tokenizer = vocabularies.tidying(
        vocabularies.lower_words([name for _, name in rows[0]], vocabulary=vocabulary)
    )
    output = Port("text", "label", (context, tokenizer.vocabulary), task="caption")
    signature = Signature((image,), (output,))

    def split(listed: list[tuple[int, str]]) -> Split:
        names = [name for _, name in listed]
        tokens = _tokens(tokenizer.encoded(names), names, context)
        return Split(stored[[i for i, _ in listed]], tokens, signature, names)

    first, second, third = map(split, rows)
    about |= {"decided": [f"{tokenizer.vocabulary} words are known to names"]}
    return Dataset("emoji", first, second, third, signature, about, tokenizer)


def drawn(root: Path, /) -> list[Emoji]:
    """All emoji of one character that the font can draw, in Unicode's order.

    Raises:
        UsageError: a file is missing or is something else.
    """
    known = {own: _names(root / f"{own}.json") for own in LANGUAGES}
    groups = _read(root / "groups.json", dict)["groups"]
    drawing = _drawing(root / FONT)
    nothing = drawing("\U0010fffd").tobytes()
    found = []
    for code, entry in known["en"].items():
        sign = str(entry["emoji"]).replace(VARIATION, "")
        category = groups.get(str(entry.get("group")))
        if len(sign) > 1 or category not in CATEGORIES or code not in known["zh"]:
            continue
        picture = drawing(sign)
        if picture.tobytes() != nothing:
            names = {own: str(known[own][code]["label"]) for own in LANGUAGES}
            found.append(Emoji(sign, picture, category, names))
    if not found:
        raise UsageError(f"{root} holds no emoji that its font can draw")
    return found


def alike(found: Sequence[Emoji], /) -> list[int]:
    """For each emoji the number of the first that it hardly differs from, or does by others."""
    small = _sized(found, THUMB).flatten(1).double()
    near = torch.cdist(small, small) / small.shape[1] ** 0.5 < ALIKE
    first = torch.arange(len(found))
    while True:
        least = torch.where(near, first, len(found)).amin(1)
        if torch.equal(least, first):
            return first.tolist()
        first = least


def _drawing(path: Path) -> Callable[[str], Image.Image]:
    """How a sign becomes a picture, transparent where it has nothing."""
    try:
        font = ImageFont.truetype(str(path), STRIKE, layout_engine=ImageFont.Layout.BASIC)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error}; expected a font of emoji") from error

    def draw(sign: str) -> Image.Image:
        picture = Image.new("RGBA", (SQUARE, SQUARE), (255, 255, 255, 0))
        place = (0, (SQUARE - CANVAS[1]) // 2)
        ImageDraw.Draw(picture).text(place, sign, fill="black", font=font, embedded_color=True)
        return picture

    return draw


def _names(path: Path) -> dict[str, dict[str, Any]]:
    """Emojibase's entries by their code."""
    return {entry["hexcode"]: entry for entry in _read(path, list)}


def _read(path: Path, kind: type, /) -> Any:
    """A file of JSON.

    Raises:
        UsageError: it is missing or is something else.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} cannot be read: {error}; expected emojibase's JSON") from error
    if not isinstance(content, kind):
        raise UsageError(f"{path} is not emojibase's; expected a {kind.__name__}")
    return content


def _sized(found: Sequence[Emoji], size: int) -> UInt8[Tensor, "n 3 y x"]:
    return torch.stack(
        [pixels(one.picture, channels=3, height=size, width=size, fit=FIT) for one in found]
    )


def _tokens(rows: list[list[int]], names: list[str], context: int) -> Tensor:
    """The names as numbers.

    Raises:
        UsageError: one is too long.
    """
    long = next((name for name, own in zip(names, rows, strict=True) if len(own) > context), None)
    if long is not None:
        raise UsageError(f"the name {long!r} is longer than context={context} words")
    return vocabularies.padded(rows, fill=vocabularies.PADDING, width=context)
