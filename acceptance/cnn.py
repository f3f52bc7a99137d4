"""Rows on convolutional networks: the family on Fashion-MNIST, and transfer to few drawings."""

from acceptance.session import Outcome, Ran, Session, percent

FAMILY = {
    "LeNet-5": "lenet5",
    "AlexNet": "alexnet:width=16",
    "VGG-11": "vgg11-bn:width=12",
    "GoogLeNet": "googlenet-auxiliary:width=16",
    "Inception v3": "inception-v3-auxiliary:width=4",
    "ResNet-20": "resnet20",
    "ResNeXt": "resnext50-32x4d:width=16",
    "DenseNet-BC": "densenet:depth=22,growth_rate=8",
    "EfficientNet": "efficientnet:phi=-8",
}
"""One narrow network of each kind; their forms for small images follow from the data."""

FAMILY_COMMAND = (
    "cartograd train NETWORK --data fashion-mnist:examples=20000 --epochs 4 "
    "--optimizer adamw:lr=1e-3 --set batch_size=64 autotune=true seed=SEED decay=all"
)
LEAST, BEST = 80.0, 88.0


def cnn_family(session: Session, /) -> Outcome:
    """Accuracy against parameters, multiply-adds and time."""
    runs: dict[str, list[Ran]] = {
        name: [
            session.train(FAMILY_COMMAND.replace("NETWORK", spec), seed) for seed in session.seeds
        ]
        for name, spec in FAMILY.items()
    }
    scores = {
        name: [percent(run.metric("accuracy")) for run in each] for name, each in runs.items()
    }
    front = {
        name: _cost(spec)
        | {"accuracy": sum(scores[name]) / len(scores[name]), "seconds": _mean(runs[name])}
        for name, spec in FAMILY.items()
    }
    linear = [
        session.train(FAMILY_COMMAND.replace("NETWORK", "softmax-regression"), seed)
        for seed in session.seeds
    ]
    best = [max(each[i] for each in scores.values()) for i in range(len(session.seeds))]
    worst = min(min(each) for each in scores.values())
    return Outcome(
        claim="The convolutional family on a third of Fashion-MNIST, a narrow network of each kind",
        command=FAMILY_COMMAND,
        measured=best,
        asked=f"the best of them >= {BEST:g} %, every one >= {LEAST:g} %",
        passed=min(best) >= BEST and worst >= LEAST,
        beside={
            f"{name} (`{FAMILY[name]}`)": f"{', '.join(f'{one:.2f} %' for one in scores[name])}; "
            f"{row['parameters']:,.0f} parameters, {row['operations'] / 1e6:.1f} M multiply-adds, "
            f"{row['seconds']:.0f} s of CPU time"
            for name, row in front.items()
        }
        | {
            "softmax regression": ", ".join(
                f"{percent(run.metric('accuracy')):.2f} %" for run in linear
            )
        },
        cpu=[run.cpu for each in runs.values() for run in each],
        wall=[run.wall for each in runs.values() for run in each],
        front=front,
    )


def _mean(runs: list[Ran]) -> float:
    return sum(run.cpu for run in runs) / len(runs)


def _cost(spec: str) -> dict[str, float]:
    """Parameters, and multiply-adds for an image."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    import cartograd as cg

    with torch.device("meta"):
        model = cg.build(spec, channels=1, size=28, classes=10).eval()
        with FlopCounterMode(display=False) as counter:
            model(torch.empty(1, 1, 28, 28))
    parameters = sum(weight.numel() for weight in model.parameters())
    return {"parameters": parameters, "operations": counter.get_total_flops() / 2}


DRAWINGS = "--data clip-art:size=128,shots=20"
TUNED = (
    f"cartograd train efficientnet-lite0-imagenet {DRAWINGS} --epochs 8 "
    "--set freeze=true seed=SEED decay=all"
)
WHOLE = (
    f"cartograd train efficientnet-lite0-imagenet {DRAWINGS} --epochs 8 --optimizer adamw:lr=1e-3 "
    "--set seed=SEED decay=all"
)
SCRATCH = f"cartograd train efficientnet-lite0 {DRAWINGS} --epochs 20 --set seed=SEED decay=all"
GAIN = 15.0
"""Points by which published weights must be better than none, for each seed."""


def fine_tuning(session: Session, /) -> Outcome:
    """A new last layer on ImageNet's weights, against the same network from nothing."""
    runs = [session.train(TUNED, seed) for seed in session.seeds]
    measured = [percent(run.metric("accuracy")) for run in runs]
    others = {
        name: [percent(session.train(command, seed).metric("accuracy")) for seed in session.seeds]
        for name, command in (("from scratch", SCRATCH), ("all of it tuned", WHOLE))
    }
    gains = [a - b for a, b in zip(measured, others["from scratch"], strict=True)]
    return Outcome(
        claim="Published weights on a dozen kinds of drawings, 20 of each to train on",
        command=TUNED,
        measured=measured,
        asked=f"accuracy at least {GAIN:g} points above the same network from scratch",
        passed=min(gains) >= GAIN,
        beside={
            f"{name} (`{command}`)": ", ".join(f"{one:.2f} %" for one in others[name])
            for name, command in (("from scratch", SCRATCH), ("all of it tuned", WHOLE))
        }
        | {"gain": ", ".join(f"{one:.2f} points" for one in gains), "chance": f"{100 / 12:.2f} %"},
        cpu=[run.cpu for run in runs],
        wall=[run.wall for run in runs],
    )
