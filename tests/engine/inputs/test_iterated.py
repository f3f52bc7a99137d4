"""Streams of no length, as `fit` reads them: the rehearsal takes nothing away from the run."""

import pytest
import torch
from torch.utils.data import DataLoader, IterableDataset

import cartograd as cg
from cartograd.core.errors import UsageError
from cartograd.core.ports import Port, Signature
from cartograd.engine.inputs.stream import Iterated
from cartograd.training.objectives.classify import Classify

X = torch.rand(40, 3, generator=torch.Generator().manual_seed(0))
Y = (X[:, 0] > 0.5).long()


class Once(IterableDataset):
    """It goes on where it was left, as a socket does."""

    def __init__(self):
        self.rows = iter(zip(X, Y, strict=True))

    def __iter__(self):
        return self.rows


class Whole(IterableDataset):
    def __iter__(self):
        yield from zip(X, Y, strict=True)


def model():
    torch.manual_seed(0)
    ports = (Port("x", "vector", (3,)),), (Port("y", "label", (2,), labels=("no", "yes")),)
    return cg.sign(torch.nn.Linear(3, 2), Signature(*ports))


def weights(run):
    return [one.tolist() for one in run.model.parameters()]


def test_the_first_batch_is_still_there_after_a_look():
    source = Iterated(DataLoader(Once(), batch_size=8))
    seen = source.first(seed=0)
    seen[0].zero_()  # a rehearsal may change it
    assert torch.equal(source.first(seed=0)[0], X[:8])
    assert torch.equal(torch.cat([x for x, _ in source.epoch(0, seed=0)]), X)
    assert source.first(seed=0) is None


def test_a_run_on_a_stream_is_that_on_a_list_of_its_batches():
    batches = list(zip(X.split(8), Y.split(8), strict=True))
    runs = [
        cg.fit(Classify(model=model()), source, epochs=1)
        for source in (batches, DataLoader(Once(), batch_size=8), DataLoader(Whole(), batch_size=8))
    ]
    assert [run.steps for run in runs] == [5, 5, 5]
    assert weights(runs[0]) == weights(runs[1]) == weights(runs[2])


def test_a_second_epoch_of_a_spent_stream_says_so():
    with pytest.raises(UsageError, match=r"epoch 2 has no batches, as the stream was spent .*=1"):
        cg.fit(Classify(model=model()), DataLoader(Once(), batch_size=8), epochs=2)


def test_a_schedule_asks_for_the_number_of_steps():
    loader = DataLoader(Whole(), batch_size=8)
    with pytest.raises(UsageError, match=r"cosine needs the number of steps .*cosine:total=10000"):
        cg.fit(Classify(model=model()), loader, epochs=2, schedule="cosine")
    run = cg.fit(Classify(model=model()), loader, epochs=2, schedule="cosine:total=10")
    assert run.steps == 10


def test_workers_that_all_read_the_whole_are_told():
    source = Iterated(DataLoader(Whole(), batch_size=8, num_workers=2))
    with pytest.warns(UserWarning, match="the 2 workers of this loader give the same examples"):
        source.first(seed=0)


def test_a_stopped_run_goes_on_bit_for_bit(tmp_path):
    loader = DataLoader(Whole(), batch_size=8)
    whole = cg.fit(Classify(model=model()), loader, epochs=3)
    cg.fit(Classify(model=model()), loader, epochs=1, folder=tmp_path / "run")
    resumed = cg.fit(
        Classify(model=model()), loader, epochs=3, folder=tmp_path / "run", resume=True
    )
    assert weights(whole) == weights(resumed)
