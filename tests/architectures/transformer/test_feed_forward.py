"""The hidden size of feed-forward parts follows the width of a model where nobody says it."""

import pytest
import torch

from cartograd.architectures.pretrained.published_back import settings
from cartograd.core.build import build
from cartograd.core.spec import Spec


@pytest.mark.parametrize(
    ("spec", "wide"),
    [
        ("llama:dim=16,heads=2,vocabulary=11", 40),
        ("llama:dim=5120,heads=40,vocabulary=11", 13_824),
        ("llama:dim=16,heads=2,vocabulary=11,ffn_dim=24", 24),
        ("decoder:dim=64,heads=2,vocabulary=11", 176),
        ("decoder:dim=64,heads=2,vocabulary=11,experts=3", 176),
        ("t5:dim=16,heads=2,vocabulary=11", 64),
        ("modernbert:dim=16,heads=2,vocabulary=11", 24),
        ("transformer:dim=16,heads=2,vocabulary=11", 64),
        ("gpt:dim=16,heads=2,vocabulary=11", 64),
    ],
)
def test_it_follows_the_width(spec, wide):
    with torch.device("meta"):
        model = build(f"{spec},depth=1")
    sizes = {
        part.out_features for name, part in model.named_modules() if name.endswith(("up", "fc1"))
    }
    assert sizes == {wide}
    assert settings(Spec.parse(spec))[1]["ffn_dim"] == wide
