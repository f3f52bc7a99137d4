"""The first twenty losses of every objective, through the engine, as text files.

python -m tests.golden.curves --write      prints how they differ now, and renews the files
"""

import difflib
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch

from cartograd.core import registry
from cartograd.core.boxes import right_answers
from cartograd.core.build import build
from cartograd.core.card import Card
from cartograd.core.column import Column
from cartograd.core.ports import Port, Signature
from cartograd.core.timeline import Timeline
from cartograd.data.dataset.dataset import Split
from cartograd.data.dataset.preference_pairs import PreferencePairs
from cartograd.engine.loop.fit import fit
from cartograd.engine.optim import accumulation

HERE = Path(__file__).parent
STEPS, BATCH = 20, 8
READING = {
    "cbow": {},
    "crf": {},
    "ctc": {},
    "label-tokens": {},
    "masked-language-model": {"mask_id": 1, "mlm_probability": 0.5},
    "grpo": {},
    "ppo": {},
    "preference": {},
    "scheduled-sampling": {"total": 5},
    "skip-gram": {},
}
"""Objectives that look at each token of a text, and what they need to be told."""


class Recorded(torch.nn.Module):
    """An objective that notes the mean of each loss on its way to the engine."""

    def __init__(self, objective):
        super().__init__()
        self.objective, self.players, self.seen = objective, objective.players, []

    def losses(self, batch, /):
        for loss in self.objective.losses(batch):
            mean, _ = accumulation.mean(loss, len(batch[0]))
            self.seen.append((loss.player, mean.item()))
            yield loss


def examples(*, values: bool) -> Split:
    """32 examples of four numbers, in two classes or with one value; no random numbers."""
    number = torch.arange(32 * 4, dtype=torch.float64).reshape(32, 4)
    x = torch.sin(number * 12.9898)
    bent = x[:, :1] * x[:, 1:2] + 0.5 * x[:, 2:3]
    output = Port("y", "value", (1,), "float64") if values else Port("y", "label", (2,))
    signature = Signature((Port("x", "vector", (4,), "float64"),), (output,))
    return Split(x, bent if values else (bent[:, 0] > 0).long(), signature)


def bounded() -> Split:
    """The examples of four numbers in two classes, each number from -1 to 1."""
    data = examples(values=False)
    port = Port("x", "vector", (4,), "float64", (-1.0, 1.0))
    return Split(data.inputs, data.targets, Signature((port,), data.signature.outputs))


def lines() -> Split:
    """32 rows of seven tokens that follow each other by a rule, and the next ones."""
    row, place = torch.arange(32)[:, None], torch.arange(8)
    tokens = 2 + (row + place * (1 + row % 2)) % 6 // 3 * 3
    output = Port("next", "label", ("t", 8), task="next-token")
    signature = Signature((Port("x", "text", ("t",), "int64", bounds=(0, 7)),), (output,))
    return Split(tokens[:, :7], tokens[:, 1:].masked_fill(place[1:] == 3, -100), signature)


def spelled() -> Split:
    """The same rows, and three labels that every other token spells."""
    data = lines()
    return Split(data.inputs, data.inputs[:, 1::2], data.signature)


def framed() -> Split:
    """The examples of four numbers as pictures, in two classes."""
    data = examples(values=False)
    x = data.inputs.repeat(1, 16).reshape(-1, 1, 8, 8)
    port = Port("image", "image", (1, 8, 8), "float64")
    return Split(x, data.targets, Signature((port,), data.signature.outputs))


def windows() -> Split:
    """The words of those rows between their neighbours."""
    rows = lines().inputs.long()
    signature = Signature(
        (Port("around", "text", ("t",), "int64", bounds=(0, 7)),), (Port("word", "label", (8,)),)
    )
    return Split(rows[:, [0, 2]], rows[:, 1], signature)


def several() -> Split:
    """The examples of four numbers, each with a label for every number that is above zero."""
    x = examples(values=True).inputs
    output = Port("y", "label", (4,), task="multi-label")
    return Split(x, (x > 0).double(), Signature((Port("x", "vector", (4,), "float64"),), (output,)))


def themselves() -> Split:
    """The examples of four numbers, away from zero, as their own targets."""
    x = examples(values=True).inputs + 1
    output = Port("density", "value", (), task="density")
    return Split(x, x, Signature((Port("x", "vector", (4,), "float64"),), (output,)))


def noises() -> Split:
    """Noise, and the examples that are to be made of it."""
    x = examples(values=True).inputs
    noise = torch.randn(x.shape, generator=torch.Generator().manual_seed(7), dtype=x.dtype)
    output = Port("x", "vector", (4,), "float64", task="generate")
    return Split(noise, x, Signature((Port("noise", "vector", (4,), "float64"),), (output,)))


def pictures() -> Split:
    """Noise, and the examples that are to be made of it as pictures of one grey each."""
    data = noises()
    x = (1 + data.targets.reshape(-1, 1, 4, 1)).expand(-1, -1, -1, 4) / 2
    given = data.signature.inputs
    output = Port("x", "image", (1, 4, 4), "float64", mean=(0.5,), std=(0.5,), task="generate")
    return Split(data.inputs, x.contiguous(), Signature(given, (output,)))


def captioned() -> Split:
    """Those pictures, told by a word of two."""
    data = pictures()
    tokens = (data.targets[:, 0, :2, 0] > 0.5).long()
    text = Port("text", "text", (2,), "int64", bounds=(0, 1))
    signature = Signature((data.signature.input, text), data.signature.outputs)
    return Split(data.inputs, data.targets, signature, others=[tokens])


def domains() -> Split:
    """Pictures of one grey in each column, and others of them in black for white."""
    shown = (
        ((1 + noises().targets.repeat(1, 6)) / 2)
        .reshape(-1, 1, 1, 24)
        .expand(-1, -1, 24, -1)
        .contiguous()
    )
    port = Port("x", "image", (1, 24, 24), "float64", mean=(0.5,), std=(0.5,))
    other = Port(
        "y", "image", (1, 24, 24), "float64", mean=(0.5,), std=(0.5,), task="image-to-image"
    )
    return Split(shown, 1 - shown.flip(0), Signature((port,), (other,)))


def rebuilt() -> Split:
    """Pictures as large as a patch that a critic judges, to be made again."""
    shown = domains().inputs
    port = Port("x", "image", (1, 24, 24), "float64")
    again = Port("y", "image", (1, 24, 24), "float64", task="reconstruct")
    return Split(shown, shown, Signature((port,), (again,)))


def recoloured() -> Split:
    """The same, each with its own."""
    data = domains()
    (output,) = data.signature.outputs
    signature = Signature(data.signature.inputs, (replace(output, task="restore"),))
    return Split(data.inputs, 1 - data.inputs, signature)


def masked() -> Split:
    """Small pictures, and whether each of their pixels is bright; some have no label."""
    x = (examples(values=True).inputs.repeat(1, 4).reshape(32, 1, 4, 4) + 1) / 2
    right = (x[:, 0] > 0.5).long()
    right[:, 0, 0] = -100
    port = Port("image", "image", (1, 4, 4), "float64")
    output = Port("mask", "label", (2, 4, 4), task="segment")
    return Split(x, right, Signature((port,), (output,)))


def boxed() -> Split:
    """Small pictures, each with a box or two."""
    x = (examples(values=True).inputs.repeat(1, 64).reshape(32, 1, 16, 16) + 1) / 2
    boxes = [[(i % 2, 1, 2, 9, 8 + i % 4), (1, 6, 6, 15, 15)][: 1 + i % 2] for i in range(32)]
    port = Port("image", "image", (1, 16, 16), "float64")
    output = Port("boxes", "value", ("q", 7), labels=("cat", "dog"), task="detect")
    right = right_answers(boxes, [(16, 16)] * 32).double()
    return Split(x, right, Signature((port,), (output,)))


def halves() -> Split:
    """Black and white versions of small pictures, and the pictures."""
    x = (examples(values=True).inputs.reshape(8, 1, 4, 4) + 1) / 2
    port = Port("image", "image", (1, 4, 4), "float64")
    signature = Signature((port,), (Port("image", "image", (1, 4, 4), "float64", task="restore"),))
    return Split((x > 0.5).to(x), x, signature)


def series() -> Split:
    """32 windows of eight steps, and the two after them with what they are counted in."""
    wave = torch.sin(torch.arange(41, dtype=torch.float64) * 0.9) + torch.arange(41) / 10
    steps = wave.unfold(0, 10, 1)
    right = torch.stack([steps[:, 8:], steps[:, 1:3], torch.full((32, 2), 0.5).double()], 2)
    timeline = Timeline("y", "day", season=7, horizon=2)
    past = Port("past", "series", (1, 8), "float64", timeline=timeline)
    output = Port("y", "value", (2, 3), "float64", task="forecast")
    return Split(steps[:, None, :8], right, Signature((past,), (output,)))


def rated() -> Split:
    """What four people think of five things."""
    number = torch.arange(32)
    x = torch.stack([number % 4, number % 5], 1).double()
    columns = (
        Column("user", tuple("abcd"), numbered=True), Column("item", tuple("vwxyz"), numbered=True)
    )  # fmt: skip
    port = Port("pair", "table", (2,), "float64", columns=columns)
    output = Port("stars", "value", (1,), "float64", task="regress")
    right = torch.sin(number.double() * 1.3)[:, None]
    return Split(x, right, Signature((port,), (output,)))


def taken() -> Split:
    """Which of five things four people take."""
    data = rated()
    port = replace(data.signature.input, dims=(1,), columns=data.signature.input.columns[:1])
    output = Port("item", "value", (5,), task="rank")
    x = data.inputs[:, :1]
    return Split(x, x[:, 0].long(), Signature((port,), (output,)))


def compared() -> PreferencePairs:
    """Those rows as better answers, and rows of another rule as worse ones."""
    data = lines()
    pairs = torch.stack([data.inputs, data.inputs * 5 % 8], 1)
    labels = pairs.roll(-1, 2).masked_fill(torch.arange(7) % 6 == 0, -100)
    better = Split(data.inputs, labels[:, 0], data.signature)
    return PreferencePairs(better, pairs[:, 1], labels)


def asked() -> Split:
    """Those rows, of which all but the first three tokens are to be answered."""
    data = lines()
    labels = data.targets.masked_fill(torch.arange(7) < 2, -100)
    labels[:, 2] = data.inputs[:, 3]
    return Split(data.inputs, labels, data.signature)


ROWS = {
    "adversarial": noises, "adversarial-training": bounded,
    "cbow": windows, "certified-training": bounded, "consistency-distillation": noises,
    "ctc": spelled, "detect": boxed, "factorise": rated,
    **dict.fromkeys(("bpr", "in-batch-softmax", "rank-items"), taken),
    "forecast": series,
    **dict.fromkeys(("grpo", "ppo"), asked),
    **dict.fromkeys(("bradley-terry", "preference"), compared),
    "cyclegan-game": domains, "denoising": noises, "likelihood": themselves,
    "learn-prototypes": framed,
    "latent-denoising": captioned,
    "segment": masked,
    "multi-label": several, "pix2pix-game": recoloured, "restore": halves, "skip-gram": windows,
    "stylegan2-game": pictures, "vqgan-game": rebuilt, "wgan": noises,
    "wgan-gp": noises,
}  # fmt: skip
MODELS = {
    "bradley-terry": "decoder-classifier:classes=1,"
    'decoder="gpt:context=16,dim=8,heads=2,depth=1,dropout=0.0"',
    "cbow": "word2vec:dim=8", "crf": "bilstm-crf:dim=8", "skip-gram": "word2vec:dim=8",
    "consistency-distillation": "consistency:width=4",
    "denoising": "flow-matching:width=4", "likelihood": "real-nvp:depth=2,widths=[8]",
    "cyclegan-game": "cyclegan:width=2,blocks=1",
    "detect": 'fcos:encoder="resnet:depth=8,width=2,norm=none",width=4',
    **dict.fromkeys(
        ("bpr", "factorise", "in-batch-softmax", "rank-items"), "matrix-factorisation:factors=3"
    ),
    "forecast": "n-beats:width=8,depth=2",
    "grow": "decision-tree:depth=2",
    **dict.fromkeys(("grpo", "ppo"), "gpt:dim=8,heads=2,depth=1,dropout=0.0"),
    "learn-concepts": "concept-bottleneck:concepts=[[0],[1]],widths=[8]",
    "learn-prototypes": "prototype-network:prototypes=2,width=4",
    "latent-denoising": "latent-diffusion:chain=20,sampling_steps=2,"
    "autoencoder=(autoencoder-kl:latent=1,widths=[2,2],blocks=1,groups=1),"
    "encoder=(clip-text:context=2,dim=4,heads=1,depth=1,ffn_dim=4),"
    "network=(latent-unet:widths=[4,4],blocks=1,heads=1,groups=2)",
    "segment": "unet:width=2,scales=1",
    "restore": "context-encoder:width=2,degradation=(hole:size=2)",
    "vqgan-game": "vqgan:widths=[2,2],groups=1,codes=3,dim=2,width=4,heads=1,depth=1",
    "pix2pix-game": "pix2pix:width=2",
    "stylegan2-game": "stylegan2:width=2,max_width=4,latent=4,depth=1",
    **dict.fromkeys(("adversarial", "wgan", "wgan-gp"), "gan:width=2,latent=4"),
}  # fmt: skip
"""What some objectives read, and by which model, if not by `reader` or a small MLP."""


def reader() -> torch.nn.Module:
    """A network that reads token by token."""
    return torch.nn.Sequential(torch.nn.Embedding(8, 8), torch.nn.Tanh(), torch.nn.Linear(8, 8))


def teacher() -> torch.nn.Module:
    """A line that divides the examples as they are in two."""
    taught = torch.nn.Linear(4, 2).double()
    with torch.no_grad():
        taught.weight.copy_(torch.tensor([[-1.0, -1, -1, 0], [1, 1, 1, 0]]))
        taught.bias.zero_()
    return taught


RATES = {
    "cyclegan-game": 3e-4,
    "denoising": 0.1,
    "factorise": 0.3,
    "bpr": 0.3,
    **dict.fromkeys(("in-batch-softmax", "rank-items"), 3.0),
    "forecast": 0.1,
    "learn-prototypes": 0.003,
    "latent-denoising": 0.02,
    "likelihood": 0.1,
    "multi-label": 0.3,
    "pix2pix-game": 1e-3,
    "ppo": 0.01,
    "restore": 0.1,
    "segment": 0.1,
    "vqgan-game": 3e-4,
    "wgan-gp": 0.003,
}
"""Learning rates where a loss is a mean over an example's numbers as well, or is very steep."""


def noise_taker() -> torch.nn.Module:
    """A denoiser that has not learned yet."""
    torch.manual_seed(1)
    return build("edm:width=4", features=4).double()


FURTHER = {
    "consistency-distillation": lambda: {"teacher": noise_taker()},
    "cyclegan-game": lambda: {"width": 2},
    "vqgan-game": lambda: {"width": 2, "patch_size": 70},
    **dict.fromkeys(
        ("distill", "hints", "relational-distillation"), lambda: {"teacher": teacher()}
    ),
    "grpo": lambda: {"reward": "letter-4", "generations": 4, "length": 4},
    "pix2pix-game": lambda: {"width": 2},
    "ppo": lambda: {"reward": "letter-4", "generations": 4, "length": 4, "updates": 1},
}
"""What else an objective takes."""


def curve(card: Card) -> list[str]:
    """One line a step: the player and its loss, in double precision."""
    reads = card.name in READING
    usual = lines if reads else partial(examples, values="accuracy" not in card.metrics)
    data = ROWS.get(card.name, usual)()
    torch.manual_seed(0)
    model = reader() if reads else "mlp:widths=[8],activation=tanh"
    model = build(MODELS.get(card.name, model), signature=data.signature)
    given = READING.get(card.name, {}) | FURTHER.get(card.name, dict)()
    recorded = Recorded(build(card.name, model=model, **given).double())
    batches = data.batches(batch_size=BATCH)
    rate = RATES.get(card.name, 0.3 if reads else 0.03)
    fit(recorded, batches, optimizers=f"sgd:lr={rate},momentum=0.8", epochs=STEPS // len(batches))
    return [
        f"{step:2} {player} {loss:.12e}" for step, (player, loss) in enumerate(recorded.seen, 1)
    ]


def path_of(card: Card) -> Path:
    """Where an objective's curve is kept."""
    return HERE / f"{card.name}.txt"


def main() -> None:
    """Print the differences; with `--write` the files take the new curves."""
    torch.set_num_threads(1)
    cards = [card for card in registry.cards().values() if card.kind == "objective"]
    for card in cards:
        path, new = path_of(card), curve(card)
        old = path.read_text().splitlines() if path.exists() else []
        print(*difflib.unified_diff(old, new, path.name, "now", lineterm=""), sep="\n")
        if "--write" in sys.argv[1:]:
            path.write_text("\n".join(new) + "\n")
    for path in {*HERE.glob("*.txt")} - {path_of(card) for card in cards}:
        print(f"{path.name} belongs to no objective")


if __name__ == "__main__":
    main()
