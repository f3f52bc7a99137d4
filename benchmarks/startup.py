"""How long until something happens: help, a slip, a look around, import, the first prediction.

Whole processes are timed, from start to end. For the first prediction each side loads a
784-128-64-10 network from its own format and answers one example; the answers must agree.
"""

import itertools
import os
import re
import sys
from pathlib import Path
from typing import Any

from benchmarks.case import FOLDER, Case, Command
from benchmarks.run_folders import runs

SIZES = (784, 128, 64, 10)


def _python(code: str) -> Command:
    """Run a line of Python, in an environment without torchvision, as the other sides have."""
    return Command(
        ("python", "-c", f"from benchmarks.child import hide\nhide('torchvision')\n{code}")
    )


def _script(import_from: str, entry: str) -> Command:
    """A console script's help."""
    return _python(
        f"import sys\nsys.argv[1:] = ['--help']\nfrom {import_from} import {entry}\n{entry}()"
    )


def _cli(*words: str) -> Command:
    """A command of ours in the case's folder; the exit code of a slip is no failure of the side."""
    return _python(
        f"import os\nos.chdir(os.environ[{FOLDER!r}])\n"
        f"from cartograd.apps.cli import main\nmain({list(words)!r})"
    )


def _refused(code: str, error: str) -> Command:
    """Another package where what it is asked for is not there."""
    return _python(f"try:\n    {code}\nexcept {error} as error:\n    print(str(error)[:80])")


def _predicts(side: str) -> Command:
    return Command(("python", "-m", "benchmarks.startup", side), _numbers)


def _numbers(printed: str) -> list[float]:
    """The last line: numbers between brackets."""
    return [float(word) for word in re.findall(r"-?\d[\d.e+-]*", printed.strip().splitlines()[-1])]


def _network() -> Any:
    import torch
    from torch import nn

    torch.manual_seed(0)
    layers = []
    for into, out in itertools.pairwise(SIZES):
        layers += [nn.Linear(into, out), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def _example() -> Any:
    import torch

    return torch.linspace(0, 1, SIZES[0])[None]


def prepare(folder: Path, /) -> None:
    """Save the same network in each side's format."""
    import keras
    import torch
    from safetensors.torch import save_file

    network = _network()
    _save_ours(network, folder)
    save_file(network.state_dict(), folder / "weights.safetensors")
    torch.save(
        {
            "state_dict": {f"network.{key}": value for key, value in network.state_dict().items()},
            "pytorch-lightning_version": "2.6.6",
        },
        folder / "lightning.ckpt",
    )
    classes = _hugging_face()
    model = classes[1](classes[0]())
    model.network.load_state_dict(network.state_dict())
    model.save_pretrained(folder / "transformers")
    dense = [keras.layers.Dense(size, activation="relu") for size in SIZES[1:-1]]
    model = keras.Sequential(
        [keras.layers.Input((SIZES[0],)), *dense, keras.layers.Dense(SIZES[-1])]
    )
    weights = [p.detach().numpy() for p in network.parameters()]
    model.set_weights([w.T if w.ndim == 2 else w for w in weights])
    model.save(folder / "model.keras")


def _save_ours(network: Any, folder: Path) -> None:
    import cartograd as cg
    from cartograd.engine.files.bundle import write_bundle

    given = cg.Port("input", "vector", (SIZES[0],))
    answer = cg.Port("label", "label", (SIZES[-1],), labels=tuple(map(str, range(SIZES[-1]))))
    signature = cg.Signature((given,), (answer,))
    model = cg.build(f"mlp:widths=[{SIZES[1]},{SIZES[2]}],activation=relu", signature=signature)
    for mine, theirs in zip(model.parameters(), network.parameters(), strict=True):
        mine.data.copy_(theirs.data)
    write_bundle(folder / "bundle", model, examples=_example())


def _hugging_face() -> tuple[Any, Any]:
    from transformers import PretrainedConfig, PreTrainedModel

    class Config(PretrainedConfig):
        model_type = "startup-mlp"

    class Model(PreTrainedModel):
        config_class = Config

        def __init__(self, config: Config) -> None:
            super().__init__(config)
            self.network = _network()
            self.post_init()

        def _init_weights(self, module: Any) -> None:
            pass

        def forward(self, inputs: Any) -> Any:
            return self.network(inputs)

    return Config, Model


def _cartograd(folder: Path) -> Any:
    import cartograd as cg

    return cg.load(folder / "bundle").model(_example())


def _raw(folder: Path) -> Any:
    from safetensors.torch import load_file

    network = _network()
    network.load_state_dict(load_file(folder / "weights.safetensors"))
    return network.eval()(_example())


def _lightning(folder: Path) -> Any:
    import lightning as L

    class Module(L.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.network = _network()

        def forward(self, inputs: Any) -> Any:
            return self.network(inputs)

    path = folder / "lightning.ckpt"
    return Module.load_from_checkpoint(path, map_location="cpu", weights_only=True).eval()(
        _example()
    )


def _transformers(folder: Path) -> Any:
    return _hugging_face()[1].from_pretrained(folder / "transformers").eval()(_example())


def _keras(folder: Path) -> Any:
    import keras

    return keras.models.load_model(folder / "model.keras").predict(_example().numpy(), verbose=0)


def main() -> None:
    """Answer as one of the sides and print the answer."""
    from benchmarks.child import hide

    hide("torchvision")
    answer = globals()[f"_{sys.argv[1]}"](Path(os.environ[FOLDER]))
    print([float(number) for number in answer[0]])


CASES = (
    Case(
        name="help",
        what="`cartograd --help` and the like, from the shell's point of view.",
        unit="call",
        sides={
            "cartograd --help": _script("cartograd.apps.cli", "main"),
            "transformers --help": _script("transformers.cli.transformers", "main"),
            "fabric --help (Lightning)": _script("lightning.fabric.cli", "_main"),
            "accelerate --help": _script("accelerate.commands.accelerate_cli", "main"),
        },
        asked={"transformers --help": 5.0, "fabric --help (Lightning)": 5.0},
    ),
    Case(
        name="slip",
        what="A mistyped name: a line that says what was meant, and exit code 2. Ours look up "
        "models, arguments, data, methods and paths before torch is imported; 0.5 s of CPU is the "
        "limit that we set ourselves.",
        unit="slip",
        sides={
            "cartograd train lenet6": _cli("train", "lenet6", "--data", "digits"),
            "cartograd train mlp:wide=3": _cli("train", "mlp:wide=3", "--data", "digits"),
            "cartograd train --data digitz": _cli("train", "mlp", "--data", "digitz"),
            "cartograd train --set batchsize=3": _cli(
                "train", "mlp", "--data", "digits", "--set", "batchsize=3"
            ),
            "cartograd evaluate runs/nothing": _cli("evaluate", "runs/nothing"),
            "cartograd data check nowhere.csv": _cli("data", "check", "nowhere.csv"),
            "cartograd show lenet6": _cli("show", "lenet6"),
            "transformers, no such folder": _refused(
                "from transformers import AutoModel; AutoModel.from_pretrained('./nothing')",
                "OSError",
            ),
            "Keras on torch, no such file": _refused(
                "import keras; keras.models.load_model('nothing.keras')", "ValueError"
            ),
        },
        asked={"transformers, no such folder": 5.0, "Keras on torch, no such file": 5.0},
    ),
    Case(
        name="around",
        what="Looking around in a folder with twenty runs of twenty epochs; no torch is imported.",
        unit="look",
        sides={
            "cartograd runs list": _cli("runs", "list"),
            "cartograd runs list --sort test": _cli("runs", "list", "--sort", "test"),
            "cartograd": _cli(),
            "cartograd list": _cli("list"),
            "cartograd show resnet": _cli("show", "resnet"),
            "cartograd learn 1.2": _cli("learn", "1.2"),
            "completion of cartograd train len": _cli("__complete", "train", "len"),
            "import torch": _python("import torch"),
        },
        asked={"import torch": 2.0},
        prepare=runs,
    ),
    Case(
        name="import",
        what="What a training script imports first. `import cartograd` alone finds torch only when "
        "something needs it.",
        unit="process",
        sides={
            "from cartograd import build, fit": _python("from cartograd import build, fit"),
            "import cartograd": _python("import cartograd"),
            "import torch": _python("import torch"),
            "import lightning": _python("import lightning"),
            "from transformers import Trainer": _python("from transformers import Trainer"),
            "import keras, on torch": _python("import keras"),
        },
        asked={
            "import torch": 1 / 1.15,
            "import lightning": 2.5,
            "from transformers import Trainer": 2.0,
            "import keras, on torch": 2.0,
        },
    ),
    Case(
        name="first prediction",
        what="Load a saved network (ours verifies every digest and the golden answers) and answer "
        "one example.",
        unit="process",
        sides={
            "cartograd": _predicts("cartograd"),
            "torch and safetensors": _predicts("raw"),
            "Lightning": _predicts("lightning"),
            "transformers": _predicts("transformers"),
            "Keras on torch": _predicts("keras"),
        },
        asked={
            "torch and safetensors": 1 / 1.25,
            "Lightning": 2.5,
            "transformers": 2.0,
            "Keras on torch": 2.0,
        },
        prepare=prepare,
    ),
)

if __name__ == "__main__":
    main()
