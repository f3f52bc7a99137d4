"""Throw-away methods of the kinds that harm data and find harm; see `toys`."""

THREATS = {
    "detector": (
        "import torch\n\nfrom cartograd.core.poisoning import Suspicion",
        "toy_detector",
        {},
        """
def toy_detector(model, x, y, trusted, /):
    '''Flag the brightest.'''
    scores = x.flatten(1).mean(1)
    return Suspicion(scores, scores > trusted[0].flatten(1).mean(1).max(), calibrated=True)
""",
    ),
    "purifier": (
        "",
        "toy_purifier",
        {},
        """
def toy_purifier(x, generator, /):
    '''A little of the middle.'''
    return 0.9 * x + 0.1 * x.mean()
""",
    ),
    "poison": (
        "import torch\n\nfrom cartograd.core.poisoning import Poisoned",
        "ToyPoison",
        {},
        """
class ToyPoison:
    '''The first example is told to be of the next class.'''

    def __call__(self, x, y, signature, others, /):
        first = (y[:1] + 1) % signature.classes
        return Poisoned(x, torch.cat([first, y[1:]]), torch.tensor([0]))

    def probes(self, x, y, signature, /):
        return None
""",
    ),
}
"""By kind: imports, entry, tiny arguments, source."""
