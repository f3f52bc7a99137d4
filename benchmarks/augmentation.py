"""Augmented images per second, against torchvision's transforms in a DataLoader, image by image.

4,096 colour images of 32x32, kept as bytes, batches of 128, one epoch in a new order, no model.
Ours changes whole batches, each image by draws that are a function of the seed, the epoch and its
index; a DataLoader calls torchvision's v2 transforms on each image. Draws differ, so what must
agree are the images that both make of the same parameters.
"""

from collections.abc import Callable, Iterable
from typing import Any

from benchmarks.case import Case, Timer
from benchmarks.peers import declare_torchvision

EXAMPLES, BATCH, EPOCHS, SIZE, CHECKED = 4096, 128, 2, 32, 28
MEAN, STD = (0.49, 0.48, 0.45), (0.25, 0.24, 0.26)


def _images() -> tuple[Any, Any]:
    import torch

    generator = torch.Generator().manual_seed(5)
    shape = (EXAMPLES, 3, SIZE, SIZE)
    x = torch.randint(0, 256, shape, generator=generator, dtype=torch.uint8)
    return x, torch.randint(0, 10, (EXAMPLES,), generator=generator)


def _transforms() -> Any:
    """torchvision's transforms."""
    declare_torchvision()
    from torchvision.transforms import v2

    return v2


def _ours(chain: str, check: Callable[[Any], Any]) -> Callable[[Timer], list[float]]:
    def side(clock: Timer) -> list[float]:
        import torch

        from cartograd.data.dataset.tensors import tensors

        x, y = _images()
        data = tensors(x, y, valid=0.0, test=0.0, standardise=False)
        batches = data.train.batches(batch_size=BATCH, augment=chain)
        mean, std = (torch.tensor(n)[:, None, None] for n in (MEAN, STD))

        def epoch(number: int) -> None:
            for inputs, _ in batches.epoch(number, seed=0):
                inputs.sub_(mean).div_(std)

        epoch(0)  # what is loaded lazily
        with clock(EPOCHS * EXAMPLES):
            for number in range(EPOCHS):
                epoch(number)
        return _sums(check(x[:CHECKED]))

    return side


def _loader(
    make: Callable[[Any], list[Any]], check: Callable[[Any, Any], Any]
) -> Callable[[Timer], list[float]]:
    def side(clock: Timer) -> list[float]:
        import torch
        from torch.utils.data import DataLoader, Dataset

        x, y = _images()
        v2 = _transforms()
        end = [v2.ToDtype(torch.float32, scale=True), v2.Normalize(MEAN, STD)]
        transform = v2.Compose([*make(v2), *end])

        class Images(Dataset):
            def __len__(self) -> int:
                return len(x)

            def __getitem__(self, i: int) -> Any:
                return transform(x[i]), y[i]

        loader = DataLoader(Images(), batch_size=BATCH, shuffle=True)
        _drain(loader)
        with clock(EPOCHS * EXAMPLES):
            for _ in range(EPOCHS):
                _drain(loader)
        return _sums(check(v2, x[:CHECKED]))

    return side


def _drain(batches: Iterable[Any]) -> None:
    for _ in batches:
        pass


def _sums(images: Any) -> list[float]:
    """Two numbers for each image, of which one knows where its pixels are."""
    import torch

    weight = torch.linspace(0, 1, images[0].numel(), dtype=torch.float64)
    flat = images.double().flatten(1)
    return [*flat.sum(1).tolist(), *(flat * weight).sum(1).tolist()]


def _places() -> tuple[list[int], list[int], list[bool]]:
    return (
        [i % 9 for i in range(CHECKED)],
        [(5 * i) % 9 for i in range(CHECKED)],
        [i % 2 == 1 for i in range(CHECKED)],
    )


def _cropped(x: Any) -> Any:
    import torch

    from cartograd.training.augmentation.image.crop import cropped
    from cartograd.training.augmentation.image.flip import flipped

    top, left, chosen = (torch.tensor(n) for n in _places())
    return flipped(cropped(x, top, left, padding=4), chosen)


def _their_crops(v2: Any, x: Any) -> Any:
    import torch

    found = []
    for image, top, left, chosen in zip(x, *_places(), strict=True):
        crop = v2.functional.crop(v2.functional.pad(image, [4] * 4), top, left, SIZE, SIZE)
        found.append(v2.functional.horizontal_flip(crop) if chosen else crop)
    return torch.stack(found)


def _performed(x: Any) -> Any:
    """Each of the fourteen operations, both ways."""
    import torch

    from cartograd.training.augmentation.image.operations import NAMES, amounts, performed

    which = torch.arange(CHECKED) % len(NAMES)
    level, back = torch.full((CHECKED,), 0.3), torch.arange(CHECKED) >= len(NAMES)
    amount = amounts(which, level, back, height=SIZE, width=SIZE, shift=150 / 331, bits=8)
    return performed(x.float() / 255, which, amount)


def _their_operations(v2: Any, x: Any) -> Any:
    import torch
    from torchvision.transforms import InterpolationMode

    from cartograd.training.augmentation.image.operations import NAMES

    mode = InterpolationMode.BILINEAR
    transform = v2.RandAugment(interpolation=mode)
    names = {"autocontrast": "AutoContrast"}
    found = []
    for i, image in enumerate(x.float() / 255):
        name = NAMES[i % len(NAMES)]
        name = names.get(name, name.title().replace("-", ""))
        table, signed = transform._AUGMENTATION_SPACE[name]
        levels = table(31, SIZE, SIZE)
        amount = 0.0 if levels is None else float(levels[9])
        amount = -amount if signed and i >= len(NAMES) else amount
        found.append(
            transform._apply_image_or_video_transform(
                image, name, amount, interpolation=mode, fill={}
            )
        )
    return torch.stack(found)


def _crop_and_flip(v2: Any) -> list[Any]:
    return [v2.RandomCrop(SIZE, padding=4), v2.RandomHorizontalFlip()]


def _rand_augment(v2: Any) -> list[Any]:
    from torchvision.transforms import InterpolationMode

    return [v2.RandAugment(interpolation=InterpolationMode.BILINEAR)]


CASES = (
    Case(
        name="crop, flip, normalise",
        what="The usual three of CIFAR-10: a crop of the image padded by 4, a flip, mean and "
        "standard deviation.",
        unit="image",
        sides={
            "cartograd": _ours("crop:padding=4,flip", _cropped),
            "DataLoader, torchvision v2": _loader(_crop_and_flip, _their_crops),
        },
        asked={"DataLoader, torchvision v2": 3.0},
        tolerance=1e-12,
        torchvision=True,
    ),
    Case(
        name="RandAugment",
        what="Two of fourteen operations for each image, of strength 9 of 30, bilinear, and the "
        "normalisation. Torchvision's works on bytes, ours on floats.",
        unit="image",
        sides={
            "cartograd": _ours("rand-augment", _performed),
            "DataLoader, torchvision v2": _loader(_rand_augment, _their_operations),
        },
        asked={"DataLoader, torchvision v2": 3.0},
        tolerance=1e-5,
        torchvision=True,
    ),
)
