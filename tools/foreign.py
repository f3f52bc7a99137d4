"""Foreign modules through every verb: which cells work, which are refused, which fail.

    python -m tools.foreign               the table of all modules of tests/foreign_trial.py
    python -m tools.foreign NAME ...      of these
    python -m tools.foreign --write       and docs/results/foreign.md of it (an hour on two cores)
    python -m tools.foreign NAME --write  with the row of this module made anew

Each module has a process of its own, and each verb 180 seconds.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tools.source import ROOT

PAGE = ROOT / "docs" / "results" / "foreign.md"
ROWS = PAGE.with_suffix(".json")
SECONDS = 180
VERBS = (
    "sign", "train", "evaluate", "save", "load", "load in a new process",
    "answer without its code", "predict", "export", "explain", "attack", "serve", "compare",
    "diagnose",
)  # fmt: skip
SIGNS = {"works": "+", "refused": "r", "failed": "FAILED"}


def main(arguments: list[str]) -> int:
    """0 if no cell failed."""
    if arguments[:1] == ["--row"]:
        print(json.dumps(row(arguments[1], Path(arguments[2]))))
        return 0
    if arguments[:1] == ["--reload"]:
        reload(arguments[1], Path(arguments[2]))
        return 0
    if arguments[:1] == ["--alone"]:
        return alone(Path(arguments[1]))
    from tests.foreign_trial import MODELS

    names = [name for name in arguments if name != "--write"] or list(MODELS)
    rows = {name: _in_process(name) for name in names}
    if "--write" in arguments:
        kept = json.loads(ROWS.read_text(encoding="utf-8")) if ROWS.exists() else {}
        whole = {name: (kept | rows)[name] for name in MODELS if name in kept | rows}
        ROWS.write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")
        PAGE.write_text(page(whole), encoding="utf-8")
    print(page(rows))
    return int(any(cell.startswith("failed") for cells in rows.values() for cell in cells.values()))


def _in_process(name: str) -> dict[str, str]:
    with tempfile.TemporaryDirectory() as folder:
        done = _python("--row", name, folder)
    if done.returncode:
        return {"sign": f"failed: {done.stderr.strip()[-300:]}"}
    return json.loads(done.stdout.strip().splitlines()[-1])


def _python(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "ignore", "-m", "tools.foreign", *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, cwd=ROOT, check=False,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )  # fmt: skip


def row(name: str, root: Path, /) -> dict[str, str]:
    """The outcome of each verb for a module; of a training that is refused, of the first two."""
    import torch
    from safetensors.torch import save_file

    import cartograd as cg
    from tests.foreign_trial import MODELS, OUTPUTS

    make, given = MODELS[name]
    try:
        make()
        data = given()
    except ImportError as error:
        return {"sign": f"absent: {error}"}
    output, runs = OUTPUTS.get(name), list[Any]()

    def fresh() -> Any:
        torch.manual_seed(0)
        return make() if output is None else cg.sign(make(), data.signature, output=output)

    def train(seed: int = 0) -> None:
        runs.append(cg.train(fresh(), data, epochs=1, seed=seed, folder=root / f"run{seed}"))

    found = {"sign": cell(lambda: cg.sign(make(), data.signature, output=output))}
    found["train"] = cell(train)
    if not runs:
        return found
    inputs = data.test.select([0, 1]).arguments
    x = inputs if len(inputs) > 1 else inputs[0]
    with torch.no_grad():
        kept = {"answer": runs[0].model.eval()(*inputs).clone()}
    kept |= {str(place): one.clone() for place, one in enumerate(inputs)}
    save_file(kept, root / "answers.safetensors")
    calls: dict[str, Callable[[], Any]] = {
        "evaluate": lambda: cg.evaluate(runs[0], data),
        "save": lambda: cg.save(runs[0], root / "saved"),
        "load": lambda: reload(name, root),
        "load in a new process": lambda: _again("--reload", name, str(root)),
        "answer without its code": lambda: _again("--alone", str(root)),
        "predict": lambda: cg.predict(runs[0], x),
        "export": lambda: _agrees(cg.export(runs[0], root / "model.onnx", check=True)),
        "explain": lambda: cg.explain(runs[0], x),
        "attack": lambda: cg.robustness(runs[0], data, examples=4, method="pgd:eps=0.05,steps=2"),
        "serve": lambda: _served(runs[0], inputs),
        "compare": lambda: (train(1), cg.compare(*runs, data=data)),
        "diagnose": lambda: (
            cg.diagnose(runs[0]),
            cg.diagnose(runs[0].model, data, looks=("layers",)),
        ),
    }
    found |= {verb: cell(call) for verb, call in calls.items()}
    return {verb: said.replace(f"{root}/", "") for verb, said in found.items()}


def cell(call: Callable[[], Any], /) -> str:
    """What became of a call: `works`, `refused: ...` or `failed: ...`."""
    from cartograd.core.errors import UsageError

    def late(*_: Any) -> None:
        raise TimeoutError(f"more than {SECONDS} seconds")

    signal.signal(signal.SIGALRM, late)
    signal.alarm(SECONDS)
    try:
        with contextlib.redirect_stdout(sys.stderr):
            call()
    except UsageError as error:
        return f"refused: {error}"
    except BaseException as error:
        return f"failed: {type(error).__name__}: {error}"
    finally:
        signal.alarm(0)
    return "works"


def reload(name: str, root: Path, /) -> None:
    """Fill another module with a saved bundle's weights, and compare its answers."""
    import cartograd as cg
    from tests.foreign_trial import MODELS

    _compare(cg.load(root / "saved", model=MODELS[name][0]()).model.eval(), root)


def alone(root: Path, /) -> int:
    """Compare the answers that a saved bundle gives without its code; 2 if it gives none."""
    import cartograd as cg

    try:
        model = cg.load(root / "saved").model
    except cg.UsageError as error:
        print(error)
        return 2
    _compare(model, root)
    return 0


def _compare(model: Any, root: Path) -> None:
    import torch
    from safetensors.torch import load_file

    kept = load_file(root / "answers.safetensors")
    answer = kept.pop("answer")
    with torch.no_grad():
        found = model(*(kept[str(place)] for place in range(len(kept))))
    torch.testing.assert_close(found, answer, rtol=0, atol=1e-5)


def _again(*arguments: str) -> None:
    from cartograd.core.errors import UsageError

    done = _python(*arguments)
    if done.returncode == 2:
        raise UsageError(done.stdout.strip())
    if done.returncode:
        raise RuntimeError(done.stderr.strip()[-300:])


def _agrees(done: Any) -> None:
    if not done.agree:
        raise RuntimeError("the exported file answers otherwise")


def _served(run: Any, inputs: tuple[Any, ...]) -> None:
    from starlette.testclient import TestClient

    from cartograd.apps.server.app import application
    from cartograd.apps.server.load import load

    with TestClient(application(load(run)), raise_server_exceptions=False) as client:
        answer = client.post("/predict", json={"inputs": inputs[0].tolist()})
    if answer.status_code != 200:
        raise RuntimeError(answer.text[:300])


def page(rows: dict[str, dict[str, str]], /) -> str:
    """The table, and the sentence of each refusal."""
    kinds = Counter(one.partition(":")[0] for cells in rows.values() for one in cells.values())
    counted = ", ".join(
        f"{kinds[kind]} {kind}" for kind in ("works", "refused", "failed", "absent")
    )
    lines = [
        "# Foreign modules through every verb", "",
        f"{len(rows)} modules of other libraries and of awkward shapes (tests/foreign_trial.py), "
        "each trained for an epoch and taken through the verbs.",
        f"Cells: {counted}. A training that is refused has no further cells.", "",
        "`+` works, `r` is refused by a sentence before the work, made by "
        "`python -m tools.foreign --write`.", "",
        f"| module | {' | '.join(VERBS)} |", f"|---|{'---|' * len(VERBS)}",
    ]  # fmt: skip
    for name, cells in rows.items():
        signs = [SIGNS.get(cells.get(verb, "").partition(":")[0], "") for verb in VERBS]
        lines.append(f"| {name} | {' | '.join(signs)} |")
    lines += ["", "## What is said where it is not `+`", ""]
    lines += [
        f"- {name}, {verb}: {' '.join(outcome.split())[:400]}"
        for name, cells in rows.items()
        for verb, outcome in cells.items()
        if outcome != "works"
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
