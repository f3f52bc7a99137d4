"""A throw-away method of every kind, each as the two files that a user would write."""

from pathlib import Path

from tests.apps.toy_figures import DEMONSTRATION, MEASUREMENT
from tests.apps.toy_threats import THREATS
from tests.apps.toys_of_leaks import PRIVACY_ATTACK

HEAD = '''"""A throw-away {kind}, to see what two files are enough for.

It is no method of the field, and says so.

    f(x) = x

Shapes: `b d`.

Departures: none.

References:
    None.

>>> 1 + 1
2
"""

{imports}

from cartograd.core.card import Card

CARD = Card(
    name="toy-{kind}",
    kind="{kind}",
    entry="{entry}",
    nodes=("{node}",),
    title="Toy",
    zh="玩具",
    proofs=("law: it is what it says, to the last bit",),
    tiny={tiny},{more}
)


{body}
'''

KINDS = {
    "privacy-attack": PRIVACY_ATTACK,
    "metric": (
        "from cartograd.core.errors import UsageError",
        "toy_metric",
        {},
        """
def toy_metric(outputs, targets, /) -> float:
    '''Share of wrong answers.'''
    if not len(outputs) == len(targets) > 0 or not outputs.isfinite().all():
        raise UsageError("expected finite outputs and as many targets")
    return float((outputs.argmax(1) != targets).double().mean())
""",
    ),
    "token-sampler": (
        "",
        "toy_token_sampler",
        {"k": 2},
        """
def toy_token_sampler(logits, seen, /, *, k: int = 1):
    '''The last of the likeliest tokens alone.

    Args:
        k: how many of the likeliest are looked at.
    '''
    place = logits.topk(min(k, logits.shape[1])).indices[:, -1:]
    place = place.where(logits.gather(1, place).isfinite(), logits.argmax(1, keepdim=True))
    return logits.new_full(logits.shape, -float("inf")).scatter(1, place, logits.gather(1, place))
""",
    ),
    "sampler": (
        "import torch",
        "toy_sampler",
        {},
        """
def toy_sampler(model, noise, generator, /):
    '''A guess of what is behind the noise.'''
    levels = model.levels(1)
    first = type(levels)(levels.alpha[0], levels.sigma[0], levels.time[0])
    return model.denoise(noise, first)
""",
    ),
    "compressor": (
        "import copy\nimport torch",
        "toy_compressor",
        {},
        """
def toy_compressor(model, data=None, /):
    '''Weights to two digits.'''
    made = copy.deepcopy(model)
    with torch.no_grad():
        for weight in made.parameters():
            weight.copy_(weight.mul(100).round() / 100)
    return made
""",
    ),
    "data": (
        "from pathlib import Path\n\nfrom cartograd.data.sources.xor import xor",
        "toy_data",
        {"examples": 32},
        """
def toy_data(file, /, *, examples: int = 40, seed: int = 0):
    '''XOR, of as many points as a file has letters.

    Args:
        examples: the fewest points.
        seed: where the points are drawn from.
    '''
    from dataclasses import replace

    count = max(examples, len(Path(file).read_text()))
    return replace(xor(examples=count, seed=seed), name="toy-data")
""",
    ),
    "objective": (
        "from torch import nn\nfrom cartograd.core.protocols import Loss",
        "Toy",
        {},
        """
class Toy(nn.Module):
    '''Squares of what is missing to one-hot targets.

    Args:
        model: answers with logits.
    '''

    def __init__(self, *, model: nn.Module):
        super().__init__()
        self.model = model
        self.players = {"model": model}

    def losses(self, batch, /):
        '''One loss.'''
        yield Loss(self.validate(batch)["loss"])

    def validate(self, batch, /):
        '''Losses and logits.'''
        x, y = batch
        logits = self.model(x)
        wanted = nn.functional.one_hot(y, logits.shape[1])
        return {"loss": (logits - wanted).square().mean(1), "outputs": logits}
""",
    ),
    "explainer": (
        "from cartograd.frontier.explain.integrated_gradients import integrated_gradients",
        "toy_explainer",
        {},
        """
def toy_explainer(model, x, /, *, target: object = None):
    '''Twice the integrated gradients.

    Args:
        target: the class to explain.
    '''
    return 2 * integrated_gradients(model, x, target=target, steps=4)
""",
    ),
    "study": (
        "import torch\n\nfrom cartograd.core.eval_mode import evaluating",
        "toy_study",
        {},
        """
class Rights:
    '''How many answers are right.'''

    columns = ("right",)
    notes = ()

    def __init__(self, right):
        self.right = right

    def rows(self):
        return [(str(self.right),)]

    def to_json(self):
        return {"right": self.right}


def toy_study(model, x, y, /):
    '''Count right answers.'''
    with evaluating(model), torch.no_grad():
        return Rights(int((model(x).argmax(1) == y).sum()))
""",
    ),
    "verifier": (
        "import torch\n\nfrom cartograd.core.certificate import Certificate\n"
        "from cartograd.core.eval_mode import evaluating",
        "toy_verifier",
        {},
        """
def toy_verifier(model, x, y, /):
    '''Of the inputs alone, whose right answers need no proof.'''
    with evaluating(model), torch.no_grad():
        right = (model(x.clone()).argmax(1) == y).cpu()
    return Certificate(right, ~right, torch.zeros(len(x)).double(), x.detach().clone())
""",
    ),
    "attack": (
        "from cartograd.frontier.security.fgsm import fgsm",
        "toy_attack",
        {},
        """
def toy_attack(
    model, x, y, /, *, eps: float = 0.1, bounds: tuple[float, float] | None = None
):
    '''One step.

    Args:
        eps: how far each number may move.
        bounds: the smallest and the largest valid number.
    '''
    return fgsm(model, x, y, eps=eps, bounds=bounds)
""",
    ),
    "model": (
        "from torch import nn",
        "ToyModel",
        {"features": 4, "classes": 3},
        """
class ToyModel(nn.Module):
    '''A linear model.

    Args:
        features: numbers of an input.
        classes: numbers of an answer.
    '''

    def __init__(self, *, features: int, classes: int):
        super().__init__()
        self.head = nn.Linear(features, classes)

    def forward(self, x):
        '''Logits.'''
        return self.head(x.flatten(1))
""",
    ),
    "activation": (
        "",
        "toy_activation",
        {},
        """
def toy_activation(z, /):
    '''z / (1 + |z|).'''
    return z / (1 + z.abs())
""",
    ),
    "augmentation": (
        "from cartograd.training.augmentation.image.pixels import as_before, as_float, column",
        "toy_augmentation",
        {},
        """
def toy_augmentation(x, rng, /):
    '''Each image darker by its own factor.'''
    pixels = as_float(x)
    return as_before(pixels * column(rng.uniform(1)[:, 0], pixels), x)
""",
    ),
    "adapter": (
        "import torch.nn.functional as F\nfrom torch import nn\n\n"
        "from cartograd.training.adapters.beside import put_beside",
        "toy_adapter",
        {},
        """
class Whole(nn.Module):
    def __init__(self, layer):
        super().__init__()
        self.own = nn.Parameter(layer.weight.new_zeros(layer.weight.shape))

    def forward(self, x):
        return F.linear(x, self.own)

    def difference(self, weight, /):
        return self.own


def toy_adapter(model, /, *, match: str = "5"):
    '''A whole weight beside that of a dense layer.

    Args:
        match: names of the layers.
    '''
    return put_beside(model, Whole, match=match)
""",
    ),
    "average": (
        "",
        "toy_average",
        {},
        """
def toy_average(step, total, /):
    '''The mean of all weights so far.'''
    return 1 / step
""",
    ),
    "clipping": (
        "",
        "toy_clipping",
        {"max": 0.5},
        """
def toy_clipping(gradients, weights, norm, /, *, max: float = 0.5):
    '''Every number of a gradient within bounds.

    Args:
        max: largest size of each number.
    '''
    return [gradient.clamp(-max, max) for gradient in gradients]
""",
    ),
    "decoding": (
        "import torch",
        "toy_decoding",
        {"length": 3},
        """
def toy_decoding(decoder, prompt, /, *, length: int):
    '''The likeliest token each time.

    Args:
        length: the most new tokens.
    '''
    found, given = [], prompt
    for _ in range(length):
        given = decoder(given).argmax(-1)[:, -1:]
        found.append(given)
    return torch.cat(found, 1)
""",
    ),
    "demonstration": DEMONSTRATION,
    "measurement": MEASUREMENT,
    "diagnostic": (
        "from dataclasses import dataclass",
        "toy_diagnostic",
        {},
        """
@dataclass(frozen=True)
class Length:
    '''How long a run was.'''

    epochs: int


def toy_diagnostic(history, /):
    '''How many epochs a history has.'''
    return Length(len(history))
""",
    ),
    "exporter": (
        "from safetensors.torch import save\n\nfrom cartograd.core.files import write_file\n"
        "from cartograd.core.signed import Signed, sign, signature_of",
        "toy_exporter",
        {},
        """
def toy_exporter(model, path, /):
    '''The weights, one after another, and what the model's ports are.'''
    signed = model if isinstance(model, Signed) else sign(model, signature_of(model))
    weights = {name: value.contiguous() for name, value in signed.model.state_dict().items()}
    ports = [port.name for port in signed.signature.inputs]
    return write_file(path, save(weights, {"inputs": " ".join(ports)}))
""",
    ),
    "initialiser": (
        "import torch",
        "toy_initialiser",
        {},
        """
def toy_initialiser(weight, /):
    '''Uniform in -0.1 to 0.1.'''
    with torch.no_grad():
        return weight.uniform_(-0.1, 0.1)
""",
    ),
    "layer": (
        "from torch import nn",
        "ToyLayer",
        {"dim": 8},
        """
class ToyLayer(nn.Module):
    '''A linear map of each position.

    Args:
        dim: features of each position.
    '''

    def __init__(self, *, dim: int):
        super().__init__()
        self.map = nn.Linear(dim, dim)

    def forward(self, x):
        '''The mapped positions.'''
        return self.map(x)
""",
    ),
    "loss": (
        "from torch.nn import functional as F",
        "toy_loss",
        {},
        """
def toy_loss(logits, targets, /):
    '''Squares of what is missing to one-hot targets.'''
    return (logits - F.one_hot(targets, logits.shape[1])).square().sum(1)
""",
    ),
    "normalisation": (
        "import torch\nfrom torch import nn",
        "ToyNormalisation",
        {"features": 4},
        """
class ToyNormalisation(nn.Module):
    '''The last dimension to mean square 1.

    Args:
        features: size of the last dimension.
    '''

    def __init__(self, *, features: int):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(features))

    def forward(self, x):
        '''Each example by its own size.'''
        return self.weight * x / (x.square().mean(-1, keepdim=True) + 1e-6).sqrt()
""",
    ),
    "optimizer": (
        "",
        "update",
        {},
        """
def update(weight, gradient, memory, /, *, lr: float = 0.01):
    '''A step of one length in each number.

    Args:
        lr: length of the step.
    '''
    return weight - lr * gradient.sign(), memory
""",
    ),
    "regulariser": (
        "",
        "toy_regulariser",
        {},
        """
def toy_regulariser(parameter, /):
    '''Fourth powers of a weight.'''
    return parameter.pow(4).sum()
""",
    ),
    "schedule": (
        "",
        "toy_schedule",
        {},
        """
def toy_schedule(step, lr, /):
    '''The rate over the number of the step.'''
    return lr / (step + 1)
""",
    ),
    "degradation": (
        "",
        "ToyDegradation",
        {},
        """
class ToyDegradation:
    '''Pictures at half of their brightness.'''

    plain = "the dark picture as it is"

    def port(self, whole, /):
        '''As before.'''
        return whole

    def __call__(self, x, random, /):
        '''Darker.'''
        return x / 2

    def guess(self, x, mean, /):
        '''The same.'''
        return x
""",
    ),
    "sample-metric": (
        "",
        "toy_sample_metric",
        {},
        """
def toy_sample_metric(drawn, real, /) -> float:
    '''How far the means are apart.'''
    return float((drawn.mean() - real.mean()).abs())
""",
    ),
    "text-metric": (
        "",
        "toy_text_metric",
        {},
        """
def toy_text_metric(written, expected, /) -> float:
    '''Share of texts that are the expected ones.'''
    return sum(a == b for a, b in zip(written, expected, strict=True)) / len(expected)
""",
    ),
    "weights": (
        "from pathlib import Path\n\nimport torch\n\nfrom cartograd.core.build import build\n"
        "from cartograd.core.errors import UsageError\n"
        "from cartograd.core.ports import Port, Signature\n"
        "from cartograd.core.signed import Signed",
        "toy_weights",
        {},
        """
def toy_weights(path, /) -> Signed:
    '''A perceptron whose weights stand in a file of text.

    Args:
        path: the file.
    '''
    try:
        numbers = [float(word) for word in Path(path).read_text().split()]
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot read {path}: {error}") from error
    if not numbers:
        raise UsageError(f"{path} is empty; expected numbers")
    row = Port("row", "vector", (len(numbers),))
    signature = Signature((row,), (Port("class", "label", (2,)),))
    model = build("mlp:widths=[]", signature=signature)
    with torch.no_grad():
        for weight in model.parameters():
            weight.zero_()
        next(model.parameters())[1] = torch.tensor(numbers)
    return model.eval()
""",
    ),
} | THREATS
"""By kind: imports, entry, tiny arguments, source."""

TEST = """import pytest
import torch


@pytest.mark.law("toy-{kind}")
def test_it():
    assert True


def subject(folder):
    (folder / "file").write_text("x" * 60)
    return (folder / "file",), {{}}


def takes(rows):
    return (torch.randn(rows, 5, 8),)
"""

BETTER = {"metric": "lower", "sample-metric": "lower", "text-metric": "higher"}
NODES = {"augmentation": "regularize/augmentation-image"}

NOT_ADDED = {
    "federated": "clients and server are one object of the engine, as batches and account are",
    **dict.fromkeys(("privacy", "secure-inference"), "its account is part of the method"),
    "technique": "an option of `fit` itself, which its card explains; no verb takes its name",
}
"""Kinds of which users cannot add a method, and why."""


def write(folder: Path) -> None:
    """A package of throw-away methods: a source and a test of each kind."""
    for kind, (imports, entry, tiny, body) in KINDS.items():
        name = f"toy_{kind.replace('-', '_')}.py"
        more = f'\n    better="{BETTER[kind]}",' if kind in BETTER else ""
        text = HEAD.format(
            kind=kind, imports=imports, entry=entry, tiny=tiny, more=more, body=body.strip(),
            node=NODES.get(kind, "arch/mlp"),
        )  # fmt: skip
        for path, content in (
            (folder / "toybox" / "rooms" / name, text),
            (folder / "tests" / f"test_{name}", TEST.format(kind=kind)),
        ):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
    (folder / "toybox" / "__init__.py").write_text("raise RuntimeError('imported')\n")
