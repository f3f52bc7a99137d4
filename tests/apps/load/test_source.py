"""Data made to fit a model that is there."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

import cartograd as cg
from cartograd.apps.load.source import dataset, examples_for
from cartograd.core.errors import UsageError
from cartograd.data.dataset.dataset import Dataset
from cartograd.data.dataset.write_images import write_pictures


def table(path, rows, *, labels=("no", "yes", "perhaps"), seed=0):
    random = np.random.default_rng(seed)
    lines = (
        f"{random.normal(40 + seed, 10):.3f},{'ABC'[i % 3]},{labels[i % len(labels)]}"
        for i in range(rows)
    )
    path.write_text("\n".join(["age,town,answer", *lines]))
    return f"csv:{path},target=answer"


def test_a_dataset_passes_and_a_spec_takes_arguments():
    data = cg.dataset("moons", examples=60)
    assert cg.dataset(data) is data
    assert len(data.train) < len(cg.dataset("moons").train)


def test_all_is_every_part_in_order():
    data = cg.dataset("digits")
    whole = examples_for(data.signature, data, "all")
    assert len(whole) == 1797
    assert torch.equal(whole.inputs[: len(data.train)], data.train.inputs)
    assert whole.name(0) == data.train.name(0)


def test_rows_of_another_table_get_the_first_ones_columns_and_classes(tmp_path):
    first = cg.dataset(table(tmp_path / "first.csv", 90))
    other = table(tmp_path / "other.csv", 80, labels=("yes", "no"), seed=5)
    found = examples_for(first.signature, other, "all")
    own = cg.dataset(other)
    assert own.signature.input.columns != first.signature.input.columns
    ages = [float(line.split(",")[0]) for line in (tmp_path / "other.csv").read_text().split()[1:]]
    column = first.signature.input.columns[0]
    rows = [int(found.name(i).removeprefix("line ")) - 2 for i in range(len(found))]
    expected = (torch.tensor(ages)[rows] - column.mean) / column.std
    assert torch.allclose(found.inputs[:, 0], expected, atol=1e-5)
    labels = first.signature.output.labels
    assert [labels[i] for i in found.targets.tolist()] == [("yes", "no")[row % 2] for row in rows]
    assert sorted(rows) == list(range(80))


def test_a_class_that_the_model_does_not_know(tmp_path):
    first = cg.dataset(table(tmp_path / "first.csv", 90))
    other = table(tmp_path / "other.csv", 80, labels=("yes", "never"), seed=5)
    with pytest.raises(cg.UsageError, match="it has the class 'never'"):
        examples_for(first.signature, other, "test")


def test_pictures_of_another_size_are_brought_to_the_models(tmp_path):
    digits = cg.dataset("digits")
    parts = (part.select(range(40)) for part in (digits.train, digits.valid, digits.test))
    few = Dataset("few", *parts, signature=digits.signature)
    write_pictures(few, tmp_path / "small")
    large = cg.dataset(f"folder:{tmp_path}/small", size=16)
    found = examples_for(large.signature, f"folder:{tmp_path}/small", "test")
    assert found.inputs.shape[1:] == (1, 16, 16)


def test_one_class_and_several_at_once_are_not_alike():
    data = cg.dataset("digits")
    several = replace(data.signature.output, task="multi-label")
    with pytest.raises(cg.UsageError, match="an answer of kind classes, the data has class"):
        examples_for(cg.Signature(data.signature.inputs, (several,)), data, "test")


@pytest.mark.parametrize(
    ("data", "part"),
    [
        ("moons", "an input of kind image, the data has vector"),
        ("fashion", "unknown data 'fashion'"),
    ],
)
def test_other_data_is_refused(data, part):
    with pytest.raises(cg.UsageError, match=part):
        examples_for(cg.dataset("digits").signature, data, "test")


def test_pictures_of_some_classes_are_measured_by_their_names(tmp_path):
    """A model of three classes, pictures of two of them."""
    for part, labels in (("known", "abc"), ("new", "ac"), ("strange", "ad")):
        for label in labels:
            (tmp_path / part / label).mkdir(parents=True)
            for number in range(12):
                shade = Image.new("L", (8, 8), 10 * number + ord(label))
                shade.save(tmp_path / part / label / f"{number}.png")
    signature = dataset(f"folder:{tmp_path}/known").signature
    examples = examples_for(signature, f"folder:{tmp_path}/new", "all")
    assert examples.signature.output.labels == ("a", "b", "c")
    by_name = dict(zip(examples.names, examples.targets.tolist(), strict=True))
    assert set(by_name.values()) == {0, 2}
    assert all(target == "abc".index(name[0]) for name, target in by_name.items())
    with pytest.raises(UsageError, match="the class 'd' is none of those known, a, b, c"):
        examples_for(signature, f"folder:{tmp_path}/strange", "all")
