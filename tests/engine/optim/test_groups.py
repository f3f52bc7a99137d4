"""Parameter groups: rates by depth, rates and decay by name, in whole runs and resumed ones."""

import pytest
import torch
from torch import nn

from cartograd.core.errors import UsageError
from cartograd.engine.logging.run_folder import read_lines
from cartograd.engine.loop.fit import fit
from cartograd.engine.optim.groups import arrange, depths, parsed, text_of
from cartograd.engine.optim.optimizers import for_module, optimizer
from cartograd.engine.optim.schedule import schedule
from tests.engine.objectives.supervised import Supervised
from tests.engine.toys import Toy, mlp, quadrants


def trained(epochs=2, model=None, **more):
    model = mlp(2, 16, 2) if model is None else model
    run = fit(Supervised(model), Toy(*quadrants(200)), epochs=epochs, **more)
    return [p.tolist() for p in run.model.parameters()]


def test_layers_are_the_children_of_containers_and_named_parts():
    blocks = nn.Sequential(nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2)), nn.Linear(2, 2))
    model = nn.ModuleDict({"tokens": nn.Embedding(3, 2), "blocks": blocks, "head": nn.Linear(2, 2)})
    assert depths(model) == {
        "tokens.weight": 0,
        "blocks.0.0.weight": 1, "blocks.0.0.bias": 1,
        "blocks.0.1.weight": 2, "blocks.0.1.bias": 2,
        "blocks.1.weight": 3, "blocks.1.bias": 3,
        "head.weight": 4, "head.bias": 4,
    }  # fmt: skip


@pytest.mark.parametrize("spec", ["sgd:lr=1", "momentum:lr=1,momentum=0"])
def test_a_step_is_shorter_by_the_factor_for_each_layer(spec):
    model = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 3), nn.Linear(3, 1))
    before = [p.detach().clone() for p in model.parameters()]
    made = optimizer(spec, model.parameters())
    arrange(made, model, layer_decay=0.5, groups={})
    for p in model.parameters():
        p.grad = torch.ones_like(p)
    made.step()
    moved = [
        float((b - p.detach()).mean()) for b, p in zip(before, model.parameters(), strict=True)
    ]
    assert moved == pytest.approx([0.25, 0.25, 0.5, 0.5, 1.0, 1.0])


@pytest.mark.parametrize("spec", ["adamw:lr=0.1,weight_decay=0.5", "muon:lr=0.1,weight_decay=0.5"])
def test_rate_and_decay_by_name(spec):
    model = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    made = for_module(spec, model, given={"1.weight": spec.partition(":")[0]})
    used = arrange(made, model, groups=parsed("0.*:lr=0.2;*.weight:weight_decay=0.25;x:lr=1"))
    assert used == {"0.*", "*.weight"}
    for p in model.parameters():
        p.grad = torch.zeros_like(p)
    made.step()
    after = dict(model.named_parameters())
    torch.testing.assert_close(after["0.weight"], before["0.weight"] * (1 - 0.2 * 0.5))
    torch.testing.assert_close(after["1.weight"], before["1.weight"] * (1 - 0.1 * 0.25))


@pytest.mark.parametrize("spec", ["onecycle:max_lr=1", "cosine:warmup=2", "constant"])
def test_a_schedule_scales_all_rates_alike(spec):
    model = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))
    made, plain = (optimizer("sgd:lr=0.5", model.parameters()) for _ in range(2))
    arrange(made, model, layer_decay=0.5, groups={})
    plans = [schedule(spec, one, 8, epochs=1) for one in (made, plain)]
    for step in range(8):
        for plan in plans:
            plan.begin(0, [])
            plan.apply(step)
        whole = plain.param_groups[0]["lr"]
        assert [g["lr"] for g in made.param_groups] == pytest.approx([whole / 2, whole])


@pytest.mark.parametrize("spec", ["adamw:lr=0.02,weight_decay=0.5", "muon:lr=0.02"])
def test_a_run_resumes_and_is_refused_with_other_groups(tmp_path, spec):
    given = {
        "optimizer": spec, "schedule": None, "clip": 1.0, "accumulate": 2,
        "average": "ema:decay=0.9", "layer_decay": 0.7, "groups": {"*.bias": "lr=0.05"},
    }  # fmt: skip
    folder = tmp_path / "run"
    wanted = trained(4, **given)
    assert wanted != trained(4, **given | {"layer_decay": None})
    assert wanted != trained(4, **given | {"groups": None})
    trained(2, folder=folder, **given)
    again = given | {"groups": "*.bias:lr=0.05"}
    assert trained(4, mlp(2, 16, 2, seed=5), folder=folder, resume=True, **again) == wanted
    told = next(x for x in read_lines(folder / "events.jsonl") if x["event"] == "groups")
    assert {round(x["lr"], 9) for x in told["groups"]} == {0.014, 0.02, 0.05}
    with pytest.raises(UsageError, match=r"was written with layer_decay=0\.7"):
        trained(4, folder=folder, resume=True, **given | {"layer_decay": 0.8})
    with pytest.raises(UsageError, match=r"was written with groups='\*\.bias:lr=0\.05'"):
        trained(4, folder=folder, resume=True, **given | {"groups": None})


def test_no_decay_by_depth_is_no_change_and_the_rate_told_is_the_last_layers():
    given = {"optimizer": "adamw:lr=0.02", "schedule": "cosine"}
    assert trained(layer_decay=1.0, **given) == trained(**given)
    model = mlp(2, 16, 2)
    options = {"optimizer": "sgd:lr=0.5", "layer_decay": 0.1, "epochs": 1}
    run = fit(Supervised(model), Toy(*quadrants(40)), **options)
    assert run.history[0]["lr"] == pytest.approx(0.5)


def test_text_and_table_are_one():
    table = {"*.bias": "weight_decay=0", "0.*": "lr=0.1,weight_decay=0.2,optimizer=adamw"}
    assert parsed(text_of(parsed(table))) == parsed(table)
    assert text_of(parsed(None)) is None


@pytest.mark.parametrize(
    ("given", "part"),
    [
        ({"groups": "bias"}, "is no list of groups; expected PATTERN:lr="),
        ({"groups": "*.bias:momentum=1"}, "unknown setting of a group 'momentum'"),
        ({"groups": "*.bias:lr=-1"}, "expected a number from 0 on"),
        ({"groups": "*.bias:lr=0"}, "freeze these parameters"),
        (
            {"groups": "head.*:lr=0.1"},
            "no parameter is left for 'head.*'; their names are 0.weight",
        ),
        ({"groups": "*.bias:weight_decay=0", "optimizer": "rprop"}, "rprop has no weight_decay"),
        ({"groups": "0.*:weight_decay=0", "optimizer": "proximal"}, "proximal has no weight_decay"),
        ({"layer_decay": 1.5}, "layer_decay=1.5 is out of range; expected at most 1.0"),
        ({"layer_decay": 0.0}, "layer_decay=0.0 is out of range; expected above 0.0"),
    ],
)
def test_wrong_groups(given, part):
    with pytest.raises(UsageError) as caught:
        trained(**given)
    assert part in str(caught.value)
