import json

import pytest
import torch

from cartograd.apps.cli import main
from cartograd.core.errors import UsageError
from cartograd.generative.diffusion.flow_matching import FlowMatching
from cartograd.generative.latent.latent_denoising import LatentDenoising
from cartograd.generative.latent.latent_diffusion import LatentDiffusion
from tests.data.sources.test_captions import written

SIZES = {
    "autoencoder": "autoencoder-kl:latent=1,widths=[2,2],blocks=1,groups=1",
    "encoder": "clip-text:context=5,dim=4,heads=1,depth=1,ffn_dim=4",
    "network": "latent-unet:widths=[4,4],blocks=1,heads=1,groups=2",
}


def small():
    """A model of grey pictures, without the zeros that hide gradients at first."""
    model = LatentDiffusion(channels=1, size=8, vocabulary=9, chain=20, sampling_steps=2, **SIZES)
    for weight in model.parameters():
        if not weight.any():
            torch.nn.init.normal_(weight, std=0.1)
    return model


def taught():
    """A model, and n noises, texts and pictures."""
    draw = torch.Generator().manual_seed(1)
    return small, lambda n: (
        torch.randn(n, 64, generator=draw),
        torch.randint(9, (n, 5), generator=draw),
        torch.rand(n, 1, 8, 8, generator=draw),
    )


@pytest.mark.place("diffusion/latent")
@pytest.mark.law("latent-denoising")
def test_the_denoiser_leaves_the_autoencoder_alone():
    torch.manual_seed(0)
    make, batches = taught()
    model, batch = make(), batches(8)
    objective = LatentDenoising(model=model, divergence_weight=0.0)
    next(objective.denoising.losses(batch)).value.mean().backward()
    assert all(one.grad is None for one in model.autoencoder.parameters())
    with torch.no_grad():
        mean, log_variance = model.autoencoder.posterior(batch[-1])
        next(objective.losses(batch))
        objective.after_step("model")
    power = mean.square().mean() + log_variance.exp().mean()
    right = 0.99 * torch.ones(()) + 0.01 * power.rsqrt()
    torch.testing.assert_close(model.scale, right)
    objective.eval()
    first, second = (objective.validate(batch)["loss"] for _ in range(2))
    assert torch.equal(first, second)
    with pytest.raises(UsageError, match="FlowMatching has no autoencoder"):
        LatentDenoising(model=FlowMatching(features=2, width=4))


def test_a_trained_model_draws_what_a_prompt_says(tmp_path, capsys):
    folder, run = written(tmp_path / "data", count=120), tmp_path / "run"
    words = ",".join(f"{key}=({own})" for key, own in SIZES.items())
    line = ["train", f"latent-diffusion:chain=20,sampling_steps=2,{words}", "--data"]
    line += [f"captions:{folder},context=5", "--folder", str(run), "--set", "epochs=2", "--json"]
    assert main(line) == 0
    said = json.loads(capsys.readouterr().out.splitlines()[-1])
    lines = (run / "metrics.jsonl").read_text().splitlines()
    losses = [one["train/loss"] for one in map(json.loads, lines) if one.get("at") == "epoch"]
    assert len(losses) == 2
    assert said["best"]["train/loss"] == min(losses)  # though validation's may be least before
    out = tmp_path / "x.png"
    draw = ["generate", str(run), "--count", "2", "--out", str(out), "--guidance", "2"]
    assert main([*draw, "--prompt", "a dark one"]) == 0
    assert out.is_file()
    assert main([*draw, "--prompt", "浅色"]) == 0
    capsys.readouterr()
    assert main(draw[:-2]) == 0
    assert "no prompt was given: anything" in capsys.readouterr().err
    out.unlink()
    assert main(draw) == 2
    assert "guidance=2 is towards a text; give --prompt" in capsys.readouterr().err
    for prompt, message in (
        ("a drak one", "never read the word 'drak'; did you mean 'dark'?"),
        ("one one one one one one", "has 6 tokens, and the model reads 5"),
        ("", "the prompt is empty; say what"),
        (" ", "the prompt is empty; say what"),
        ("一drak", "never read the word"),
    ):
        assert main([*draw, "--prompt", prompt]) == 2
        said = capsys.readouterr().err
        assert message in said
        assert said.count("\n") == 1
        assert not out.exists()
