import pytest
import torch

import cartograd as cg
from cartograd.apps.load.target import as_signed
from cartograd.apps.report.samples import write_film
from cartograd.apps.verbs.conditions import columns_of
from cartograd.apps.verbs.drawn_samples import compared, shown, spread
from cartograd.apps.verbs.frames import frames
from cartograd.core.errors import UsageError
from cartograd.core.signed import Signed
from cartograd.data.dataset.own_targets import own_targets


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A short training of a diffusion model with classes on points in the plane."""
    folder = tmp_path_factory.mktemp("sample") / "run"
    cg.train("ddpm:width=8,predicts=v,beta_schedule=cosine", "moons", epochs=2, folder=folder)
    return folder


def test_a_run_tells_what_its_examples_are(run):
    found = cg.evaluate(run, "moons")
    assert set(found.metrics) == {
        "frechet", "improved-precision", "improved-recall", "coverage"
    }  # fmt: skip
    low, high = found.intervals["frechet"]
    assert low < found.metrics["frechet"] < high
    assert "of 500 drawn and 500 real examples, by their 2 numbers" in found.doubts["frechet"]
    assert (run / "bundle" / "signature.json").exists()
    assert (run / "report.html").exists()


def test_a_seed_is_a_set_of_examples(run):
    one, two, other = (cg.sample(run, 300, seed=seed) for seed in (0, 0, 1))
    assert one.shape == (300, 2)
    assert torch.equal(one, two)
    assert not torch.equal(one, other)
    assert torch.equal(cg.sample(run, 10), one[:10])


def test_classes_are_asked_for_by_name_or_number(run):
    named, numbered = (cg.sample(run, 4, condition=one) for one in ("0", 0))
    assert torch.equal(named, numbered)
    assert not torch.equal(named, cg.sample(run, 4, condition=1))
    mixed = cg.sample(run, 2, condition=[1, 0])
    assert torch.allclose(mixed[1], named[1], atol=1e-6)
    with pytest.raises(UsageError, match="unknown class '7'"):
        cg.sample(run, 4, condition=7)
    with pytest.raises(UsageError, match="2 classes for 4 examples"):
        cg.sample(run, 4, condition=[0, 1])


def test_a_column_of_a_grid_is_a_class(run):
    model = as_signed(run)
    assert columns_of(model, None, 8) == 2
    assert columns_of(model, None, 9) is None
    assert columns_of(model, "0", 8) is None


def test_samplers_and_guidance(run):
    plain = cg.sample(run, 8)
    same = cg.sample(run, 8, sampler="ddim:steps=20")
    torch.testing.assert_close(same, plain)
    assert not torch.allclose(cg.sample(run, 8, sampler="dpm-solver-pp:steps=5"), plain)
    assert not torch.allclose(cg.sample(run, 8, guidance=3.0), plain)
    assert torch.equal(cg.sample(run, 8, temperature=0.0)[0], cg.sample(run, 8, temperature=0.0)[2])
    for given, message in (
        ({"sampler": "ddim:steps=5000"}, "chain of this model has 1000"),
        ({"sampler": "top-k"}, "token-sampler"),
        ({"temperature": -1.0}, "expected a finite number of at least 0"),
    ):
        with pytest.raises(UsageError, match=message):
            cg.sample(run, 8, **given)


def test_what_draws_in_another_way_has_no_such_options():
    data = own_targets(cg.dataset("moons:examples=300"), "density")
    flow = cg.build("real-nvp:depth=2", signature=data.signature)
    for given in ({"sampler": "ddim"}, {"guidance": 2.0}):
        with pytest.raises(UsageError, match="is for diffusion models"):
            cg.sample(flow, 3, **given)
    with pytest.raises(UsageError, match="trained without classes"):
        cg.sample(flow, 3, condition=1)
    moons = cg.dataset("moons")
    plain = cg.build("mlp", signature=moons.signature)
    with pytest.raises(UsageError, match="draws no examples"):
        cg.sample(plain, 3)
    with pytest.raises(UsageError, match="measures examples that a model makes"):
        cg.evaluate(plain, moons, metrics=["frechet"])


def test_large_examples_are_compared_by_principal_components():
    data = own_targets(cg.dataset("digits"), "generate")
    real = data.test.targets
    both = compared(real, data.test)
    assert both.how == "their 64 numbers"
    value, (low, high), _ = both.measured("frechet")
    assert value == pytest.approx(0, abs=1e-6)
    assert low <= value <= high
    assert spread(3, 10) == [0, 1, 2]


def test_a_judge_sees_features_and_classes(run, tmp_path):
    data = cg.dataset("moons")
    judge = cg.train("mlp:widths=[16]", data, epochs=6, folder=tmp_path / "judge")
    found = cg.evaluate(run, "moons", judge=judge)
    assert found.doubts["frechet"].endswith("by 16 features of mlp")
    share, (low, high) = (
        getattr(found, what)["accuracy (of the judge)"] for what in ("metrics", "intervals")
    )
    assert 0.6 < share <= 1
    assert low < share < high
    with pytest.raises(UsageError, match="of examples that a model makes; mlp makes none"):
        cg.evaluate(judge, data, judge=judge)
    digits = cg.build("lenet5", signature=cg.dataset("digits").signature)
    with pytest.raises(UsageError, match=r"the judge lenet5 takes examples of \(1, 8, 8\)"):
        cg.evaluate(run, "moons", judge=digits)
    with pytest.raises(UsageError, match="is no judge of drawn examples"):
        cg.evaluate(run, "moons", judge=run)


def test_a_judge_sees_what_a_density_draws(tmp_path):
    data = cg.dataset("moons")
    judge = cg.train("mlp:widths=[16]", data, epochs=6, folder=tmp_path / "judge")
    flow = cg.train("real-nvp:depth=4", data, epochs=8, folder=tmp_path / "flow")
    plain = cg.evaluate(flow, "moons")
    found = cg.evaluate(flow, "moons", judge=judge)
    assert plain.metrics.items() <= found.metrics.items()
    assert found.doubts["coverage"].endswith("by 16 features of mlp")
    assert found.metrics["accuracy (of the judge)"] > 0.7
    alone = cg.evaluate(flow, "moons", metrics=["log-density", "coverage"])
    assert alone.metrics["coverage"] > 0.5
    rebuilt = cg.build("autoencoder", signature=own_targets(data, "reconstruct").signature)
    with pytest.raises(UsageError, match="autoencoder makes none"):
        cg.evaluate(rebuilt, data, judge=judge)


def test_a_film_shows_how_pictures_come_to_be(tmp_path):
    from PIL import Image

    torch.manual_seed(0)
    digits = cg.dataset("digits")
    model = cg.build(
        "v-diffusion:width=8", signature=own_targets(digits, "generate", conditional=True).signature
    )
    shown = frames(model, 4, length=5, condition=3)
    assert shown.shape == (5, 4, 1, 8, 8)
    last = cg.sample(model, 4, condition=3, sampler="ddim:steps=5")
    torch.testing.assert_close(shown[-1], last)
    path = write_film(tmp_path / "film.gif", model.signature.example, shown)
    with Image.open(path) as film:
        assert film.n_frames == 5
    flow = cg.build("real-nvp:depth=2", signature=own_targets(digits, "density").signature)
    walk = frames(flow, 3, length=4)
    assert walk.shape == (4, 3, 1, 8, 8)
    torch.testing.assert_close(walk[-1, 0], walk[0, 1], atol=0.07, rtol=0)
    with pytest.raises(UsageError, match="length=1 frames make no film"):
        frames(model, 4, length=1)
    with pytest.raises(
        UsageError,
        match=r"films are of pictures, .* write .png, .csv or .npy",
    ):
        write_film(tmp_path / "film.gif", cg.dataset("moons").signature.input, shown)


def test_a_generator_is_judged_by_what_a_user_gets():
    """Its pixels darker than black are cut off where it is measured, as where it is sampled."""
    noise = cg.Port("noise", "vector", (2,))
    out = cg.Port("image", "image", (1, 2, 2), bounds=(0.0, 1.0), task="generate")
    model = Signed(torch.nn.Identity(), cg.Signature((noise,), (out,)))
    outputs = torch.tensor([[[[-0.5, 0.2], [1.5, 1.0]]]])
    assert shown(model, outputs).flatten().tolist() == pytest.approx([0.0, 0.2, 1.0, 1.0])
