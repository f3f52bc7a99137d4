"""The embedded digits equal scikit-learn's."""

import subprocess
import sys

import pytest
import torch

from cartograd.data.sources.digits import digits


@pytest.mark.oracle("digits")
def test_equals_scikit_learn():
    reference = pytest.importorskip("sklearn.datasets").load_digits()
    data = digits()
    seen = []
    for split in (data.train, data.valid, data.test):
        rows = [int(name.removeprefix("row ")) - 1 for name in split.names]
        pixels = torch.from_numpy(reference.images[rows]).float()[:, None] / 16
        assert torch.equal(split.inputs, pixels)
        assert split.targets.tolist() == reference.target[rows].tolist()
        seen += rows
    assert sorted(seen) == list(range(1797))


def test_splits_are_pinned():
    """Results of different versions can be compared only on the same test split."""
    data = digits()
    assert (len(data.train), len(data.valid), len(data.test)) == (1264, 174, 359)
    assert data.test.names[:3] == ("row 2", "row 5", "row 8")
    assert digits(valid=0.3).test.names == data.test.names


def test_scikit_learn_is_not_imported():
    code = (
        "import sys; from cartograd.data.sources.digits import digits; digits();"
        "sys.exit('sklearn' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_about_tells_source_and_licence():
    about = digits().about
    assert about["licence"] == "CC BY 4.0"
    assert len(about["sha256"]) == 64
