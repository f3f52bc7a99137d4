"""Data of torch: read once, in the order of the dataset, whatever its loader does."""

import pytest
import torch
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

import cartograd as cg
from cartograd.core.errors import UsageError
from cartograd.data.dataset.gathered import gathered

X = torch.rand(50, 3, generator=torch.Generator().manual_seed(0))
Y = (X[:, 0] > 0.5).long()


class Named(torch.utils.data.Dataset):
    def __len__(self):
        return 50

    def __getitem__(self, i):
        ids = (X[i] * 9).long()
        return {"input_ids": ids, "attention_mask": ids > 0, "labels": Y[i]}


def everything(data):
    return sorted(
        row for part in (data.train, data.valid, data.test) for row in part.inputs.tolist()
    )


@pytest.mark.parametrize(
    "given",
    [
        TensorDataset(X, Y),
        DataLoader(TensorDataset(X, Y), batch_size=7, shuffle=True, drop_last=True),
    ],
)
def test_every_example_is_there_once_as_it_is(given):
    data = gathered(given)
    assert everything(data) == sorted(X.tolist())
    assert not data.signature.input.mean
    assert (len(data.valid), len(data.test)) > (0, 0)


def test_parts_of_their_own():
    parts = {"train": TensorDataset(X[:30], Y[:30]), "test": TensorDataset(X[30:], Y[30:])}
    data = gathered(parts)
    assert torch.equal(data.test.inputs, X[30:])
    assert len(data.train) + len(data.valid) == 30


def test_a_dict_batch_is_several_inputs_by_name():
    signature = gathered(Named()).signature
    assert [(port.name, port.kind) for port in signature.inputs] == [
        ("input_ids", "text"), ("attention_mask", "text"),
    ]  # fmt: skip


def test_what_is_read_is_said_with_its_size_and_what_does_not_fit_is_refused(monkeypatch):
    (line,) = (line for line in gathered(TensorDataset(X, Y)).decided if "memory" in line)
    assert line.startswith("50 examples (0.01 MB) were read into memory once, in the dataset's")
    loader = DataLoader(TensorDataset(X, Y), batch_size=10)
    monkeypatch.setattr("cartograd.data.dataset.gathered.available", lambda: 1_900)
    with pytest.raises(UsageError, match=r"all examples would take 0.01 MB, .*cartograd.fit"):
        gathered(loader)  # 50 x (3 x 4 + 8) bytes, twice


class Stream(IterableDataset):
    def __init__(self, rounds=1):
        self.rounds = rounds

    def __iter__(self):
        for _ in range(self.rounds):
            yield from zip(X, Y, strict=True)


@pytest.mark.parametrize(
    "given",
    [
        Stream(),
        DataLoader(Stream(), batch_size=7, num_workers=2),  # neither takes a part
        DataLoader([(X[:20], Y[:20]), (X[20:], Y[20:])], batch_size=None),
    ],
)
def test_a_stream_is_read_to_its_end_each_example_once(given):
    data = gathered(given)
    assert everything(data) == sorted(X.tolist())
    assert len(cg.evaluate(cg.sign(torch.nn.Linear(3, 2), data.signature), given).outputs) == 50


def test_a_stream_without_end_is_refused(monkeypatch):
    monkeypatch.setattr("cartograd.data.dataset.gathered.MOST", 120)
    with pytest.raises(UsageError, match=r"150 examples of the stream .*no end is known; give it"):
        gathered(DataLoader(Stream(10**9), batch_size=50))
    monkeypatch.setattr("cartograd.data.dataset.gathered.available", lambda: 1_500)
    with pytest.raises(UsageError, match=r"50 examples of the stream .*cartograd.fit"):
        gathered(DataLoader(Stream(10**9), batch_size=50))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (Stream(0), "there are no examples"),
        ({"training": TensorDataset(X, Y)}, "parts training; expected train, valid and test"),
        ({"train": X}, "train is Tensor; expected a DataLoader"),
        (TensorDataset(X), r"a batch is list; expected \(inputs, targets\)"),
        ([{"x": X[0]}], "is no data"),
    ],
)
@pytest.mark.untyped
def test_what_is_no_data(given, message):
    with pytest.raises(UsageError, match=message):
        cg.dataset(given)


def test_train_and_evaluate_take_them_and_a_metric_of_ones_own(tmp_path):
    torch.manual_seed(0)
    loader = DataLoader(TensorDataset(X, Y), batch_size=10)
    run = cg.train(
        torch.nn.Linear(3, 2), loader, epochs=40, optimizer="adamw:lr=0.1", folder=tmp_path / "run"
    )

    def right(outputs, targets):
        return float((outputs.argmax(1) == targets).float().mean())

    found = cg.evaluate(run, loader, metrics=("accuracy", right))
    assert found.examples == 50
    assert found.metrics["right"] == pytest.approx(found.metrics["accuracy"])
    assert found.metrics["right"] > 0.8
    low, high = found.intervals["right"]
    assert low <= found.metrics["right"] <= high
