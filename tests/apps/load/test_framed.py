"""Tables in memory: understood as the same table in a file is, by every verb."""

import datetime
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch

import cartograd as cg
from cartograd.core.errors import UsageError
from cartograd.data.decode.frames import frame_table, is_frame


def frame(count=120):
    """Whether somebody leaves: what the month and the plan say."""
    draws = np.random.default_rng(0)
    days = [datetime.datetime(2024, 1, 1, 9) + datetime.timedelta(days=3 * i) for i in range(count)]
    return pd.DataFrame({
        "since": days,
        "plan": pd.Categorical(draws.choice(["small", "large"], count)),
        "calls": pd.array([None if i % 9 == 0 else i % 7 for i in range(count)], dtype="Int64"),
        "paid": draws.random(count) < 0.5,
        "note": [f"wrote about number {i} today" for i in range(count)],
        "leaves": [("no", "yes")[day.month > 6] for day in days],
    })  # fmt: skip


class Labels:
    """As ClassLabel of the package datasets."""

    def __init__(self, *names):
        self.names = list(names)


class Hub:
    """As a Dataset of the package datasets, as far as it is asked."""

    def __init__(self, columns, **features):
        self.columns = columns
        self.column_names = list(columns)
        self.features = {name: features.get(name, SimpleNamespace()) for name in columns}

    def with_format(self, kind):
        assert kind is None
        return self.columns


def hub(count=60):
    words = [("awful", "fine")[i % 2] for i in range(count)]
    texts = [f"the food was {word} there {i}" for i, word in enumerate(words)]
    labels = [i % 2 for i in range(count)]
    return Hub({"text": texts, "label": labels}, label=Labels("neg", "pos"))


def test_a_frame_is_what_the_file_of_it_is(tmp_path):
    table = frame()
    path = tmp_path / "leaves.csv"
    table.to_csv(path, index=False)
    other = tmp_path / "leaves.parquet"
    table.to_parquet(other)
    arrow = pa.Table.from_pandas(table)
    read = [cg.dataset(one, target="leaves") for one in (table, path, other, arrow)]
    columns = [one.signature.input.columns for one in read]
    assert columns[1:] == columns[:-1]
    for part in ("train", "valid", "test"):
        one, two = getattr(read[0], part), getattr(read[1], part)
        assert torch.equal(one.inputs, two.inputs)
        assert torch.equal(one.targets, two.targets)
    assert read[0].about["sha256"] == read[3].about["sha256"]


def test_from_training_to_answers(tmp_path):
    table = frame()
    run = cg.train("mlp", table, target="leaves", folder=tmp_path / "run", epochs=2)
    assert "target=leaves" in (tmp_path / "run" / "config.toml").read_text()
    own = cg.evaluate(run, table)
    assert own.examples < len(table) / 2  # those held back from these very cells
    path = tmp_path / "leaves.csv"
    table.to_csv(path, index=False)
    assert cg.evaluate(run, f"{path},target=leaves", part="test").metrics == own.metrics
    new = table.iloc[::4]
    found = cg.evaluate(run, new)
    assert found.examples == 30
    answers = cg.predict(run, new)
    assert len(answers) == 30
    assert answers[0]["source"] == "DataFrame row 1"
    rows = [one["probability"] for one in cg.predict(run, path)][::4]
    assert [one["probability"] for one in answers] == pytest.approx(rows)
    with pytest.raises(UsageError, match="lacks 1 of the"):
        cg.predict(run, new.drop(columns="plan"))


def test_a_column_of_strange_cells_is_named_with_its_row(tmp_path):
    run = cg.train("mlp", frame(), target="leaves", folder=tmp_path / "run", epochs=1)
    new = frame(4).astype({"calls": object})
    new.loc[2, "calls"] = "many"
    with pytest.raises(UsageError, match="DataFrame row 3: 'many' in the numeric column 'calls'"):
        cg.predict(run, new)
    some = cg.predict(run, new, strict=False)
    assert (len(some), len(some.refused)) == (3, 1)


def test_texts_and_names_of_classes_of_hugging_face(tmp_path):
    """A model of texts takes their column; numbers of classes are called by their names."""
    run = cg.train("lstm:dim=8", hub(), folder=tmp_path / "run", epochs=1)
    assert run.model.signature.output.labels == ("neg", "pos")
    assert run.model.signature.input.name == "text"
    asked = Hub({"text": ["the food was fine", "awful food"]})
    assert len(cg.predict(run, asked)) == 2
    assert cg.evaluate(run, hub(20)).examples == 20


def test_parts_stay_parts():
    whole = {"train": hub(60), "validation": hub(20), "test": hub(16)}
    data = cg.dataset(whole, target="label")
    assert [len(data.train), len(data.valid), len(data.test)] == [60, 20, 16]
    frames = {"train": frame(80), "test": frame(40)}
    parted = cg.dataset(frames, target="leaves")
    assert len(parted.test) == 40
    with pytest.raises(UsageError, match="the part 'test' has other columns than 'train'"):
        cg.dataset({"train": frame(), "test": frame().drop(columns="plan")}, target="leaves")


def test_cells_are_written_as_in_files():
    lists = pd.DataFrame({"tags": [["a", "b"], [], None], "n": [1.0, float("nan"), 2.5]})
    assert frame_table(lists).rows == [["a;b", "1"], ["", ""], ["", "2.5"]]
    named = Hub({"y": [[0, 1], []], "z": [-1, 1]}, z=Labels("no", "yes"))
    named.features["y"] = SimpleNamespace(feature=Labels("cat", "dog"))
    assert frame_table(named).rows == [["cat;dog", ""], ["", "yes"]]
    polars = SimpleNamespace(
        columns=["a"], get_columns=lambda: [SimpleNamespace(to_list=lambda: [1, None])],
        iter_rows=None,
    )  # fmt: skip
    assert frame_table(polars).rows == [["1"], [""]]
    assert not any(map(is_frame, ([1, 2], {}, {"train": 3}, "digits", torch.zeros(2), None)))


def test_what_cannot_be_read_is_refused(tmp_path):
    class Image:
        names = None

    pictures = Hub({"image": [0], "label": [1]}, image=Image())
    for given, said in (
        (pictures, "the column 'image' is of Image, which is no cell of a table"),
        (pd.DataFrame(), "the DataFrame is empty"),
        (frame().rename(columns={"leaves": "gone"}), r"say which of its columns .* target='gone'"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "DataFrame.*'a'"),
    ):
        with pytest.raises(UsageError, match=said):
            cg.train("mlp", given, folder=tmp_path / "run")
    with pytest.raises(UsageError, match="target=x names a column of a table, and the data is a"):
        cg.train("mlp", cg.dataset("digits"), target="x", folder=tmp_path / "run")
    path = tmp_path / "a.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(UsageError, match="which names one itself"):
        cg.train("mlp", f"{path},target=a", target="b", folder=tmp_path / "run")
    assert not (tmp_path / "run").exists()
