"""Picture folders: the same pixels as the source they were written from, steady splits."""

import numpy as np
import pytest
import torch
from PIL import Image

from cartograd.apps.verbs.plan import planned
from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.data.dataset.dataset import Split
from cartograd.data.dataset.streamed import Streamed
from cartograd.data.dataset.tensors import tensors
from cartograd.data.dataset.write_images import write_pictures
from cartograd.data.sources.fashion_mnist import fashion_mnist
from cartograd.data.sources.folder import folder


def draw(path, *, size=(6, 6), mode="L", seed=0):
    shape = (size[1], size[0]) if mode == "L" else (size[1], size[0], 3)
    values = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values).save(path)
    return values


@pytest.fixture
def pets(tmp_path):
    for i in range(60):
        draw(tmp_path / "pets" / ("cat", "dog", "10", "9")[i % 4] / f"{i}.png", seed=i)
    return tmp_path / "pets"


def examples(split):
    """Pixels and label names, in an order of their own."""
    labels = split.signature.output.labels
    return sorted(
        (x.flatten().tolist(), labels[y])
        for x, y in zip(split.stored, split.targets.tolist(), strict=True)
    )


@pytest.mark.law("folder")
@pytest.mark.parametrize("channels", [1, 3])
def test_written_pictures_come_back(tmp_path, channels):
    stored = torch.randint(0, 256, (60, channels, 7, 5), dtype=torch.uint8)
    data = tensors(stored, torch.arange(60) % 3, labels=("a", "b", "c"))
    write_pictures(data, tmp_path / "out")
    found = folder(tmp_path / "out")
    for part in ("train", "valid", "test"):
        assert examples(getattr(found, part)) == examples(getattr(data, part))
    assert found.signature.input == data.signature.input


@pytest.mark.law("folder")
def test_fashion_mnist_comes_back(tmp_path):
    try:
        data = fashion_mnist()
    except UsageError as error:
        pytest.skip(f"Fashion-MNIST is not there: {error}")
    some = tensors(
        data.train.stored[:600], data.train.targets[:600], labels=data.signature.output.labels
    )
    write_pictures(some, tmp_path / "out")
    found = folder(tmp_path / "out")
    assert found.signature.input == some.signature.input
    for part in ("train", "valid", "test"):
        slash = [(x, y.replace("/", "-")) for x, y in examples(getattr(some, part))]
        assert examples(getattr(found, part)) == sorted(slash)


@pytest.mark.law("folder")
def test_files_of_large_classes_keep_their_split(pets):
    for i in range(60, 220):
        draw(pets / "cat" / f"{i}.png", seed=i)
    before = folder(pets)
    for i in range(220, 260):
        draw(pets / "cat" / f"{i}.png", seed=i)
    after = folder(pets)
    for part in ("train", "valid", "test"):
        assert set(getattr(before, part).names) <= set(getattr(after, part).names)


def test_labels_names_and_about(pets):
    data = folder(pets)
    assert data.signature.output.labels == ("9", "10", "cat", "dog")
    assert data.signature.input.dims == (1, 6, 6)
    names = {*data.train.names, *data.valid.names, *data.test.names}
    assert names == {file.relative_to(pets).as_posix() for file in pets.rglob("*.png")}
    assert data.about["pictures"] == 60


def test_the_users_own_splits(pets, tmp_path):
    root = tmp_path / "own"
    root.mkdir()
    pets.rename(root / "train")
    draw(root / "val" / "cat" / "x.png", seed=99)
    data = folder(root)
    assert data.valid.names == ("val/cat/x.png",)
    assert len(data.train) + len(data.test) == 60
    assert len(data.test) > 0
    draw(root / "test" / "bird" / "x.png")
    with pytest.raises(UsageError, match="no class 'bird' in the training folder"):
        folder(root)


def test_classes_called_train_and_test_are_classes(tmp_path):
    for i in range(20):
        draw(tmp_path / ("train", "test")[i % 2] / f"{i}.png", seed=i)
    assert folder(tmp_path).signature.output.labels == ("test", "train")


def test_deeper_hidden_and_other_files(pets):
    draw(pets / "cat" / "more" / "deep.png", seed=100)
    draw(pets / "cat" / "loud.PNG", seed=101)
    draw(pets / ".cache" / "x.png")
    (pets / "cat" / "._x.png").write_bytes(b"resource fork")
    (pets / "cat" / "notes.txt").write_text("not a picture")
    data = folder(pets)
    assert data.about["pictures"] == 62
    assert "cat/more/deep.png" in {*data.train.names, *data.valid.names, *data.test.names}


def test_size_and_channels(pets):
    draw(pets / "cat" / "big.jpg", size=(20, 24), mode="RGB")
    with pytest.raises(UsageError, match=r"differ in size: .*; give the size .* size=64"):
        folder(pets)
    data = folder(pets, size=8)
    assert data.signature.input.dims == (3, 8, 8)
    assert build(f"folder:{pets},size=8,channels=1")().signature.input.dims == (1, 8, 8)


def test_over_the_limit_pictures_stay_on_disk(pets):
    near, far = folder(pets), folder(pets, memory=0.0)
    assert isinstance(near.train, Split)
    assert isinstance(far.train, Streamed)
    assert near.signature == far.signature
    for x, y in zip(
        near.train.batches(batch_size=7).epoch(1, seed=2),
        far.train.batches(batch_size=7).epoch(1, seed=2),
        strict=True,
    ):
        assert torch.equal(x[0], y[0])
        assert torch.equal(x[1], y[1])


def test_a_picture_is_prepared_for_prediction_as_for_training(pets):
    for i in range(60, 80):
        draw(pets / "cat" / f"{i}.png", size=(11, 9), mode="RGB", seed=i)
    data = folder(pets, size=8)
    paths = [pets / name for name in data.test.names]
    assert torch.equal(data.decode(paths), data.test.inputs)


def test_pictures_without_folders_are_of_no_class(tmp_path):
    for i in range(20):
        draw(tmp_path / "logos" / f"{i}.png", size=(8, 8), mode="RGB", seed=i)
    data = folder(tmp_path / "logos", size=8)
    assert data.decided[0].startswith("20 files of no class: there are no folders for classes in")
    assert sum(map(len, (data.train, data.valid, data.test))) == 20
    drawn = planned("ddpm:width=8", data, meta=True)
    assert drawn.model.signature.condition is None
    assert planned("pixelcnn", data, meta=True).model.signature.example.levels == 256
    with pytest.raises(
        UsageError,
        match="has 'logos' as the only class of its training",
    ):
        planned("lenet5", data, meta=True)
    with pytest.raises(UsageError, match="has none; expected a folder of files for one of the cla"):
        folder(tmp_path / "logos", size=8, labels=("cat", "dog"))


def empty(pets):
    (pets / "bird").mkdir()


def one(pets):
    for name in ("9", "10", "dog"):
        (pets / name).rename(pets.parent / name)


def none(pets):
    one(pets)
    (pets / "cat").rename(pets.parent / "cat")


def corrupt(pets):
    (pets / "dog" / "1.png").write_bytes(b"not a picture")


def half(pets):
    file = pets / "dog" / "1.png"
    file.write_bytes(file.read_bytes()[:60])


def few(pets):
    for kind in pets.iterdir():
        for file in sorted(kind.iterdir())[2:]:
            file.unlink()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (empty, r"the class folder .*bird has no files; expected .png"),
        (one, r"pets has only 'cat'; expected a folder .* at least two"),
        (none, r"pets has none; expected"),
        (corrupt, r"dog.1.png is not a readable picture"),
        (half, r"dog.1.png is not a readable picture"),
        (few, r"too few examples to split: 8"),
    ],
)
def test_mistakes_are_named(pets, spoil, message):
    spoil(pets)
    with pytest.raises(UsageError, match=message):
        folder(pets)


def test_no_such_folder_and_unknown_option(tmp_path):
    with pytest.raises(UsageError, match="is no folder"):
        folder(tmp_path / "none")
    with pytest.raises(UsageError, match="did you mean 'size'"):
        build(f"folder:{tmp_path},sizes=8")


def test_channels_are_one_or_three(pets):
    with pytest.raises(UsageError, match="channels=2 is out of range"):
        folder(pets, channels=2)


def test_all_damaged_pictures_are_named_at_once(tmp_path):
    for label in ("a", "b"):
        (tmp_path / label).mkdir()
        for number in range(6):
            Image.new("L", (8, 8), 40 * number).save(tmp_path / label / f"{number}.png")
    whole = (tmp_path / "a" / "0.png").read_bytes()
    (tmp_path / "a" / "0.png").write_bytes(whole[:20])
    (tmp_path / "b" / "1.png").write_bytes(whole[:45])
    (tmp_path / "b" / "2.png").write_bytes(b"none")
    with pytest.raises(UsageError, match=r"^\d pictures: .*a/0.png.*b/2.png"):
        folder(tmp_path)
    with pytest.raises(UsageError, match=r"^3 pictures: .*a/0.png.*b/1.png.*b/2.png"):
        folder(tmp_path, size=8, channels=1)


def test_what_is_left_out_and_small_parts_are_said(tmp_path):
    for label in ("a", "b"):
        (tmp_path / label).mkdir()
        for number in range(10):
            Image.new("L", (8, 8), 20 * number).save(tmp_path / label / f"{number}.png")
    (tmp_path / "a" / "about.txt").write_text("notes")
    found = folder(tmp_path).decided
    assert found[0] == "2 classes (a 10, b 10)"
    assert found[1] == "left out, 1 files that are no examples: 1 .txt (such as a/about.txt)"
    assert any(line.endswith("test examples") for line in found[2:])


def test_a_split_without_class_folders_is_said_by_name(tmp_path):
    """In a sentence of its own; the test part is cut from the training files."""
    for label in ("a", "b"):
        (tmp_path / "train" / label).mkdir(parents=True)
        for number in range(20):
            Image.new("L", (8, 8), 10 * number).save(tmp_path / "train" / label / f"{number}.png")
    (tmp_path / "test").mkdir()
    for number in range(3):
        Image.new("L", (8, 8)).save(tmp_path / "test" / f"{number}.png")
    data = folder(tmp_path)
    assert data.decided[1] == (
        "test/ has no class folders, so its 3 files have no answers: the test part is cut from the "
        "training files; to use it, sort it into folders such as test/a"
    )
    assert len(data.test) == 8
    assert not any("left out" in line for line in data.decided)


@pytest.mark.parametrize(("fit", "mean"), [("crop", 249), ("pad", 163), ("stretch", 204)])
def test_other_shapes_are_fitted_in_training_as_in_prediction(tmp_path, fit, mean):
    for i in range(20):
        values = np.zeros((40, 50), np.uint8)
        values[:, 5:45] = 255  # the middle square, all white
        path = tmp_path / "pets" / "ab"[i % 2] / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(values).save(path)
    found = folder(tmp_path / "pets", size=10, fit=fit)
    assert abs(found.train.stored.float().mean().item() - mean) < 3
    path = tmp_path / "pets" / found.train.names[0]
    assert torch.equal(found.decode(path)[0], found.train.inputs[0])
    note = next(line for line in found.decided if "not square" in line)
    assert f"fit={fit}" in note
    assert "20 of 20 pictures" in note


def test_films_and_clear_parts_are_counted(tmp_path):
    for i in range(12):
        path = tmp_path / "ab"[i % 2] / f"{i}.png"
        path.parent.mkdir(exist_ok=True)
        Image.new(("L", "RGBA")[i % 2], (8, 8), 20 * i).save(path)
    frames = [Image.new("L", (8, 8), grey) for grey in (9, 99)]
    frames[0].save(tmp_path / "a" / "film.gif", save_all=True, append_images=frames[1:])
    found = folder(tmp_path).decided
    assert "1 of 13 files hold several pictures: the first of each is taken" in found
    assert "6 of 13 pictures may be transparent in parts, which become white" in found


def test_what_becomes_of_panoramas_and_small_pictures_is_said(pets):
    draw(pets / "cat" / "wide.png", size=(60, 20))
    found = folder(pets, size=12)
    assert "of 1 pictures less than half is left by cropping: cat/wide.png" in found.decided
    assert "60 of 61 pictures are smaller than 12 and scaled up" in found.decided


@pytest.mark.parametrize("memory", [4.0, 0.0])
def test_twelve_bits_keep_their_levels(tmp_path, memory):
    values = {}
    for i in range(20):
        picture = np.random.default_rng(i).integers(0, 4096, (8, 8)).astype(np.uint16)
        path = tmp_path / "scans" / "ab"[i % 2] / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(path)
        values[f"{'ab'[i % 2]}/{i}.png"] = picture / 4095
    found = folder(tmp_path / "scans", memory=memory)
    assert found.signature.input.bits == 12
    assert any("taken as 12 bits, 4095 is white" in line for line in found.decided)
    for index, name in enumerate(found.train.names):
        one = found.train.select([index]).inputs[0, 0].numpy()
        assert np.abs(one - values[name]).max() < 1e-6
    path = tmp_path / "scans" / found.train.names[0]
    assert torch.equal(found.decode(path)[0], found.train.select([0]).inputs[0])
    said = folder(tmp_path / "scans", bits=14)
    assert said.signature.input.bits == 14
    assert not any("white" in line for line in said.decided)
    with pytest.raises(UsageError, match=r"20 pictures: .*at most 255"):
        folder(tmp_path / "scans", bits=8, valid=0.25, test=0.25)


def test_fit_and_bits_are_checked(pets):
    with pytest.raises(UsageError, match="unknown fit 'padd'; did you mean 'pad'"):
        folder(pets, fit="padd")
    with pytest.raises(UsageError, match="bits=9 is out of range"):
        folder(pets, bits=9)
