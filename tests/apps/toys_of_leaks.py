"""A throw-away attack on privacy, as a user would write it."""

PRIVACY_ATTACK = (
    "from cartograd.core.eval_mode import inferring",
    "toy_privacy_attack",
    {},
    """
class Gap:
    '''How much surer a model is of members.'''

    columns = ("gap",)
    notes = ()
    interval = (0.0, 1.0)
    by_chance, leaks, verdict = 0.0, False, "nobody knows"

    def __init__(self, value):
        self.value = value

    def rows(self):
        return [(f"{self.value:.2f}",)]

    def to_json(self):
        return {"gap": self.value}


def toy_privacy_attack(model, members, others, /):
    '''Compare how often answers are right.'''
    with inferring(model):
        right = [(model(x).argmax(1) == y).float().mean().item() for x, y in (members, others)]
    return Gap(right[0] - right[1])
""",
)
