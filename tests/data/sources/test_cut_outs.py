import pytest
import torch
from PIL import Image

from cartograd.core.boxes import CLASS, CORNERS
from cartograd.core.errors import UsageError
from cartograd.data.sources.cut_outs import CLASSES, PARTS, cut_outs
from cartograd.data.store import packages
from tests.conformance.boxed import cut_out


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return cut_out(tmp_path_factory.mktemp("cut-outs"))[0][0]


@pytest.mark.law("cut-outs")
def test_each_box_is_that_of_its_things_pixels(folder):
    boxes = cut_outs(folder, size=40, examples=30).train
    masks = cut_outs(folder, size=40, examples=30, task="segment").train
    assert torch.equal(boxes.stored, masks.stored)
    alone = 0
    for rows, mask in zip(boxes.targets, masks.targets, strict=True):
        there = rows[rows[:, CLASS] >= 0]
        kinds = there[:, CLASS].long() + 1
        assert set(kinds.tolist()) == set(mask[mask > 0].tolist())
        for kind in kinds.unique():
            ys, xs = (mask == kind).nonzero().unbind(1)
            whole = torch.stack([xs.min(), ys.min(), xs.max() + 1, ys.max() + 1])
            own = (there[kinds == kind][:, CORNERS] * 40).round()
            around = torch.cat([own[:, :2].amin(0), own[:, 2:].amax(0)])
            assert whole.tolist() == around.tolist()
            alone += len(own) == 1
    assert alone > 20


@pytest.mark.law("cut-outs")
def test_parts_are_of_different_files(tmp_path):
    """Each thing and photograph in a grey of its own part shows no other grey in the pictures."""
    folder = cut_out(tmp_path)[0][0]
    from cartograd.data.sources.cut_outs import _of_part, _ordered

    for name in (*CLASSES, "background"):
        files = _ordered(folder / name)
        for number, part in enumerate(PARTS):
            for file in _of_part(files, part):
                image = Image.open(file).convert("RGBA")
                clear = image.getchannel("A")
                image = Image.new("RGBA", image.size, (80 * number + 20,) * 3)
                image.putalpha(clear)
                image.save(file)
    data = cut_outs(folder, size=24, examples=10)
    for number, part in enumerate(PARTS):
        pixels = getattr(data, part).stored.int()
        assert ((pixels - 80 * number - 20).abs() <= 1).all()


def test_the_seed_decides_and_more_examples_leave_the_first_alone(folder):
    one, more = (cut_outs(folder, size=24, examples=n) for n in (10, 20))
    assert torch.equal(one.train.stored, more.train.stored[:10])
    other = cut_outs(folder, size=24, examples=10, seed=1)
    assert not torch.equal(one.train.stored, other.train.stored)


def test_what_is_missing_is_told(folder, tmp_path):
    with pytest.raises(UsageError, match="bird is missing; expected a folder of cut-outs for each"):
        cut_outs(tmp_path)
    (tmp_path / "bird").mkdir()
    Image.new("RGB", (4, 4)).save(tmp_path / "bird" / "one.png")
    with pytest.raises(UsageError, match="holds 0 pictures that will do; expected at least 10"):
        cut_outs(tmp_path)


def test_the_real_ones():
    try:
        packages.where("cut-outs")
    except UsageError as error:
        pytest.skip(str(error))
    data = cut_outs(size=32, examples=10)
    assert data.signature.output.labels == CLASSES
    assert data.signature.classes == 5
    assert (data.train.targets[..., CLASS] >= 0).any(1).all()
