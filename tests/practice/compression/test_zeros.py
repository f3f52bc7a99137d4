import copy
import shutil

import pytest
import torch
from torch import nn
from torch.nn.utils import prune

import cartograd as cg
from cartograd.apps.verbs.compress_steps import compress_steps
from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.core.narrowed import narrowing_of
from cartograd.core.ports import Port, Signature
from cartograd.core.signed import sign
from cartograd.engine.files.bundle import load, write_bundle
from cartograd.engine.files.tensor_files import read_tensors
from cartograd.practice.compression.prune_magnitude import prune_magnitude
from cartograd.practice.compression.prune_movement import movement, prune_movement
from cartograd.practice.compression.prune_snip import prune_snip
from cartograd.practice.compression.slopes import own_loss, slopes

ROW, KIND = Port("row", "vector", (4,)), Port("class", "label", (3,), task="classify")


def network():
    torch.manual_seed(0)
    layers = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
    return sign(layers, Signature((ROW,), (KIND,)))


class Batches:
    """A few batches, always the same."""

    def __init__(self, *batches):
        self.batches = batches

    def __len__(self):
        return len(self.batches)

    def epoch(self, number, /, *, seed, start=0):
        yield from self.batches[start:]


def batches(count=3):
    draw = torch.Generator().manual_seed(1)
    every = [(torch.randn(6, 4, generator=draw), torch.randint(3, (6,), generator=draw))
             for _ in range(count)]  # fmt: skip
    return Batches(*every)


@pytest.mark.oracle("prune-magnitude")
@pytest.mark.parametrize("scope", ["local", "global"])
def test_equals_torchs_pruning(scope):
    model = network()
    ours = prune_magnitude(model, amount=0.4, scope=scope)
    theirs = copy.deepcopy(model)
    parts = [(part, "weight") for part in theirs.modules() if isinstance(part, nn.Linear)]
    if scope == "global":
        prune.global_unstructured(parts, pruning_method=prune.L1Unstructured, amount=0.4)
    else:
        for part, name in parts:
            prune.l1_unstructured(part, name, amount=0.4)
    for number in (0, 2):
        assert torch.equal(ours.model[number].weight, theirs.model[number].weight)
        assert torch.equal(ours.model[number].bias, theirs.model[number].bias)


@pytest.mark.law("prune-magnitude")
def test_of_four_neighbours_the_larger_two_stay():
    model = network()
    made = prune_magnitude(model, structure="2:4").model[2].weight.detach().unflatten(1, (-1, 4))
    whole = model.model[2].weight.detach().unflatten(1, (-1, 4))
    assert ((made != 0).sum(2) == 2).all()
    gone = whole.where(made == 0, torch.zeros(())).abs().amax(2)
    assert (gone <= made.abs().topk(2, 2).values[..., 1]).all()


@pytest.mark.law("prune-magnitude")
@pytest.mark.parametrize("optimizer", ["adamw:lr=0.01,weight_decay=0.1", "sgd:lr=0.1,momentum=0.9"])
def test_zeros_stay_zero_in_a_further_training(optimizer, tmp_path):
    model = build("mlp:widths=[16]", kind="model", signature=cg.dataset("moons").signature)
    small = cg.compress(model, method="prune-magnitude:amount=0.6")
    write_bundle(tmp_path / "small", small)
    run = cg.train(str(tmp_path / "small"), "moons", epochs=1, optimizer=optimizer, seed=0,
                   yardstick="none", folder=tmp_path / "run")  # fmt: skip
    for name in narrowing_of(small.model).sparse:
        before, after = (one.model.get_parameter(name) for one in (small, run.model))
        assert torch.equal(before == 0, after == 0)
        assert (before == 0).sum() == round(0.6 * before.numel())
        assert not torch.equal(before, after)
    assert narrowing_of(load(tmp_path / "run").model.model) == narrowing_of(small.model)


@pytest.mark.chart
@pytest.mark.place("compress/prune-unstructured")
@pytest.mark.law("prune-magnitude")
def test_accuracy_falls_as_zeros_grow(tmp_path):
    cg.train("mlp:widths=[32]", "digits", epochs=4, seed=0, yardstick="none",
             folder=tmp_path / "run")  # fmt: skip
    shares = (0.5, 0.8, 0.97)
    steps = [f"prune-magnitude:amount={share},scope=global" for share in shares]
    found = compress_steps(tmp_path / "run", steps, folder=tmp_path / "small")
    for stage, share in zip(found.stages[1:], shares, strict=True):
        assert stage.zeros == pytest.approx(share, abs=1e-3)
    values = [stage.value for stage in found.stages]
    assert values[0] - values[1] < 0.05 < values[0] - values[3]
    page = found.page.read_text()
    assert all(f"{100 * share:.1f} %" in page for share in shares)


@pytest.fixture(scope="module")
def checkpointed(tmp_path_factory):
    """A small run that kept what it was after five steps."""
    folder = tmp_path_factory.mktemp("lottery") / "run"
    cg.train("mlp:widths=[16]", "moons", epochs=2, seed=0, keep="every=5", yardstick="none",
             folder=folder)  # fmt: skip
    return folder


@pytest.mark.law("prune-magnitude")
@pytest.mark.parametrize("scope", ["local", "global"])
def test_what_is_left_begins_again_where_it_was(scope, checkpointed):
    trained, place = load(checkpointed).model, checkpointed / "checkpoints" / "step-000000005"
    at_five = read_tensors(place / "objective.safetensors")
    masks = []
    for amount in (0.5, 0.75):
        method = f"prune-magnitude:amount={amount},scope={scope}"
        ticket = cg.compress(trained, method=f"{method},rewind={place}").model
        pruned = cg.compress(trained, method=method).model
        for name, weight in ticket.state_dict().items():
            left = pruned.state_dict()[name] != 0
            assert torch.equal(weight, at_five[f"objective.objective.model.model.{name}"] * left)
            assert not left.any() or not torch.equal(weight, pruned.state_dict()[name])
        assert narrowing_of(ticket) == narrowing_of(pruned)
        masks.append(torch.cat([(ticket.get_parameter(name) != 0).reshape(-1)
                                for name in narrowing_of(ticket).sparse]))  # fmt: skip
    assert (masks[1] <= masks[0]).all()
    assert masks[1].sum() < masks[0].sum()


def test_a_ticket_is_trained_in_rounds_and_keeps_its_zeros(checkpointed, tmp_path):
    start = f"scope=global,rewind={checkpointed / 'checkpoints' / 'step-000000005'}"
    learns = "fine-tune:epochs=1,yardstick=none"
    rounds = [f"prune-magnitude:amount={amount},{start}" for amount in (0.5, 0.75)]
    steps = [rounds[0], learns, rounds[1], learns]
    found = compress_steps(checkpointed, steps, folder=tmp_path / "small")
    assert [round(stage.zeros, 2) for stage in found.stages] == [0, 0.5, 0.5, 0.75, 0.75]
    first, second = (load(stage.path).model.model for stage in found.stages[2::2])
    for name in narrowing_of(second).sparse:
        assert not second.get_parameter(name)[first.get_parameter(name) == 0].any()


def test_what_began_at_zero_and_is_left_learns(tmp_path):
    model = network()
    early = copy.deepcopy(model)
    torch.nn.init.zeros_(early.model[2].weight)
    write_bundle(tmp_path / "early", sign(early.model, early.signature))
    with torch.no_grad():
        ticket = prune_magnitude(model, amount=0.5, rewind=str(tmp_path / "early")).model
    assert int((ticket[2].weight != 0).sum()) == 12
    assert ticket[2].weight.abs().max() < 1e-37


@pytest.mark.untyped
def test_weights_of_another_model_are_refused_before_any_work(checkpointed, tmp_path):
    def why(rewind, *before):
        steps = [*before, f"prune-magnitude:rewind={rewind}"]
        with pytest.raises(UsageError) as told:
            compress_steps(checkpointed, steps, folder=tmp_path / "none")
        assert not (tmp_path / "none").exists()
        return str(told.value)

    assert "there is no such folder; expected a checkpoint" in why(tmp_path / "missing")
    assert "holds no bundle" in why(tmp_path)
    small = build("mlp:widths=[8]", kind="model", signature=cg.dataset("moons").signature)
    write_bundle(tmp_path / "small", small)
    assert "is of another model" in why(tmp_path / "small")
    assert "cannot come after prune-channels" in why(checkpointed, "prune-channels")
    changed = shutil.copytree(checkpointed / "checkpoints" / "step-000000005", tmp_path / "step")
    with (changed / "objective.safetensors").open("r+b") as file:
        file.seek(-1, 2)
        file.write(b"\x00")
    assert "was changed or damaged" in why(changed)


@pytest.mark.law("prune-snip")
def test_the_score_is_the_change_of_the_loss():
    model, data = network().double(), Batches(*((x.double(), y) for x, y in batches().batches))
    slope = slopes(model, data, "a test")

    def loss(one):
        objective, _ = own_loss(one, "a test")
        return sum(next(iter(objective.losses(b))).value.mean() for b in data.batches)

    for place in ((0, 1), (5, 3)):
        less = copy.deepcopy(model)
        weight = less.model[0].weight
        with torch.no_grad():
            weight[place] *= 1 - 1e-6
            change = (loss(model) - loss(less)) / 1e-6
        expected = (model.model[0].weight * slope["model.0.weight"])[place]
        assert float(change.detach()) == pytest.approx(float(expected.detach()), rel=1e-3, abs=1e-8)


@pytest.mark.place("compress/prune-unstructured")
@pytest.mark.law("prune-snip")
def test_inputs_that_say_nothing_go_first():
    model = network()
    with torch.no_grad():
        model.model[0].weight[:, 2] = 9.0
        model.model[0].bias.fill_(20.0)  # no unit is silent
    silent = Batches(*((x * torch.tensor([1.0, 1, 0, 1]), y) for x, y in batches().batches))
    made = prune_snip(model, silent, amount=0.25, scope="local").model[0].weight
    assert not made[:, 2].any()
    assert (made == 0).sum() == 8
    assert prune_magnitude(model, amount=0.25).model[0].weight[:, 2].all()


@pytest.mark.law("prune-movement")
def test_scores_of_a_step_are_weights_times_what_it_adds():
    model, data = network(), batches(1)
    scores = movement(model, data, steps=1, lr=0.5)
    slope = slopes(model, data, "a test")
    for name, score in scores.items():
        added = -0.5 * slope[name]
        torch.testing.assert_close(score, model.get_parameter(name) * added / 0.5)


@pytest.mark.place("compress/prune-unstructured")
@pytest.mark.law("prune-movement")
def test_what_shrinks_goes_first():
    lone = sign(nn.Sequential(nn.Linear(2, 2, bias=False)), Signature(
        (Port("row", "vector", (2,)),), (Port("class", "label", (2,), task="classify"),)
    ))  # fmt: skip
    with torch.no_grad():  # large against the classes, small for them
        lone.model[0].weight.copy_(torch.tensor([[-2.0, 0.1], [2.0, -0.1]]))
    x = torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]])
    data = Batches(*[(x, torch.tensor([0, 0, 1, 1]))] * 5)
    made = prune_movement(lone, data, amount=0.5, lr=0.01)
    assert (made.model[0].weight == 0).tolist() == [[True, False], [True, False]]


@pytest.mark.untyped
def test_what_cannot_be_is_refused():
    for method in (prune_snip, prune_movement):
        with pytest.raises(UsageError, match="needs examples with their right answers"):
            method(network())
    with pytest.raises(UsageError, match="no matrix"):
        prune_magnitude(nn.Sequential(nn.ReLU()))
    with pytest.raises(UsageError, match="2:4"):
        prune_magnitude(nn.Sequential(nn.Linear(3, 3)), structure="2:4")
