"""Every technique of training is an option of `fit`, of the settings and of the files."""

import inspect
import re

from cartograd.apps.load.options import KINDS
from cartograd.core.source import docstring
from cartograd.engine.loop.fit import fit
from tests.conformance.support import over


@over("technique")
def test_it_says_how_a_run_asks_for_it(card):
    said = re.search(r"In a run: `(\w+)=", " ".join(docstring(card).split()))
    assert said
    assert said[1] in KINDS
    assert said[1] in inspect.signature(fit).parameters
    assert f"{said[1]}: " in inspect.getdoc(fit)
