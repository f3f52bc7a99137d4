"""Projected gradient descent on LeNet-5 on digits, against foolbox with the same steps.

Both start from the image itself and take ten steps. Ours leaves an image alone once the network
gets it wrong, so the time depends on how many fall: the first case has a ball so small that none
does and every image costs all its steps; the second is the usual one.
"""

from collections.abc import Callable

from benchmarks.case import Case, Timer
from benchmarks.digits_model import model_and_test, prepare

EXAMPLES, STEPS, REPEATS = 256, 10, 4


def _ours(eps: float) -> Callable[[Timer], list[float]]:
    def side(clock: Timer) -> list[float]:
        from cartograd.frontier.security.pgd import pgd

        model, x, y = model_and_test(EXAMPLES)
        found = pgd(model, x, y, eps=eps, steps=STEPS, restarts=0)
        with clock(REPEATS * EXAMPLES):
            for _ in range(REPEATS):
                found = pgd(model, x, y, eps=eps, steps=STEPS, restarts=0)
        return _standing(model, x, y, found, eps)

    return side


def _foolbox(eps: float) -> Callable[[Timer], list[float]]:
    def side(clock: Timer) -> list[float]:
        import foolbox

        model, x, y = model_and_test(EXAMPLES)
        wrapped = foolbox.PyTorchModel(model, bounds=(0, 1), device="cpu")
        attack = foolbox.attacks.LinfPGD(
            steps=STEPS, abs_stepsize=2.5 * eps / STEPS, random_start=False
        )
        found = attack(wrapped, x, y, epsilons=eps)[1]
        with clock(REPEATS * EXAMPLES):
            for _ in range(REPEATS):
                found = attack(wrapped, x, y, epsilons=eps)[1]
        return _standing(model, x, y, found, eps)

    return side


def _standing(model, x, y, found, eps: float) -> list[float]:
    """How many images stand, and whether all changes keep to the ball and to valid pixels."""
    import torch

    with torch.inference_mode():
        right = (model(found).argmax(1) == y).sum()
    kept = bool((found - x).abs().max() <= eps * 1.001) and 0 <= found.min() <= found.max() <= 1
    return [float(right), float(kept)]


def _case(name: str, what: str, eps: float, asked: float, tolerance: float) -> Case:
    return Case(
        name=name,
        what=what,
        unit="image",
        sides={"cartograd": _ours(eps), "foolbox": _foolbox(eps)},
        asked={"foolbox": asked},
        tolerance=tolerance,
        prepare=prepare,
    )


CASES = (
    _case(
        "none falls",
        f"{EXAMPLES} images, linf ball of 0.001: the cost of the steps alone. As many images must "
        "stand after both.",
        0.001,
        1.0,
        1e-9,
    ),
    _case(
        "usual ball",
        f"{EXAMPLES} images, linf ball of 0.1. Ours keeps the best point on the way and foolbox "
        "the last, so the images that stand may differ by 2 of 100.",
        0.1,
        1.0,
        0.02,
    ),
)
