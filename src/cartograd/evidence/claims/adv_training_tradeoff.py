"""LeNet-5 with and without adversarial training, clean and under attack: digits and clothes."""

import torch

from cartograd.core.build import build
from cartograd.engine.loop.fit import fit
from cartograd.evidence.claim import Claim, Measured
from cartograd.evidence.lab import accuracy, dataset, few, train
from cartograd.frontier.security.adversarial_training import AdversarialTraining
from cartograd.frontier.security.pgd import pgd

CLAIM = Claim(
    id="adv-training-tradeoff",
    place="defense/adversarial-training",
    en="Adversarial training raises robustness and costs clean accuracy",
    zh="对抗训练增强鲁棒性",
    hypothesis="LeNet-5 learns 1,264 digits, and 8,000 pictures of clothes, as they are and, as "
    "often, from the worst pictures within a ball (PGD of five steps; each pixel by a fifth of the "
    "range for digits, by a tenth for clothes). Under PGD of forty steps with that radius it then "
    "gets more of the test pictures right than the plain network, and fewer of the clean ones, for "
    "both kinds of pictures. That they have learned: all are right on most clean pictures.",
    rule=(
        "mean gain on digits > 0",
        "mean gain on clothes > 0",
        "mean cost on digits > 0",
        "mean cost on clothes > 0",
    ),
    requires=("every clean digits > 0.8", "every clean clothes > 0.6"),
    data="fashion-mnist",
    seeds=6,
    draw=("gain on digits", "gain on clothes", "cost on digits", "cost on clothes"),
    axes=("share of right answers", ""),
)
PICTURES = {"digits": ("digits", 0.2, 12), "clothes": ("fashion-mnist", 0.1, 4)}
"""By name: the data, the radius of the ball, and how often each picture is seen."""


def measure(seed: int, /) -> Measured:
    """What adversarial training gains under attack and costs without one."""
    told = dict[str, float]()
    for name, (source, eps, epochs) in PICTURES.items():
        data, right = dataset(source), dict[bool, tuple[float, float]]()
        part, test = few(data.train, 8000, seed=seed), few(data.test, 500, seed=seed)
        for hardened in (False, True):
            torch.manual_seed(seed)
            model = build("lenet5:activation=relu", signature=data.signature)
            if hardened:
                fit(
                    AdversarialTraining(model=model, eps=eps), part.batches(batch_size=64),
                    epochs=epochs, optimizer="adamw:lr=2e-3", seed=seed, device="cpu", decay="all",
                )  # fmt: skip
            else:
                train(model, part, epochs=epochs, optimizer="adamw:lr=2e-3", seed=seed)
            point = pgd(model.eval(), test.inputs, test.targets, eps=eps, steps=40)
            with torch.inference_mode():
                stands = float((model(point).argmax(1) == test.targets).double().mean())
            right[hardened] = accuracy(model, data.test), stands
        (clean, weak), (cleaned, strong) = right[False], right[True]
        told[f"gain on {name}"] = strong - weak
        told[f"cost on {name}"] = clean - cleaned
        told[f"clean {name}"] = min(clean, cleaned)
    return told
