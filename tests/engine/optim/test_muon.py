"""Muon in a run: hidden matrices and filters, AdamW for the rest, and groups that say otherwise."""

import json

import pytest
import torch
from torch import nn

from cartograd.core.errors import UsageError
from cartograd.core.files import write_manifest
from cartograd.engine.logging.run_folder import read_lines
from cartograd.engine.loop.fit import fit
from cartograd.engine.optim.optimizers import for_module, optimizer
from cartograd.engine.optim.player import Player
from cartograd.training.optimizers import muon
from tests.engine.objectives.supervised import Supervised
from tests.engine.toys import Toy, mlp, quadrants


def net(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(1, 6, 2), nn.ReLU(), nn.Flatten(), nn.Linear(24, 8), nn.ReLU(), nn.Linear(8, 2)
    ).double()


def images(count=20):
    draw = torch.Generator().manual_seed(3)
    x = torch.randn(count, 1, 3, 3, generator=draw).double()
    return x, (x.flatten(1).sum(1) > 0).long()


def by_hand(module, hidden, *, lr, steps=4, momentum=0.9, weight_decay=0.1):
    """Jordan's loop: hidden weights flattened by outputs and stepped, AdamW for the rest."""
    x, y = images()
    rest = [p for n, p in module.named_parameters() if n not in hidden]
    adamw = torch.optim.AdamW(rest, lr=lr, weight_decay=0.0)
    memories = {name: {} for name in hidden}
    for _ in range(steps):
        module.zero_grad()
        nn.functional.cross_entropy(module(x), y).backward()
        for name in hidden:
            weight = module.get_parameter(name)
            flat, memories[name] = muon.update(
                weight.detach().flatten(1), weight.grad.flatten(1), memories[name],
                lr=lr, momentum=momentum, weight_decay=weight_decay,
            )  # fmt: skip
            weight.data.copy_(flat.view_as(weight))
        adamw.step()
    return [p.detach().clone() for p in module.parameters()]


def trained(module, **given):
    given = {"optimizer": "muon:lr=0.02,momentum=0.9", "epochs": 4} | given
    fit(Supervised(module), Toy(*images(), batch_size=20, shuffle=False), **given)
    return [p.detach().clone() for p in module.parameters()]


def close(found, wanted, tolerance=1e-10):
    for mine, theirs in zip(found, wanted, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=0, atol=tolerance)


def test_filters_are_matrices_and_the_last_layer_is_adamws():
    wanted = by_hand(net(), {"0.weight", "3.weight"}, lr=0.02)
    close(trained(net()), wanted)


def test_groups_say_otherwise():
    given = {"groups": "0.*:optimizer=adamw;5.weight:optimizer=muon"}
    close(trained(net(), **given), by_hand(net(), {"3.weight", "5.weight"}, lr=0.02))


def test_a_second_optimizer_beside_any_other():
    model, steps = mlp(2, 4, 2), 3
    made = for_module("sgd:lr=0.1", model, given={"0.weight": "adamw"})
    twin = mlp(2, 4, 2)
    theirs = [
        torch.optim.AdamW([twin[0].weight], lr=0.1, weight_decay=0.0),
        torch.optim.SGD([p for n, p in twin.named_parameters() if n != "0.weight"], lr=0.1),
    ]
    x, y = quadrants(20)
    for _ in range(steps):
        for module, all_ in ((model, [made]), (twin, theirs)):
            module.zero_grad()
            nn.functional.cross_entropy(module(x), y).backward()
            for one in all_:
                one.step()
    close(list(model.parameters()), list(twin.parameters()), 1e-6)


def test_memory_formats_give_the_same_step():
    weights = [nn.Parameter(torch.randn(6, 4, 3, 3, generator=torch.Generator().manual_seed(1)))]
    weights.append(nn.Parameter(weights[0].detach().to(memory_format=torch.channels_last)))
    for weight in weights:
        made = optimizer("muon:lr=0.1", [weight])
        for seed in range(3):
            weight.grad = torch.randn(6, 4, 3, 3, generator=torch.Generator().manual_seed(seed))
            made.step()
    assert weights[1].is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(weights[0], weights[1], rtol=0, atol=5e-3)  # bfloat16 inside
    assert (weights[0] - weights[1]).abs().mean() < 1e-3


def test_a_run_resumes_and_its_events_name_what_went_where(tmp_path):
    folder = tmp_path / "run"
    wanted = trained(net())
    trained(net(), epochs=2, folder=folder)
    close(trained(net(5), folder=folder, resume=True), wanted, 0)
    lines = read_lines(folder / "events.jsonl")
    told = next(line for line in lines if line["event"] == "groups")["groups"]
    assert [(x["optimizer"], x["names"], x["weight_decay"]) for x in told] == [
        ("muon", ["0.weight", "3.weight"], 0.1),
        ("adamw", ["*.bias", "5.weight"], 0.0),
    ]


def test_a_run_of_before_goes_on_with_what_muon_stepped_then(tmp_path, monkeypatch):
    """Muon took all matrices, the output layer too, and no filters; checkpoints do not say so."""
    folder, given = tmp_path / "run", {"seed": 1, "optimizer": "muon:lr=0.02,momentum=0.9"}

    def run(epochs, seed=0, **more):
        module = mlp(2, 8, 2, seed=seed)
        fit(Supervised(module), Toy(*quadrants(60)), epochs=epochs, **given | more)
        return [p.tolist() for p in module.parameters()]

    with monkeypatch.context() as patch:
        patch.setattr("cartograd.engine.loop.arguments.muon_takes", lambda *_: "matrices")
        wanted = run(4)
        run(2, folder=folder)
    for step in (folder / "checkpoints").iterdir():
        state = json.loads((step / "state.json").read_text())
        state["parts"]["plan"]["dict"].remove(["muon", "matrices"])
        (step / "state.json").write_text(json.dumps(state))
        write_manifest(step)
    assert wanted != run(4)
    assert run(3, 5, folder=folder, resume=True) == run(3, 5, folder=folder, resume=True)
    assert run(4, 5, folder=folder, resume=True) == wanted


def test_a_checkpoint_with_other_groups_is_refused():
    given = {"3.weight": "muon"}
    before = Player("model", mlp(2, 4, 2), "muon", clip=None, given=given)
    now = Player("model", mlp(2, 4, 2), "muon", clip=None)
    with pytest.raises(
        UsageError, match=r"in groups of \[2, 2\] and this run in groups of \[1, 3\]"
    ):
        now.load(before.optimizer.state_dict())


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"groups": "*.bias:optimizer=muon"}, "muon steps matrices and filters, not a parameter"),
        ({"groups": "0.*:optimizer=lion"}, "unknown optimizer of a group 'lion'"),
        ({"groups": "0.*:optimizer=3"}, "optimizer=3 is no name"),
        ({"groups": "*:optimizer=adamw"}, "muon has nothing to step in Sequential"),
        ({"optimizer": "muon:lrr=1"}, "unknown argument of muon 'lrr'"),
    ],
)
def test_wrong_wishes_are_one_line(given, message):
    with pytest.raises(UsageError, match=message):
        trained(net(), **given)


def test_a_model_without_hidden_matrices_says_so():
    module = nn.Sequential(nn.Flatten(), nn.Linear(9, 2)).double()
    with pytest.raises(UsageError, match=r"nothing to step in Sequential .*but the last"):
        trained(module)
    start = module[1].weight.detach().clone()
    trained(module, groups={"1.weight": "optimizer=muon"})
    assert not torch.equal(module[1].weight, start)
