"""The embedded samples equal scikit-learn's."""

import numpy as np
import pytest
import torch

from cartograd.data.sources.breast_cancer import breast_cancer


@pytest.mark.oracle("breast-cancer")
def test_equals_scikit_learn():
    reference = pytest.importorskip("sklearn.datasets").load_breast_cancer()
    data = breast_cancer()
    columns = data.signature.input.columns
    assert [column.name for column in columns] == reference.feature_names.tolist()
    assert data.signature.output.labels == tuple(reference.target_names)
    mean, std = (np.array([getattr(c, name) for c in columns]) for name in ("mean", "std"))
    for split in (data.train, data.valid, data.test):
        rows = [int(name.removeprefix("line ")) - 2 for name in split.names]
        expected = (reference.data[rows] - mean) / std
        np.testing.assert_allclose(split.inputs.numpy(), expected, rtol=1e-5, atol=1e-5)
        assert split.targets.tolist() == reference.target[rows].tolist()
    train = [int(name.removeprefix("line ")) - 2 for name in data.train.names]
    np.testing.assert_allclose(mean, reference.data[train].mean(0), rtol=1e-6)
    np.testing.assert_allclose(std, reference.data[train].std(0), rtol=1e-6)
    assert len(data.train) + len(data.valid) + len(data.test) == 569


def test_the_test_split_is_fixed():
    one, two = breast_cancer(valid=0.1), breast_cancer(valid=0.3)
    assert one.test.names == two.test.names
    assert torch.equal(one.test.targets, two.test.targets)
    assert 0.15 < len(one.test) / 569 < 0.25
