"""Rows on transformers: small images, bytes of Shakespeare, and gaps in descriptions."""

from typing import Any

from acceptance.counting import kneser_ney
from acceptance.session import Outcome, Session, percent

BITS = 0.6931471805599453
"""Nats in a bit."""

VIT = (
    "cartograd train vit:dim=64,heads=4,depth=4,patch_size=7 --data fashion-mnist:examples=4000 "
    "--epochs 80 --optimizer adamw:lr=1e-3,weight_decay=0.05 "
    "--set seed=SEED decay=all schedule=onecycle batch_size=64"
)
AUGMENTED = f"{VIT} augment=flip,crop:padding=2"
LEAST, GAIN = 82.0, 3.0
"""Test accuracy of each seed with augmentation, and points that it is better on average."""


def vit_fashion(session: Session, /) -> Outcome:
    """A small ViT on 4,000 images, with and without augmentation, the rest alike."""
    runs = [session.train(AUGMENTED, seed) for seed in session.seeds]
    plain = [percent(session.train(VIT, seed).metric("accuracy")) for seed in session.seeds]
    softmax = [
        percent(
            session.train(
                "cartograd train softmax-regression --data fashion-mnist:examples=4000 "
                "--set seed=SEED decay=all",
                seed,
            ).metric("accuracy")
        )
        for seed in session.seeds
    ]
    measured = [percent(run.metric("accuracy")) for run in runs]
    gain = (sum(measured) - sum(plain)) / len(plain)
    return Outcome(
        claim="ViT on 4,000 images of Fashion-MNIST, with augmentation",
        command=AUGMENTED,
        measured=measured,
        asked=f"accuracy >= {LEAST:g} %, on average {GAIN:g} points more than without",
        passed=min(measured) >= LEAST and gain >= GAIN,
        beside={
            "the same without augmentation": ", ".join(f"{one:.2f} %" for one in plain),
            "gain": f"{gain:.2f} points",
            "softmax regression": ", ".join(f"{one:.2f} %" for one in softmax),
        },
        cpu=[run.cpu for run in runs],
        wall=[run.wall for run in runs],
    )


GPT = (
    "cartograd train gpt:dim=192,heads=3,depth=3,context=128,positions=rotary,dropout=0 "
    "--data shakespeare --epochs 3 --optimizer adamw:lr=3e-3,weight_decay=0.1 "
    "--set seed=SEED decay=all schedule=onecycle batch_size=32 clip=1.0"
)


def gpt_shakespeare(session: Session, /) -> Outcome:
    """Bits per byte of plays that were not seen, under those of counts of five bytes in a row."""
    runs = [session.train(GPT, seed) for seed in session.seeds]
    measured = [round(run.metric("nll") / BITS, 3) for run in runs]
    counted = _counted()
    return Outcome(
        claim="GPT of 1.4 million weights on the bytes of Shakespeare",
        command=GPT,
        measured=measured,
        asked=f"bits per byte below {counted[5]:.3f}, those of a 5-gram model",
        passed=max(measured) < counted[5],
        unit="bits per byte",
        beside={f"{n}-gram, Kneser-Ney": f"{value:.3f}" for n, value in counted.items()},
        cpu=[run.cpu for run in runs],
        wall=[run.wall for run in runs],
        notes=["Whole works are kept for the test; the counts see across windows, the model not."],
    )


def _counted() -> dict[int, float]:
    """Bits per byte of what counting alone can do, on the same plays."""
    import cartograd as cg

    data: Any = cg.dataset("shakespeare")
    train, test = ([part.targets.numpy().reshape(-1)] for part in (data.train, data.test))
    return {n: kneser_ney(train, test, order=n) for n in (1, 3, 5, 6)}


DESCRIPTIONS = "debian-descriptions:task=text,vocabulary=4000,context=64"
BERT = (
    f"cartograd train bert:dim=128,heads=4,depth=4,context=64 --data {DESCRIPTIONS} "
    "--epochs 3 --optimizer adamw:lr=1e-3,weight_decay=0.01 "
    "--set seed=SEED decay=all schedule=onecycle batch_size=64"
)
AHEAD = 15.0
"""Points that masked tokens have to be guessed better than by the most frequent one."""


def bert_descriptions(session: Session, /) -> Outcome:
    """Hidden pieces of unseen descriptions are guessed from what stands around them."""
    import cartograd as cg

    runs = [session.train(BERT, seed) for seed in session.seeds]
    measured = [percent(run.metric("accuracy")) for run in runs]
    data: Any = cg.dataset(DESCRIPTIONS)
    tokens = data.test.targets[data.test.targets >= 0]
    frequent = percent(tokens.bincount().max().item() / len(tokens))
    return Outcome(
        claim="BERT fills gaps in the descriptions of Debian's packages",
        command=BERT,
        measured=measured,
        asked=f"{AHEAD:g} points more hidden pieces right than always the most frequent one",
        passed=min(measured) >= frequent + AHEAD,
        beside={"always the most frequent piece": f"{frequent:.2f} %"},
        cpu=[run.cpu for run in runs],
        wall=[run.wall for run in runs],
    )
