"""Folders of pictures with masks: the same classes from every way of writing them."""

import numpy as np
import pytest
import torch
from PIL import Image

from cartograd.apps.load.located import located
from cartograd.core.errors import UsageError
from cartograd.data.decode.images import pixels
from cartograd.data.decode.masks import fitted
from cartograd.data.sources.masks import masks

COLOURS = ((0, 0, 0), (200, 30, 0), (0, 90, 255))
GREY = "L", "P", "RGB"


def classes(seed, shape=(6, 8), k=3):
    """A mask of three classes, where every class is."""
    found = np.random.default_rng(seed).integers(0, k, shape, dtype=np.uint8)
    found.flat[:k] = range(k)
    return found


def write(root, name, mask, *, mode="P", layout="folders", suffix=".png"):
    """A picture whose pixels tell the mask, and the mask."""
    picture, own = (f"images/{name}.png", f"masks/{name}{suffix}")
    if layout == "names":
        picture, own = f"{name}.png", f"{name}_mask{suffix}"
    for place in (picture, own):
        (root / place).parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray((mask.astype(int) % 5 * 60).astype(np.uint8)).save(root / picture)
    if mode == "RGB":
        table = np.zeros((256, 3), dtype=np.uint8)
        table[:3], table[255] = COLOURS, (255, 255, 255)
        Image.fromarray(table[mask]).save(root / own)
        return
    image = Image.fromarray(mask)
    if mode == "P":
        image.putpalette([value for i in range(256) for value in (i, 255 - i, 9)])
    image.save(root / own)


def subject(folder):
    """Twenty small pictures with masks of three classes."""
    for i in range(20):
        mask = classes(i)
        mask[-1, -1] = 255
        write(folder, str(i), mask)
    return (folder,), {}


def whole(data):
    """The class of each pixel by the name of its picture."""
    parts = [getattr(data, part) for part in ("train", "valid", "test")]
    return {part.name(i): part.targets[i] for part in parts for i in range(len(part))}


@pytest.mark.law("masks")
@pytest.mark.parametrize("mode", GREY)
@pytest.mark.parametrize("layout", ["folders", "names"])
def test_masks_come_back_as_they_were_written(tmp_path, mode, layout):
    for i in range(12):
        write(tmp_path, str(i), classes(i), mode=mode, layout=layout)
    data = masks(tmp_path)
    found, order = whole(data), np.array([0, 2, 1] if mode == "RGB" else [0, 1, 2])
    for i in range(12):  # colours are in the order of their numbers: blue comes before red
        assert torch.equal(found[str(i)], torch.from_numpy(order[classes(i)]))
    names = ("#000000", "#005aff", "#c81e00") if mode == "RGB" else ("0", "1", "2")
    assert data.signature.output.labels == names
    assert data.signature.output.dims == (3, 6, 8)
    train = data.train
    told = torch.round(train.inputs[:, 0] * 255 / 60).long()
    assert torch.equal(torch.from_numpy(order)[told], train.targets)  # each beside its own picture


def test_a_legend_names_numbers_and_colours_and_what_is_void(tmp_path):
    for i in range(12):
        mask = classes(i)
        mask[0, -1] = 255
        write(tmp_path, str(i), mask, mode="RGB")
    lines = ["name,r,g,b", "ground,0,0,0", "cell,200,30,0", "cut,#005aff", "void,255,255,255"]
    (tmp_path / "legend.csv").write_text("\n".join(lines).replace("#005aff", "0,90,255") + "\n")
    data = masks(tmp_path)
    assert data.signature.output.labels == ("ground", "cell", "cut")
    expected = torch.from_numpy(classes(3)).long()
    expected[0, -1] = -100
    assert torch.equal(whole(data)["3"], expected)


def test_two_levels_are_background_and_object_and_others_need_no_step(tmp_path):
    for i in range(12):
        write(tmp_path / "two", str(i), (classes(i, k=2) * 255).astype(np.uint8), mode="L")
        write(tmp_path / "far", str(i), (classes(i) * 85).astype(np.uint8), mode="L")
    data = masks(tmp_path / "two")
    assert data.signature.output.labels == ("background", "object")
    assert torch.equal(whole(data)["5"], torch.from_numpy(classes(5, k=2)).long())
    assert any("void=255: no label there" in line for line in data.decided)
    assert masks(tmp_path / "far").signature.output.labels == ("0", "85", "170")
    named = masks(tmp_path / "far", labels=("a", "b", "c"))
    assert named.signature.output.labels == ("a", "b", "c")


def test_parts_are_as_the_folders_say(tmp_path):
    for i in range(8):
        write(tmp_path / "above" / ("val" if i < 3 else "train"), str(i), classes(i))
        write(tmp_path / "below", f"{'test' if i < 3 else 'train'}/{i}", classes(i))
    data = masks(tmp_path / "above", test=0.0)
    assert sorted(data.valid.names) == ["val/0", "val/1", "val/2"]
    data = masks(tmp_path / "below", valid=0.0)
    assert sorted(data.test.names) == ["test/0", "test/1", "test/2"]
    assert len(data.train) == 5


def test_masks_are_brought_to_a_size_as_their_pictures_are(tmp_path):
    """A bright square is where its mask is, whatever is cut or padded."""
    for i in range(10):
        mask = np.zeros((20, 30), dtype=np.uint8)
        mask[4 : 12 + i % 3, 8:20] = 1
        (tmp_path / "images").mkdir(exist_ok=True)
        (tmp_path / "masks").mkdir(exist_ok=True)
        Image.fromarray(255 * mask).save(tmp_path / "images" / f"{i}.png")
        Image.fromarray(mask).save(tmp_path / "masks" / f"{i}.png")
    for fit in ("crop", "pad", "stretch"):
        part = masks(tmp_path, size=10, fit=fit).train
        bright, known = part.inputs[:, 0], part.targets >= 0
        sure = known & ((bright < 0.3) | (bright > 0.7))  # not at the edges, which are smooth
        assert ((bright > 0.5) == (part.targets == 1))[sure].all()
        assert bool(known.all()) == (fit != "pad")
    values = np.arange(12).reshape(3, 4).astype(np.int16)
    assert np.array_equal(fitted(values, 3, 4, "crop"), values)


def test_a_path_is_recognised(tmp_path):
    subject(tmp_path / "cells")
    assert located(tmp_path / "cells").name == "masks"
    for i in range(4):  # a class that is called mask makes no masks of other classes
        for kind in ("mask", "no-mask"):
            (tmp_path / "faces" / kind).mkdir(parents=True, exist_ok=True)
            Image.new("L", (4, 4), i).save(tmp_path / "faces" / kind / f"{kind}{i}.png")
    assert located(tmp_path / "faces").name == "folder"


def test_what_is_wrong_is_said_in_a_line(tmp_path):
    subject(tmp_path)
    Image.fromarray(classes(0, (3, 3))).save(tmp_path / "masks" / "4.png")
    with pytest.raises(UsageError, match=r"4.png is 3 x 3 and its picture images/4.png is 8 x 6"):
        masks(tmp_path)
    (tmp_path / "masks" / "4.png").unlink()
    with pytest.raises(UsageError, match=r"images/4.png has no mask; expected images/NAME"):
        masks(tmp_path)
    write(tmp_path, "4", classes(4))
    (tmp_path / "legend.csv").write_text("sky,0\nsea,1\n")
    with pytest.raises(UsageError, match=r"has 2 at row 0, column 2 .*expected one of 0, 1"):
        masks(tmp_path)
    (tmp_path / "legend.csv").write_text("sky,0\nsea,blue\n")
    with pytest.raises(UsageError, match="'sea,blue' is no line of a legend"):
        masks(tmp_path)
    (tmp_path / "legend.csv").unlink()
    with pytest.raises(UsageError, match=r"have 3 classes .* and labels names 2"):
        masks(tmp_path, labels=("sky", "sea"))
    noise = np.random.default_rng(0).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    wide = np.tile(noise, (40, 40, 1)) + np.arange(240)[:, None, None].astype(np.uint8)
    Image.fromarray(wide).save(tmp_path / "masks" / "4.png")
    Image.fromarray(wide).save(tmp_path / "images" / "4.png")
    with pytest.raises(UsageError, match="saved without loss"):
        masks(tmp_path, size=8)
    with pytest.raises(UsageError, match="holds 20 pictures and 0 masks"):
        masks(tmp_path / "images")
    assert pixels(tmp_path / "images" / "4.png", channels=3, height=6, width=8).shape == (3, 6, 8)
