import torch

from cartograd.generative.gan.stylegan.critic import StyleCritic, variety


def test_the_spread_within_groups_is_one_more_map():
    torch.manual_seed(0)
    same = torch.randn(1, 3, 4, 4).expand(8, 3, 4, 4)
    assert torch.equal(variety(same, 4), torch.full((8, 1, 4, 4), 1e-4))
    x = torch.randn(8, 3, 4, 4, dtype=torch.float64)
    found = variety(x, 4)
    assert found.shape == (8, 1, 4, 4)
    for start in (0, 1):
        right = x[start::2].std(0, correction=0).mean()
        torch.testing.assert_close(found[start::2], right.expand(4, 1, 4, 4))
    assert variety(x[:3], 4).unique().numel() == 1


def test_the_class_is_projected():
    torch.manual_seed(0)
    critic = StyleCritic(channels=1, size=8, width=2, max_width=4, classes=3, group_size=1)
    x = torch.randn(1, 1, 8, 8).expand(3, 1, 8, 8)
    found = critic(x, torch.arange(3))
    with torch.no_grad():
        critic.told.weight[2] *= 3
    torch.testing.assert_close(critic(x, torch.arange(3)), found * torch.tensor([1.0, 1, 3]))


def test_answers_at_first_are_of_the_size_of_the_pictures():
    """Equalised weights keep a normal number's size from layer to layer."""
    torch.manual_seed(0)
    critic = StyleCritic(channels=3, size=32, width=32, max_width=64, classes=None, group_size=4)
    seen = []
    for block in critic.blocks:
        block.register_forward_hook(lambda *a: seen.append(a[-1].std().item()))
    critic(torch.randn(16, 3, 32, 32))
    assert all(0.3 < one < 2 for one in seen)
