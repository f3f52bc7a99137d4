"""A model that is signed already keeps what it says of itself, where the data agrees."""

import pytest
import torch
from torch import nn

import cartograd as cg
from cartograd.apps.load.kept import kept
from cartograd.core.errors import UsageError
from cartograd.core.ports import Port, Signature


def data(**options):
    x = torch.rand(60, 2, generator=torch.Generator().manual_seed(0)) * 9 + 5
    return cg.tensors(x, (x[:, 0] > x[:, 1]).long(), **options)


def of(port, labels=("0", "1")):
    return Signature((port,), (Port("label", "label", (2,), labels=labels),))


def test_a_network_that_standardises_itself_gets_the_values_as_they_are(tmp_path):
    own = of(Port("input", "vector", (2,), bounds=(0.0, 99.0)), ("less", "more"))
    examples = data()
    assert examples.signature.input.mean  # what training would have taken
    run = cg.train(cg.sign(nn.Linear(2, 2), own), examples, epochs=1, folder=tmp_path / "run")
    assert run.model.signature.inputs == own.inputs
    assert run.model.signature.output.labels == ("less", "more")
    assert run.model.signature.output.positive in ("", "more")
    x = examples.test.inputs
    assert torch.equal(run.model(x), run.model.model(x))
    (first, *_) = cg.predict(run, x[:1])
    assert first["label"] in own.output.labels
    assert cg.evaluate(run, examples).examples == len(examples.test)


def test_the_datas_names_of_classes_win_over_other_names():
    own = of(Port("input", "vector", (2,)), ("less", "more"))
    assert kept(own, data(labels=("no", "yes")).signature).output.labels == ("no", "yes")


@pytest.mark.parametrize(
    ("own", "message"),
    [
        (of(Port("input", "vector", (3,))), r"signed for vector of \(3,\), and the data has"),
        (of(Port("input", "image", (1, 2, 2))), "signed for image"),
        (of(Port("input", "vector", (2,)), ("1", "0")), "classes in the order 1, 0"),
        (
            Signature((Port("a", "vector", (2,)),) * 2, (Port("y", "label", (2,)),)),
            r"inputs a \(vector\), a \(vector\), and the data has input",
        ),
    ],
)
def test_what_does_not_fit_is_refused(own, message):
    with pytest.raises(UsageError, match=message):
        kept(own, data().signature)
