"""Rows on images: LeNet-5, an MLP and a small ResNet, and a folder of pictures."""

import shutil
from collections.abc import Callable
from pathlib import Path

from acceptance.session import Outcome, Session, percent

MAJORITY = "always the most frequent class"
BUDGET = 480.0
"""CPU seconds that the ResNet may take."""


def _accuracy(
    session: Session,
    claim: str,
    command: str,
    least: float,
    *,
    softmax: str,
    majority: Callable[[], float],
    longest: float | None = None,
) -> Outcome:
    """Test accuracy of each seed, with softmax regression and the most frequent class beside it."""
    runs = [session.train(command, seed) for seed in session.seeds]
    measured = [percent(run.metric("accuracy")) for run in runs]
    plain = [percent(session.train(softmax, seed).metric("accuracy")) for seed in session.seeds]
    cpu = [run.cpu for run in runs]
    within = longest is None or max(cpu) <= longest
    limit = "" if longest is None else f", within {longest:.0f} s of CPU time"
    return Outcome(
        claim=claim,
        command=command,
        measured=measured,
        asked=f"accuracy >= {least:g} %{limit}",
        passed=min(measured) >= least and within,
        beside={
            "softmax regression": ", ".join(f"{one:.2f} %" for one in plain),
            MAJORITY: f"{percent(majority()):.2f} %",
        },
        cpu=cpu,
        wall=[run.wall for run in runs],
    )


def _majority(spec: str) -> Callable[[], float]:
    def share() -> float:
        import cartograd as cg

        data = cg.dataset(spec)
        most = data.train.targets.bincount().argmax()
        return float((data.test.targets == most).float().mean())

    return share


def lenet5_digits(session: Session, /) -> Outcome:
    """LeNet-5 on the digits that come with the package."""
    return _accuracy(
        session,
        "LeNet-5 on the embedded digits",
        "cartograd train lenet5 --data digits "
        "--set seed=SEED decay=all objective=classify:label_smoothing=0.1",
        97.0,
        softmax="cartograd train softmax-regression --data digits --set seed=SEED decay=all",
        majority=_majority("digits"),
    )


SOFTMAX_FASHION = (
    "cartograd train softmax-regression --data fashion-mnist --set seed=SEED decay=all"
)


def mlp_fashion(session: Session, /) -> Outcome:
    """784-128-64-10."""
    return _accuracy(
        session,
        "MLP 784-128-64-10 on Fashion-MNIST",
        "cartograd train mlp:widths=[128,64] --data fashion-mnist --epochs 10 "
        "--set seed=SEED decay=all",
        88.0,
        softmax=SOFTMAX_FASHION,
        majority=_majority("fashion-mnist"),
    )


def resnet_fashion(session: Session, /) -> Outcome:
    """A small ResNet, without augmentation, in eight minutes of one core."""
    return _accuracy(
        session,
        "ResNet-18 of width 16 on Fashion-MNIST",
        "cartograd train resnet18:width=16 --data fashion-mnist --epochs 5 "
        "--set seed=SEED decay=all "
        "--optimizer sgd:lr=0.2,momentum=0.9,nesterov=true,weight_decay=5e-4 "
        "--set schedule=onecycle objective=classify:label_smoothing=0.1 precision=bf16 "
        "batch_size=128",
        92.5,
        softmax=SOFTMAX_FASHION,
        majority=_majority("fashion-mnist"),
        longest=BUDGET,
    )


FEW = "cartograd train lenet5 --data digits:valid=0.7 --epochs 40 --set seed=SEED decay=all"
AUGMENTED = f"{FEW} --set augment=affine:degrees=10,translate=0.1,scale=[0.85,1.15],shear=8"
LEAST, GAIN = 91.0, 2.0
"""Test accuracy of each seed with augmentation, and points that it is better on average."""


def augmented_digits(session: Session, /) -> Outcome:
    """LeNet-5 on 197 digits, with and without augmentation, the rest alike."""
    runs = [session.train(AUGMENTED, seed) for seed in session.seeds]
    plain = [percent(session.train(FEW, seed).metric("accuracy")) for seed in session.seeds]
    measured = [percent(run.metric("accuracy")) for run in runs]
    gain = (sum(measured) - sum(plain)) / len(plain)
    return Outcome(
        claim="Augmentation on little data: LeNet-5 on 197 digits",
        command=AUGMENTED,
        measured=measured,
        asked=f"accuracy >= {LEAST:g} %, on average {GAIN:g} points more than without",
        passed=min(measured) >= LEAST and gain >= GAIN,
        beside={
            "the same without augmentation": ", ".join(f"{one:.2f} %" for one in plain),
            "gain": f"{gain:.2f} points",
        },
        cpu=[run.cpu for run in runs],
        wall=[run.wall for run in runs],
    )


LINES = (
    "cartograd train crnn:width=8,dim=64 --data digit-lines:examples=8000 --epochs 8 "
    "--optimizer adamw:lr=5e-3 --set seed=SEED decay=all batch_size=16 clip=5"
)
MOST_WRONG = 8.0
"""Percent of the digits, put in, left out or replaced."""


def lines_of_digits(session: Session, /) -> Outcome:
    """A CRNN from scratch reads handwritten digits that touch; nobody says where each stands."""
    runs = [session.train(LINES, seed) for seed in session.seeds]
    measured = [percent(run.metric("label-error-rate")) for run in runs]
    whole = [percent(run.epochs()[-1]["valid/accuracy"]) for run in runs]
    return Outcome(
        claim="CRNN with CTC, from scratch, reads lines of three to five handwritten digits",
        command=LINES,
        measured=measured,
        asked=f"label error rate <= {MOST_WRONG:g} %",
        passed=max(measured) <= MOST_WRONG,
        beside={
            "validation lines without a mistake": ", ".join(f"{one:.2f} %" for one in whole),
            "reading nothing": "100 %",
        },
        cpu=[run.cpu for run in runs],
        wall=[run.wall for run in runs],
        notes=["Digits of the training lines are in no test line; some touch or overlap."],
    )


def folder_of_pictures(session: Session, /) -> Outcome:
    """The same pixels in the same order, from PNG files and from IDX files.

    A folder is read class by class, so the IDX files hold the examples in that order too; then
    the two runs must agree to the last digit.
    """
    direct, pictures = session.work / "idx", session.work / "pictures"
    _write_both(direct, pictures)
    from_idx = (
        f"cartograd train mlp --data fashion-mnist:{direct} --epochs 3 --set seed=SEED decay=all"
    )
    from_folder = (
        f"cartograd train mlp --data folder:{pictures} --epochs 3 --set seed=SEED decay=all"
    )
    idx = [session.train(from_idx, seed) for seed in session.seeds]
    runs = [session.train(from_folder, seed) for seed in session.seeds]
    shutil.rmtree(pictures)
    same = all(
        a.said["test"] == b.said["test"] and _weights(a.folder) == _weights(b.folder)
        for a, b in zip(idx, runs, strict=True)
    )
    return Outcome(
        claim="A folder of PNGs written from Fashion-MNIST gives what the direct source gives",
        command="cartograd train mlp --data folder:pictures --epochs 3 --set seed=SEED decay=all",
        measured=[percent(run.metric("accuracy")) for run in runs],
        asked="the direct source's accuracy, and its weights to the bit",
        passed=same,
        beside={
            "the same examples from IDX files": ", ".join(
                f"{percent(run.metric('accuracy')):.2f} %" for run in idx
            )
        },
        cpu=[run.cpu for run in runs],
        wall=[run.wall for run in runs],
        notes=[f"70,000 pictures; the weights are {'the same' if same else 'not the same'}."],
    )


def _weights(run: Path) -> bytes:
    return (run / "bundle" / "weights.safetensors").read_bytes()


def _write_both(direct: Path, pictures: Path) -> None:
    """Fashion-MNIST class by class, as IDX files and as `train`, `valid`, `test` folders."""
    import torch

    from cartograd.data.sources.fashion_mnist import fashion_mnist

    official = fashion_mnist()
    whole = [official.train, official.valid]
    images = torch.cat([part.stored for part in whole])
    classes = torch.cat([part.targets for part in whole])
    order = classes.argsort(stable=True)
    direct.mkdir(exist_ok=True)
    _write_idx(direct, "train", images[order], classes[order])
    test_order = official.test.targets.argsort(stable=True)
    _write_idx(direct, "t10k", official.test.stored[test_order], official.test.targets[test_order])
    again = fashion_mnist(direct)
    for part in ("train", "valid", "test"):
        split = getattr(again, part)
        _write_pictures(pictures / part, split.stored, split.targets)


def _write_idx(folder: Path, stem: str, images, classes) -> None:
    count = len(images).to_bytes(4, "big")
    pixels = images.squeeze(1).contiguous()
    size = b"".join(side.to_bytes(4, "big") for side in pixels.shape[1:])
    head = bytes([0, 0, 8])
    (folder / f"{stem}-images-idx3-ubyte").write_bytes(
        head + b"\x03" + count + size + pixels.numpy().tobytes()
    )
    (folder / f"{stem}-labels-idx1-ubyte").write_bytes(
        head + b"\x01" + count + classes.byte().numpy().tobytes()
    )


def _write_pictures(folder: Path, images, classes) -> None:
    from PIL import Image

    for number, (pixels, kind) in enumerate(
        zip(images.squeeze(1).numpy(), classes.tolist(), strict=True)
    ):
        path = folder / str(kind) / f"{number:05}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path, compress_level=1)
