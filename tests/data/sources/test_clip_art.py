import pytest
import torch
from PIL import Image

from cartograd.core.errors import UsageError
from cartograd.data.decode.read import read
from cartograd.data.sources.clip_art import CLASSES, clip_art
from cartograd.data.store import packages
from tests.conformance.subjects import drawings


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return drawings(tmp_path_factory.mktemp("clip-art"))[0][0]


@pytest.mark.law("clip-art")
def test_each_class_has_the_same_number_and_fewer_shots_leave_the_tests_alone(folder):
    whole, few = clip_art(folder, size=8), clip_art(folder, size=8, shots=3)
    for part, count in (("train", 20), ("valid", 8), ("test", 32)):
        assert getattr(whole, part).targets.bincount().tolist() == [count] * 12
    assert few.train.targets.bincount().tolist() == [3] * 12
    assert set(few.train.names) < set(whole.train.names)
    for part in ("valid", "test"):
        assert torch.equal(getattr(few, part).stored, getattr(whole, part).stored)
    names = [name for part in (whole.train, whole.valid, whole.test) for name in part.names]
    assert len(set(names)) == len(names) == 720


def test_drawings_are_whole_on_white(folder, tmp_path):
    data = clip_art(folder, size=12)
    row = data.test.stored[0]
    assert (row[:, 0] == 255).all()  # 9 x 6 to 9 x 9 in a square: white above, if it is wide
    assert not (row[:, 6] == 255).all()


def test_a_file_is_read_as_in_training(folder):
    """Whole on white, by the model's port; and so are sounds and pictures of folders."""
    data = clip_art(folder, size=13)
    names = data.valid.names[:9]
    found = read(data.signature.input, [folder / name for name in names])
    assert torch.equal(found, data.valid.inputs[:9])


def test_what_is_missing_is_told(folder, tmp_path):
    with pytest.raises(UsageError, match="shots=21 is out of range"):
        clip_art(folder, shots=21)
    with pytest.raises(UsageError, match="building is missing"):
        clip_art(tmp_path)
    (tmp_path / "building").mkdir()
    Image.new("RGB", (4, 4)).save(tmp_path / "building" / "one.png")
    with pytest.raises(UsageError, match="holds 1 drawings; expected at least 60"):
        clip_art(tmp_path)


def test_the_real_ones():
    try:
        packages.where("clip-art")
    except UsageError as error:
        pytest.skip(str(error))
    data = clip_art(size=16)
    assert data.signature.output.labels == CLASSES
    assert len(data.test) == 384
