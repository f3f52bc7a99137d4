import torch

from cartograd.engine.device.randomness import TRAINING, VALIDATION, mixed, seeder


def test_mixing_gives_unrelated_numbers():
    found = {mixed(seed, place) for seed in range(100) for place in range(100)}
    assert len(found) == 10_000
    assert all(0 <= number < 2**62 for number in found)
    bits = [bin(number).count("1") for number in found]
    assert abs(sum(bits) / len(bits) - 31) < 0.2


def test_torch_draws_what_seed_purpose_and_step_say():
    def drawn(seed, purpose, step):
        seeder(torch.device("cpu"), seed, purpose)(step)
        return float(torch.rand(()))

    with torch.random.fork_rng(devices=[]):
        places = [(s, p, n) for s in range(3) for p in (TRAINING, VALIDATION) for n in range(50)]
        first = [drawn(*place) for place in places]
        assert first == [drawn(*place) for place in places]
    assert len(set(first)) == 300
    steps = torch.tensor(first[:50])
    assert 0.35 < float(steps.mean()) < 0.65
    assert abs(float(torch.corrcoef(torch.stack([steps[:-1], steps[1:]]))[0, 1])) < 0.3
