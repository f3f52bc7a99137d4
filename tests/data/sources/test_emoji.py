import json
import string

import pytest
import torch
from PIL import Image, ImageFont

from cartograd.core.errors import UsageError
from cartograd.data.decode.colour_names import COLOURS, main_colour
from cartograd.data.sources.emoji import ALIKE, CATEGORIES, LANGUAGES, Emoji, alike, drawn, emoji
from cartograd.data.store import packages

SIGNS = string.ascii_letters + "'’"
"""In place of emoji; the last two hardly differ (two apostrophes)."""


def written(folder):
    """A font of letters in place of emoji, their names, and what must be left out."""
    folder.mkdir(exist_ok=True)
    (folder / "NotoColorEmoji.ttf").write_bytes(ImageFont.load_default(9).font_bytes)
    groups = {"groups": {str(i): name for i, name in enumerate((*CATEGORIES, "flags"))}}
    (folder / "groups.json").write_text(json.dumps(groups))
    for own, name in zip(LANGUAGES, ("the letter {}", "字母{}"), strict=True):
        entries = [
            {
                "hexcode": f"{i:X}",
                "emoji": f"{sign}\ufe0f",
                "label": name.format(sign),
                "group": i % 8,
            }
            for i, sign in enumerate(SIGNS)
        ]
        entries += [
            {"hexcode": "F0", "emoji": "ab", "label": "two", "group": 0},
            {"hexcode": "F1", "emoji": "&", "label": "a flag", "group": 8},
            {"hexcode": "F2", "emoji": "\U0001faea", "label": "too new", "group": 0},
            {"hexcode": "F3", "emoji": "%", "label": "a part"},
        ]
        (folder / f"{own}.json").write_text(json.dumps(entries), encoding="utf-8")
    return folder


def subject(folder):
    """A folder as `cartograd data get emoji` leaves it."""
    return (written(folder / "emoji"),), {}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return written(tmp_path_factory.mktemp("emoji"))


@pytest.mark.place("diffusion/latent")
@pytest.mark.law("emoji")
def test_names_of_both_languages_are_in_one_part(folder):
    data, found = emoji(folder, size=12), drawn(folder)
    assert [one.sign for one in found] == list(SIGNS)
    pictures = {}
    for part in (data.train, data.valid, data.test):
        half = len(part) // 2
        signs = [[name[-1] for name in part.names[own]] for own in (slice(half), slice(half, None))]
        assert signs[0] == signs[1]
        assert torch.equal(part.stored[:half], part.stored[half:])
        pictures |= dict.fromkeys(signs[0], id(part))
        for name, row in zip(part.names, part.stored_targets.tolist(), strict=True):
            said, known = data.tokenizer.decode(row), 1 not in row
            assert not known or said.replace(" ", "") == name.lower().replace(" ", "")
    assert sorted(pictures) == sorted(SIGNS)
    assert pictures["'"] == pictures["’"]
    assert alike(found) == [*range(len(SIGNS) - 1), len(SIGNS) - 2]
    alone = emoji(folder, size=12, language="zh")
    assert alone.train.names == data.train.names[len(data.train) // 2 :]


@pytest.mark.law("emoji")
def test_what_hardly_differs_is_found_by_way_of_others():
    found = [Emoji("", Image.new("RGB", (20, 20), (level,) * 3), "", {})
             for level in (10, 200, 19, 28, 180)]  # fmt: skip
    assert alike(found) == [0, 1, 0, 0, 4]
    assert ALIKE < 18


def test_targets_are_those_of_the_pictures(folder):
    groups, colours = (emoji(folder, size=8, target=own) for own in ("category", "colour"))
    assert groups.signature.output.labels == CATEGORIES
    for name, y in zip(groups.train.names, groups.train.targets.tolist(), strict=True):
        assert y == SIGNS.index(name[-1]) % 8
    assert {COLOURS[y] for y in colours.train.targets.tolist()} == {"black"}
    names = emoji(folder, size=8, language="en")
    assert names.test.names == groups.test.names == colours.test.names


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        ({}, {"language": "fr"}, "fr"),
        ({}, {"target": "color"}, "did you mean 'colour'"),
        ({}, {"context": 2}, "is longer than context=2 words"),
        ({"en.json": "no"}, {}, "en.json cannot be read"),
        ({"zh.json": "{}"}, {}, "zh.json is not emojibase's; expected a list"),
        ({"en.json": "[]"}, {}, "holds no emoji"),
        ({"NotoColorEmoji.ttf": "no"}, {}, "expected a font of emoji"),
    ],
)
def test_other_files_are_refused(tmp_path, change, options, message):
    written(tmp_path)
    for name, content in change.items():
        (tmp_path / name).write_text(content)
    with pytest.raises(UsageError) as refused:
        emoji(tmp_path, **options)
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("pixel", "name"),
    [
        ((255, 0, 0), "red"), ((255, 140, 0), "orange"), ((255, 220, 0), "yellow"),
        ((0, 160, 60), "green"), ((30, 90, 220), "blue"), ((150, 40, 190), "purple"),
        ((120, 70, 40), "brown"), ((20, 20, 20), "black"), ((110, 110, 110), "black"),
        ((240, 240, 240), "white"), ((255, 20, 40), "red"),
    ],
)  # fmt: skip
def test_colours_have_their_names(pixel, name):
    picture = Image.new("RGBA", (20, 20), (*pixel, 255))
    picture.paste((0, 0, 255, 255), (0, 0, 6, 20))
    assert main_colour(picture) == name
    picture.paste((0, 255, 0, 40), (6, 0, 20, 20))  # hardly visible: what is left counts
    assert main_colour(picture) == "blue"
    assert main_colour(Image.new("RGBA", (4, 4))) == "white"


@pytest.mark.law("emoji")
def test_coloured_shapes_have_the_colour_of_their_name():
    try:
        root = packages.where("emoji")
    except UsageError as error:
        pytest.skip(str(error))
    found = drawn(root)
    assert len(found) == 1372
    shapes = [one for one in found if one.names["en"].split()[-1] in ("heart", "circle", "square")
              and one.names["en"].split()[0] in COLOURS]  # fmt: skip
    assert len(shapes) >= 30
    for one in shapes:
        assert main_colour(one.picture) == one.names["en"].split()[0]
    hours = [i for i, one in enumerate(found) if one.names["en"].endswith("o’clock")]
    first = alike(found)
    assert len({first[i] for i in hours}) == 1
