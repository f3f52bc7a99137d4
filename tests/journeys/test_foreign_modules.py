"""Each kind of foreign module through each verb: it works, or is refused by a sentence that helps.

What refuses does so before the work: nothing is written, and no other error comes through.
"""

import os
import subprocess
import sys

import pytest
import torch
from safetensors.torch import save_file
from starlette.testclient import TestClient

import cartograd as cg
from cartograd.apps.server.app import application
from cartograd.apps.server.load import load as served
from tests.foreign_modules import KINDS
from tools.source import ROOT

pytestmark = [pytest.mark.journey, pytest.mark.compile]  # the exporter traces

EXPORTED = ("plain", "dict", "two-inputs", "masked", "float64")
"""Kinds that the exporter is tried on at each time; CARTOGRAD_ALL_EXPORTS=1 takes all."""

COMPARED = ("plain", "object", "two-inputs", "single-logit", "bfloat16")
"""Kinds of which two runs are compared."""

FEW = ("predict", "save", "diagnose")
"""What is tried of a kind of few verbs besides those that refuse it."""

VERBS = (
    "sign", "train", "evaluate", "save", "predict", "load in a new process", "export", "explain",
    "attack", "serve", "compare", "diagnose",
)  # fmt: skip


def cell(call):
    """What became of a call."""
    try:
        call()
    except cg.UsageError as error:
        return f"refused: {error}"
    except Exception as error:
        return f"FAILED: {type(error).__name__}: {error}"
    return "works"


def fresh(kind, data):
    torch.manual_seed(0)
    return cg.sign(kind.make(), data.signature, output=kind.output)


def served_answers(run, x):
    with TestClient(application(served(run)), raise_server_exceptions=False) as client:
        found = client.post("/predict", json={"inputs": x.tolist()})
    assert found.status_code == 200, found.text


def exported(run, path):
    assert cg.export(run, path, check=True).agree


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """The outcome of each verb for each kind."""
    root = tmp_path_factory.mktemp("foreign")
    found = {name: row(name, kind, root / name) for name, kind in KINDS.items()}
    kept = [name for name in KINDS if (root / name / "saved").is_dir()]
    code = (
        "import sys, tests.conftest, cartograd as cg\n"
        "from safetensors.torch import load_file\n"
        "from tests.foreign_modules import KINDS\n"
        "for name in sys.argv[2:]:\n"
        "    place = f'{sys.argv[1]}/{name}'\n"
        "    model = cg.load(f'{place}/saved', model=KINDS[name].make()).model\n"
        "    kept = load_file(f'{place}/answers.safetensors')\n"
        "    answer = kept.pop('answer')\n"
        "    given = [kept[str(i)] for i in range(len(kept))]\n"
        "    worst = (model(*given) - answer).abs().max().item()\n"
        "    print(name, 'works' if worst < 1e-2 else f'FAILED: off by {worst}')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, root, *kept], capture_output=True, text=True, cwd=ROOT,
        env=os.environ | {"PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"}, check=False,
    )  # fmt: skip
    loaded = dict(line.split(" ", 1) for line in done.stdout.splitlines())
    for name in kept:
        found[name]["load in a new process"] = loaded.get(name, f"FAILED: {done.stderr[-300:]}")
    return found


def row(name, kind, folder):
    data = kind.data()
    found = {"sign": cell(lambda: fresh(kind, data))}
    runs = []

    def train(seed=0):
        plain = kind.output is None and not name.startswith("self")
        torch.manual_seed(seed)
        model = kind.make() if plain else fresh(kind, data)
        place = f"{folder}{'-2' if runs else ''}"
        runs.append(cg.train(model, data, epochs=1, seed=seed, folder=place))

    found["train"] = cell(train)
    if not runs:
        assert not folder.exists(), "a refused training leaves nothing"
        return found
    run, given = runs[0], data.test.select([0, 1]).arguments
    x = given if len(given) > 1 else given[0]
    with torch.no_grad():
        answer = run.model.eval()(*given)
    save_file(
        {"answer": answer} | {str(i): one.clone() for i, one in enumerate(given)},
        folder / "answers.safetensors",
    )
    calls = {
        "evaluate": lambda: cg.evaluate(run, data),
        "save": lambda: cg.save(run, folder / "saved"),
        "predict": lambda: cg.predict(run, x),
        "export": lambda: exported(run, folder / "model.onnx"),
        "explain": lambda: cg.explain(run, x),
        "attack": lambda: cg.robustness(run, data, examples=4, method="pgd:eps=0.05,steps=2"),
        "serve": lambda: served_answers(run, given[0]),
        "compare": lambda: (train(seed=1), cg.compare(*runs, data=data)),
        "diagnose": lambda: (
            cg.diagnose(run),
            cg.diagnose(run.model, data, looks=("layers",)),
        ),
    }
    if name not in COMPARED:
        del calls["compare"]
    if name not in EXPORTED and os.environ.get("CARTOGRAD_ALL_EXPORTS") != "1":
        calls = {verb: calls[verb] for verb in calls if verb != "export" or kind.few}
    if kind.few:
        calls = {verb: calls[verb] for verb in (*FEW, *kind.refused) if verb in calls}
    return found | {verb: cell(call) for verb, call in calls.items()}


def test_every_cell_works_or_is_refused_as_it_should_be(table, record_property):
    wrong = []
    for name, cells in table.items():
        expected = KINDS[name].refused
        for verb, outcome in cells.items():
            reason = expected.get(verb)
            right = (
                outcome == "works"
                if reason is None
                else (outcome.startswith("refused: ") and reason in outcome)
            )
            if not right:
                wrong.append(f"{name} x {verb}: {outcome}")
    assert not wrong, "\n".join(wrong)


def test_the_cells_are_counted(table):
    """A suite that shrinks in silence fails."""
    outcomes = [outcome for cells in table.values() for outcome in cells.values()]
    works = sum(outcome == "works" for outcome in outcomes)
    refused = sum(outcome.startswith("refused") for outcome in outcomes)
    print(f"{works} cells work, {refused} are refused, of {len(outcomes)}")
    if os.environ.get("CARTOGRAD_ALL_EXPORTS") != "1":
        assert (works, refused) == COUNTS
    assert set(VERBS) == {verb for cells in table.values() for verb in cells}


COUNTS = (234, 26)
