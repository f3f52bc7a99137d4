"""Attacks on LeNet-5 on digits: a security curve, and the shortest change, against foolbox.

The curve is of PGD at four sizes, up to where nothing stands. Foolbox attacks all images at each
size; ours attacks what still stands, and leaves an image alone once it fell. The shortest change is
looked for by DDN, our default for that, against Carlini and Wagner's attack as foolbox has it, with
6 searches of 200 steps: all images have to fall.
"""

from benchmarks.case import Case, Timer
from benchmarks.digits_model import model_and_test, prepare

EXAMPLES, STEPS, EPS = 256, 20, (0.05, 0.1, 0.2, 0.3)
FEW = 64


def _curve(clock: Timer) -> list[float]:
    import torch

    from cartograd.frontier.security.growing import growing
    from cartograd.frontier.security.pgd import pgd

    model, x, y = model_and_test(EXAMPLES)

    def attack(some, classes, eps):
        return pgd(model, some, classes, eps=eps, steps=STEPS, restarts=0)

    def right(some, classes):
        with torch.inference_mode():
            return model(some).argmax(1) == classes

    growing(attack, right, x[:8], y[:8], EPS[:1])  # what is loaded lazily
    with clock(EXAMPLES * len(EPS)):
        _, standing = growing(attack, right, x, y, EPS)
    return [float(stands.sum()) for stands in standing]


def _curve_of_foolbox(clock: Timer) -> list[float]:
    import foolbox

    model, x, y = model_and_test(EXAMPLES)
    wrapped = foolbox.PyTorchModel(model, bounds=(0, 1), device="cpu")
    attack = foolbox.attacks.LinfPGD(steps=STEPS, rel_stepsize=2.5 / STEPS, random_start=False)
    attack(wrapped, x[:8], y[:8], epsilons=EPS[:1])
    with clock(EXAMPLES * len(EPS)):
        _, _, fallen = attack(wrapped, x, y, epsilons=EPS)
    return [float((~row).sum()) for row in fallen]


def _shortest(clock: Timer) -> list[float]:
    import torch

    from cartograd.frontier.security.ddn import ddn

    model, x, y = model_and_test(FEW)
    ddn(model, x[:8], y[:8], steps=2)
    with clock(FEW):
        found = ddn(model, x, y)
    with torch.inference_mode():
        return [float((model(found).argmax(1) != y).sum())]


def _shortest_of_foolbox(clock: Timer) -> list[float]:
    import foolbox

    model, x, y = model_and_test(FEW)
    wrapped = foolbox.PyTorchModel(model, bounds=(0, 1), device="cpu")
    attack = foolbox.attacks.L2CarliniWagnerAttack(
        binary_search_steps=6, steps=200, initial_const=1e-2, stepsize=5e-2
    )
    with clock(FEW):
        _, _, fallen = attack(wrapped, x, y, epsilons=None)
    return [float(fallen.sum())]


CASES = (
    Case(
        name="security curve",
        what=f"{EXAMPLES} images, PGD of {STEPS} steps at eps {', '.join(map(str, EPS))}. Ours "
        "keeps the best point on the way and foolbox the last, so the images that stand may "
        "differ by 3 of 100.",
        unit="image and size",
        sides={"cartograd": _curve, "foolbox": _curve_of_foolbox},
        asked={"foolbox": 2.0},
        tolerance=0.03,
        prepare=prepare,
    ),
    Case(
        name="shortest change",
        what=f"{FEW} images, the least Euclidean change that turns the answer: DDN of 100 steps "
        "against Carlini and Wagner's attack of 6 times 200. As many images must fall.",
        unit="image",
        sides={"cartograd": _shortest, "foolbox, Carlini and Wagner": _shortest_of_foolbox},
        asked={"foolbox, Carlini and Wagner": 5.0},
        tolerance=0.02,
        prepare=prepare,
    ),
)
