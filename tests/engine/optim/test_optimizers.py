import json
import shutil

import pytest
import torch
from torch import nn

from cartograd.core.errors import UsageError
from cartograd.core.files import write_manifest
from cartograd.core.protocols import Loss
from cartograd.core.spec import Spec
from cartograd.engine.loop.fit import fit
from cartograd.engine.optim.optimizers import optimizer, optimizers
from cartograd.engine.optim.player import Player
from tests.engine.objectives.supervised import Supervised
from tests.engine.toys import Toy, mlp, quadrants

CLASSES = [
    name
    for name in torch.optim.__all__
    if isinstance(getattr(torch.optim, name), type) and name != "Optimizer"
]


class Nearest(nn.Module):
    """Moves rows of a table to their targets; the gradient is sparse or dense."""

    def __init__(self, sparse):
        super().__init__()
        self.table = nn.Embedding(10, 3, sparse=sparse)
        self.players = {"model": self.table}

    def losses(self, batch):
        rows, goal = batch
        yield Loss((self.table(rows) - goal).square().sum(-1))


def test_every_optimizer_of_torch_has_a_name():
    assert sorted(found.__name__ for found in optimizers().values()) == sorted(CLASSES)


@pytest.mark.parametrize("name", CLASSES)
def test_one_step_lowers_the_loss_or_the_reason_is_told(name):
    """Every optimizer by its name in lower case, as torch itself would step."""
    spec = name.lower()
    if name == "LBFGS":
        with pytest.raises(UsageError, match="many times in one step"):
            optimizer(spec, nn.Linear(2, 2).parameters())
        return
    objective = Nearest(sparse=name == "SparseAdam")
    table = objective.table.weight
    expected = nn.Parameter(table.detach().clone())
    rows, goal = torch.arange(10), torch.full((10, 3), 5.0)
    theirs = getattr(torch.optim, name)([expected])
    loss = (nn.functional.embedding(rows, expected, sparse=name == "SparseAdam") - goal).square()
    loss.sum(-1).mean().backward()
    theirs.step()
    before = float((table - goal).detach().square().sum())
    groups = {"weight": "optimizer=muon"} if name == "Muon" else None  # a table is AdamW's
    fit(objective, [(rows, goal)], optimizers=spec, epochs=1, decay="all", groups=groups)
    assert float((table - goal).detach().square().sum()) < before
    torch.testing.assert_close(table, expected, atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("spec", ["sgd:lr=0.1,momentum=0.9", "adam", "adamw", "adagrad"])
def test_fused_is_the_default_where_torch_has_it(spec):
    params = list(nn.Linear(3, 3).parameters())
    assert optimizer(spec, params).defaults["fused"] is True
    other = f"{spec}{',' if ':' in spec else ':'}foreach=true"
    assert not optimizer(other, params).defaults["fused"]


@pytest.mark.parametrize(
    "spec", ["sgd:lr=0.1,momentum=0.9,nesterov=true", "adamw:lr=0.01", "adagrad"]
)
def test_fused_equals_the_plain_form(spec):
    x, y = quadrants(64)
    ends = []
    for fused in (True, False):
        model = mlp(2, 8, 2).double()
        full = Spec.parse(spec)
        full = Spec(full.name, full.args | {"fused": fused})
        fit(Supervised(model), [(x.double(), y)], optimizers=full, epochs=5)
        ends.append([parameter.detach() for parameter in model.parameters()])
    for a, b in zip(*ends, strict=True):
        torch.testing.assert_close(a, b, atol=1e-10, rtol=0)


def test_spellings():
    params = [nn.Parameter(torch.zeros(2, 2))]
    for spec in ("SparseAdam", "sparse_adam", "sparse-adam", "sparseadam"):
        assert isinstance(optimizer(spec, params), torch.optim.SparseAdam)
    made = optimizer("adamw:lr=3e-3,betas=[0.8,0.99],weight_decay=0", params)
    group = made.param_groups[0]
    assert (group["lr"], group["betas"], group["weight_decay"]) == (3e-3, (0.8, 0.99), 0)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("rmspropp", "unknown optimizer 'rmspropp'; did you mean 'rmsprop'"),
        ("adamw:lrr=1", "unknown argument of adamw 'lrr'; did you mean 'lr'"),
        ("adamw:lr=-1", "lr=-1 is out of range; expected at least 0"),
        ("adamw:lr=fast", "lr='fast' is of the wrong type; expected a number"),
        ("adamw:lr=true", "lr=True is of the wrong type"),
        ("adamw:amsgrad=1", "amsgrad=1 is of the wrong type; expected true or false"),
        ("adamw:betas=[0.9]", "expected 2 values"),
        ("adamw:betas=[0.9,1.0]", "expected below 1.0"),
        ("sgd:momentum=1.5", "expected at most 1.0"),
        ("sgd:nesterov=true", "torch refuses sgd:nesterov=true: Nesterov"),
        ("adam:eps=-1", "torch refuses adam:eps=-1: Invalid epsilon"),
        ("adam:1e-3", "takes key=value arguments only"),
        ("optimizer", "unknown optimizer"),
    ],
)
def test_a_wrong_spec_is_one_clear_line(spec, message):
    with pytest.raises(UsageError, match=message) as caught:
        optimizer(spec, [nn.Parameter(torch.zeros(2))])
    assert "\n" not in str(caught.value)


def test_sparse_adam_says_what_it_needs():
    with pytest.raises(UsageError, match="sparse gradients"):
        fit(Nearest(False), [(torch.arange(10), torch.zeros(10, 3))], optimizers="sparse_adam")
    with pytest.raises(UsageError, match="no norm of sparse gradients"):
        fit(Nearest(True), [(torch.arange(10), torch.zeros(10, 3))], optimizers="sgd", clip=1.0)


def test_nothing_to_train():
    model = nn.Linear(2, 2).requires_grad_(False)
    with pytest.raises(UsageError, match="no parameters that require a gradient"):
        fit(Supervised(model), Toy(*quadrants(8)))


def test_a_state_with_older_names_goes_on():
    """A checkpoint of soap of before calls its settings keep, every, most and floor."""
    layer = nn.Linear(3, 2)
    layer(torch.ones(4, 3)).sum().backward()
    made = optimizer("soap:lr=0.1,every=4,floor=1e-6", layer.parameters())
    assert made.param_groups[0]["precondition_frequency"] == 4
    made.step()
    state = made.state_dict()
    older = {"shampoo_beta": "keep", "precondition_frequency": "every", "max_precond_dim": "most"}
    older["eps"] = "floor"
    groups = [{older.get(k, k): v for k, v in group.items()} for group in state["param_groups"]]
    fresh = optimizer("soap", layer.parameters())
    fresh.load_state_dict(state | {"param_groups": groups})
    assert fresh.param_groups[0].keys() == made.param_groups[0].keys()
    assert fresh.param_groups[0]["eps"] == 1e-6
    fresh.step()


def test_older_names_of_a_card_reach_torchs_optimizer():
    made = optimizer("adamw:floor=1e-6", nn.Linear(3, 2).parameters())
    assert isinstance(made, torch.optim.AdamW)
    assert made.param_groups[0]["eps"] == 1e-6
    with pytest.raises(UsageError, match="floor is the older name of eps"):
        optimizer("adamw:floor=1e-6,eps=1e-6", nn.Linear(3, 2).parameters())


@pytest.mark.parametrize("spec", ["adamw:lr=0.1,weight_decay=0.5", "muon:lr=0.1,weight_decay=0.5"])
def test_decay_of_matrices_leaves_biases_norms_and_embeddings_alone(spec):
    model = nn.Sequential(nn.Embedding(5, 4), nn.Linear(4, 4), nn.LayerNorm(4), nn.Linear(4, 2))
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    player = Player("model", model, spec, clip=None, decay="matrices")
    for p in model.parameters():
        p.grad = torch.zeros_like(p)
    player.optimizer.step()
    changed = {n for n, p in model.named_parameters() if not torch.equal(p, before[n])}
    muon = spec.startswith("muon")  # whose output layer is AdamW's, without decay
    assert changed == ({"1.weight"} if muon else {"1.weight", "3.weight"})
    assert torch.allclose(model[1].weight, before["1.weight"] * 0.95)


def test_by_default_biases_norms_and_embeddings_do_not_decay():
    spec = "adamw:lr=0.02,weight_decay=0.5"

    def run(**more):
        model = mlp(2, 16, 2)
        fit(Supervised(model), Toy(*quadrants(200)), epochs=2, optimizer=spec, **more)
        return [p.tolist() for p in model.parameters()]

    assert run() == run(decay="matrices") != run(decay="all")


@pytest.mark.parametrize("checkpoints", [True, False])
def test_a_run_from_before_there_was_a_choice_goes_on_with_all_decaying(tmp_path, checkpoints):
    x, y = quadrants(200)
    given = {"optimizer": "adamw:lr=0.02,weight_decay=0.5"}

    def run(epochs, model, **more):
        fit(Supervised(model), Toy(x, y), epochs=epochs, **given | more)
        return [p.tolist() for p in model.parameters()]

    wanted, folder = run(4, mlp(2, 16, 2), decay="all"), tmp_path / "run"
    run(2, mlp(2, 16, 2), folder=folder, decay="all")
    text = (folder / "config.toml").read_text().splitlines(keepends=True)
    (folder / "config.toml").write_text("".join(x for x in text if not x.startswith("decay")))
    for step in (folder / "checkpoints").iterdir():
        if not checkpoints:
            shutil.rmtree(step)
            continue
        state = json.loads((step / "state.json").read_text())
        plan = state["parts"]["plan"]["dict"]
        plan.remove(["decay", "all"])
        (step / "state.json").write_text(json.dumps(state))
        write_manifest(step)
    if checkpoints:
        with pytest.raises(UsageError, match="was written with decay='all'"):
            run(4, mlp(2, 16, 2), folder=folder, resume=True, decay="matrices")
    assert run(4, mlp(2, 16, 2), folder=folder, resume=True) == wanted


@pytest.mark.parametrize("spec", ["adamw:lr=0.02,weight_decay=0.5", "muon:lr=0.02"])
def test_a_run_with_spared_weights_resumes_and_is_refused_otherwise(tmp_path, spec):
    x, y = quadrants(200)
    given = {"optimizer": spec, "decay": "matrices", "schedule": None, "clip": 1.0}

    def run(epochs, model, **more):
        fit(Supervised(model), Toy(x, y), epochs=epochs, **given | more)
        return [p.tolist() for p in model.parameters()]

    folder = tmp_path / "run"
    wanted = run(4, mlp(2, 16, 2))
    assert wanted != run(4, mlp(2, 16, 2), decay="all") or spec.startswith("muon")
    run(2, mlp(2, 16, 2), folder=folder)
    assert run(4, mlp(2, 16, 2, seed=5), folder=folder, resume=True) == wanted
    with pytest.raises(UsageError, match="was written with decay='matrices'"):
        run(4, mlp(2, 16, 2), folder=folder, resume=True, decay="all")
    with pytest.raises(UsageError, match="did you mean 'matrices'"):
        run(1, mlp(2, 16, 2), decay="matrix")
