"""Plain attributes of an objective that change in training come back, or refuse the resume."""

import random
from collections import deque

import pytest
import torch

from cartograd.core.errors import UsageError
from cartograd.engine.loop.fit import fit
from tests.engine.checkpoint.test_chains import Stopping
from tests.engine.objectives.supervised import Supervised
from tests.engine.toys import Toy, mlp, quadrants

pytestmark = pytest.mark.untyped


class Held:
    """An object of the user's own."""

    def __init__(self):
        self.count = 0


class Counting(Supervised):
    """Weighs each loss by what it has counted, so that a lost count is another result."""

    def __init__(self):
        super().__init__(mlp(2, 6, 2))
        self.seen, self._hidden = 0, 0
        self.mean = torch.zeros(())
        self.past: deque[float] = deque(maxlen=3)
        self.table = {"most": 0.0}
        self.held = Held()
        self.own = random.Random(3)

    def losses(self, batch):
        for loss in super().losses(batch):
            self.seen += 1
            self._hidden += 2
            self.held.count += 3
            value = float(loss.value.detach().mean())
            self.mean = 0.9 * self.mean + 0.1 * value
            self.past.append(value)
            self.table["most"] = max(self.table["most"], value)
            self.late = self.seen / 2  # it comes into being in training
            told = self.seen + self._hidden + self.held.count + float(self.mean) + self.late
            weight = told + sum(self.past) + self.table["most"] + self.own.random()
            yield type(loss)(loss.value * weight)


class Odd(Supervised):
    """With a setting that cannot be kept."""

    def __init__(self):
        super().__init__(mlp(2, 6, 2))
        self.odd = {0: Held()}

    def losses(self, batch):
        self.odd[0].count += 1
        yield from super().losses(batch)


def trained(make, folder, stop=None, **more):
    torch.manual_seed(0)
    objective, data = make(), Toy(*quadrants(48), batch_size=8)
    stopping = [] if stop is None else [Stopping(stop)]
    fit(objective, data, epochs=2, folder=folder, callbacks=stopping, progress=False, **more)
    return objective


def test_what_changed_in_training_goes_on(tmp_path):
    whole = trained(Counting, tmp_path / "whole")
    assert (whole.seen, whole._hidden, whole.held.count) == (12, 24, 36)
    trained(Counting, tmp_path / "parted", stop=7)
    again = trained(Counting, tmp_path / "parted", resume=True)
    assert (again.seen, again._hidden, again.held.count) == (12, 24, 36)
    assert (again.past, again.table, again.late) == (whole.past, whole.table, whole.late)
    for ours, theirs in zip(again.parameters(), whole.parameters(), strict=True):
        assert torch.equal(ours, theirs)


def test_what_cannot_be_kept_refuses_by_name(tmp_path):
    trained(Odd, tmp_path / "odd", stop=7)
    with pytest.raises(UsageError, match="lacks odd of the objective, which changed in training"):
        trained(Odd, tmp_path / "odd", resume=True)
    trained(Odd, tmp_path / "odd", resume=True, exact=False)
