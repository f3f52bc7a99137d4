"""Explanations: Shapley values and LIME of a table and of pictures against captum, Grad-CAM.

KernelSHAP and LIME draw, so two packages do not give the same numbers. What must be equal is how
good they are: what is left of the answer once the parts that are rated highest are covered. Of a
table the network is small, and what a package does around it counts; of pictures it is the network.
"""

from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.case import Case, Timer, files
from benchmarks.digits_model import model_and_test, prepare
from benchmarks.peers import declare_torchvision

FEW, DRAWS, SIDE, TOP = 10, 1000, 2, 4
IMAGES, TIMES = 32, {28: 4, 8: 16}
"""Pictures at a time, and how often they are explained, by how many pixels wide they are."""


def _prepared(folder: Path) -> None:
    """LeNet-5 on digits, and a network of one hidden layer on the table of breast cancer."""
    import cartograd as cg
    from cartograd.engine.files.bundle import write_bundle

    prepare(folder)
    data = cg.dataset("breast-cancer")
    model = cg.build("mlp", widths=[32], signature=data.signature)
    task = cg.build("classify", model=model)
    cg.fit(task, data.train.batches(batch_size=32), optimizer="adamw:lr=1e-2", epochs=8)
    write_bundle(folder / "table", model)


def _table(examples: int) -> tuple[Any, Any, Any]:
    import cartograd as cg

    test = cg.dataset("breast-cancer").test
    model = cg.load(files() / "table").model
    x = test.inputs[:examples].clone()
    return model, x, model(x).argmax(1)


SUBJECTS = {"table": (_table, None), "pictures": (model_and_test, SIDE)}
"""The model with its examples, and the side of the squares that are parts."""


def _left(model: Any, x: Any, y: Any, found: Any, low: Any) -> list[float]:
    """The mean probability once the parts that are rated highest are as low as they can be."""
    import torch
    from torch.nn import functional as F

    with torch.inference_mode():
        rated, mask = found.float(), None
        if x.ndim == 4:
            rated = F.avg_pool2d(rated.sum(1, keepdim=True), SIDE).flatten(1)
        mask = torch.ones_like(rated).scatter_(1, rated.topk(TOP).indices, 0)
        if x.ndim == 4:
            mask = mask.unflatten(1, (x.shape[2] // SIDE, -1))[:, None]
            mask = F.interpolate(mask, scale_factor=SIDE)
        covered = torch.where(mask > 0, x, low)
        return [float(model(covered).softmax(1).gather(1, y[:, None]).mean())]


def _low(model: Any, x: Any) -> Any:
    """The baseline of both: what a covered part holds."""
    from cartograd.frontier.explain.baselines import start_of

    return start_of(model, x[:1], "low")


def _ours(clock: Timer, subject: str, name: str) -> list[float]:
    from cartograd.frontier.explain.lime import lime
    from cartograd.frontier.explain.shap_kernel import kernel_shap

    make, side = SUBJECTS[subject]
    explain = {"kernel-shap": kernel_shap, "lime": lime}[name]
    model, x, y = make(FEW)
    explain(model, x[:1], target=y[:1], draws=DRAWS, patch_size=side)
    with clock(FEW):
        found = explain(model, x, target=y, draws=DRAWS, patch_size=side)
    return _left(model, x, y, found, _low(model, x))


def _captum(clock: Timer, subject: str, name: str, rows: int) -> list[float]:
    import torch
    from captum import attr

    make, side = SUBJECTS[subject]
    model, x, y = make(FEW)
    explain = getattr(attr, name)(model).attribute
    told: dict[str, Any] = {"perturbations_per_eval": rows, "baselines": _low(model, x)}
    if side is not None:
        row = torch.arange(x.shape[2]) // side
        told["feature_mask"] = (row[:, None] * (x.shape[3] // side) + row)[None, None]
    explain(x[:1], target=y[:1], n_samples=50, **told)
    with clock(FEW):
        found = explain(x, target=y, n_samples=DRAWS, **told)
    return _left(model, x, y, found, told["baselines"])


def _network(side: int) -> tuple[Any, Any, Any]:
    """ResNet-20 with weights as they are drawn, and pictures: the maps must agree all the same."""
    import torch
    from torch.nn import functional as F

    import cartograd as cg
    from cartograd.data.sources.digits import digits

    data = digits()
    torch.manual_seed(0)
    model = cg.build("resnet", depth=20, signature=data.signature).eval()
    images = F.interpolate(data.test.inputs[:IMAGES], side, mode="bilinear")
    return model, images, data.test.targets[:IMAGES].clone()


def _grad_cam(clock: Timer, side: int) -> list[float]:
    from cartograd.frontier.explain.grad_cam import grad_cam

    model, x, y = _network(side)
    grad_cam(model, x, target=y)
    with clock(TIMES[side] * IMAGES):
        for _ in range(TIMES[side]):
            found = grad_cam(model, x, target=y)
    return _shares(found[:, 0])


def _last_convolution(model: Any) -> Any:
    from torch import nn

    return [part for part in model.modules() if isinstance(part, nn.Conv2d)][-1]


def _grad_cam_of_captum(clock: Timer, side: int) -> list[float]:
    from captum.attr import LayerAttribution, LayerGradCam

    model, x, y = _network(side)
    explain = LayerGradCam(model, _last_convolution(model))

    def maps() -> Any:
        found = explain.attribute(x, target=y, relu_attributions=True)
        return LayerAttribution.interpolate(found, x.shape[2:], "bilinear")

    maps()
    with clock(TIMES[side] * IMAGES):
        for _ in range(TIMES[side]):
            found = maps()
    return _shares(found[:, 0])


def _grad_cam_of_its_name(clock: Timer, side: int) -> list[float]:
    declare_torchvision()
    import torch
    from pytorch_grad_cam import GradCAM
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    model, x, y = _network(side)
    asked = [ClassifierOutputTarget(int(one)) for one in y]
    with GradCAM(model=model, target_layers=[_last_convolution(model)]) as explain:
        explain(input_tensor=x, targets=asked)
        with clock(TIMES[side] * IMAGES):
            for _ in range(TIMES[side]):
                found = explain(input_tensor=x, targets=asked)
    return _shares(torch.from_numpy(found))


def _shares(maps: Any) -> list[float]:
    """Of each map, from its lowest value up, the share of its sum in each quarter."""
    from torch.nn import functional as F

    maps = maps - maps.amin((1, 2), keepdim=True)
    quarters = F.adaptive_avg_pool2d(maps.detach().float()[:, None], 2).flatten(1)
    return (quarters / quarters.sum(1, keepdim=True).clamp(min=1e-9)).flatten().tolist()


def _drawn(subject: str, ours: str, theirs: str, asked: float | None) -> Case:
    parts = "30 columns" if subject == "table" else f"16 squares of {SIDE} by {SIDE} pixels"
    return Case(
        name=f"{theirs}, {subject}",
        what=f"{FEW} examples of {parts}, {DRAWS} draws each; as much has to depend on the {TOP} "
        "rated highest. Captum asks for one covered copy at a time, or for 256.",
        unit="example",
        sides={
            "cartograd": lambda clock: _ours(clock, subject, ours),
            "captum": lambda clock: _captum(clock, subject, theirs, 1),
            "captum, perturbations_per_eval": lambda clock: _captum(clock, subject, theirs, 256),
        },
        asked={} if asked is None else {"captum": asked},
        tolerance=0.5,
        prepare=_prepared,
    )


def _cams(side: int, asked: float | None) -> Case:
    where = "" if side == 28 else (
        " So small, what a package does around the run counts more than the run."
    )  # fmt: skip
    return Case(
        name=f"Grad-CAM, {side} by {side} pixels",
        what=f"ResNet-20, {IMAGES} images, the last convolution, enlarged to the image. The shares "
        f"of the four quarters have to agree.{where}",
        unit="image",
        sides={
            "cartograd": partial(_grad_cam, side=side),
            "captum": partial(_grad_cam_of_captum, side=side),
            "pytorch-grad-cam": partial(_grad_cam_of_its_name, side=side),
        },
        asked={} if asked is None else {"pytorch-grad-cam": asked},
        tolerance=0.15,
        torchvision=True,
    )


CASES = (
    _drawn("table", "kernel-shap", "KernelShap", 100.0),
    _drawn("pictures", "kernel-shap", "KernelShap", None),
    _drawn("table", "lime", "Lime", 20.0),
    _drawn("pictures", "lime", "Lime", None),
    _cams(28, 3.0),
    _cams(8, None),
)
