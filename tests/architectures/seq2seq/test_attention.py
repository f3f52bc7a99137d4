import pytest
import torch
import torch.nn.functional as F

from cartograd.core.build import build
from cartograd.core.errors import UsageError

FORMS = ["additive", "dot", "scaled", "general", "concat"]


def made(form, dim=6):
    torch.manual_seed(0)
    if form == "additive":
        return build("additive-attention", dim=dim).double()
    return build("luong-attention", dim=dim, score=form).double()


def fit(layer, form, q, m):
    """The formulas of the papers, for one query and one place."""
    match form:
        case "additive":
            hidden = layer.query.weight @ q + layer.key.weight @ m + layer.key.bias
            return layer.vote.weight[0] @ hidden.tanh()
        case "dot":
            return q @ m
        case "scaled":
            return q @ m / len(q) ** 0.5
        case "general":
            return q @ layer.key.weight @ m
        case "concat":
            return layer.vote.weight[0] @ (layer.both.weight @ torch.cat([q, m])).tanh()


def written_out(layer, form, queries, memory, mask):
    rows = []
    for q_row, m_row, seen in zip(queries, memory, mask, strict=True):
        there = m_row[seen]
        contexts = []
        for q in q_row:
            fits = torch.stack([fit(layer, form, q, m) for m in there])
            contexts.append(sum(w * m for w, m in zip(fits.softmax(0), there, strict=True)))
        rows.append(torch.stack(contexts))
    return torch.stack(rows)


def inputs():
    draw = torch.Generator().manual_seed(1)
    queries, memory = (
        torch.randn(3, n, 6, dtype=torch.float64, generator=draw).requires_grad_() for n in (2, 5)
    )
    return queries, memory, torch.arange(5) < torch.tensor([5, 2, 4])[:, None]


def same(a, b):
    torch.testing.assert_close(a, b, rtol=0, atol=1e-10)


@pytest.mark.oracle("additive-attention", "luong-attention")
@pytest.mark.parametrize("form", FORMS)
def test_equals_the_formula(form):
    layer, (queries, memory, mask) = made(form), inputs()
    expected = written_out(layer, form, queries, memory, mask)
    found = layer(queries, memory, mask)
    same(found, expected)
    weights = [queries, memory, *layer.parameters()]
    wanted = torch.autograd.grad(expected.square().sum(), weights)
    for a, b in zip(torch.autograd.grad(found.square().sum(), weights), wanted, strict=True):
        same(a, b)


@pytest.mark.oracle("luong-attention")
def test_scaled_equals_torchs_kernel():
    layer, (queries, memory, mask) = made("scaled"), inputs()
    expected = F.scaled_dot_product_attention(queries, memory, memory, attn_mask=mask[:, None])
    same(layer(queries, memory, mask), expected)
    same(layer.fits(queries, layer.keys(memory)), queries @ memory.mT / 6**0.5)


@pytest.mark.law("additive-attention", "luong-attention")
@pytest.mark.parametrize("form", FORMS)
def test_what_is_masked_changes_nothing(form):
    layer, (queries, memory, mask) = made(form), inputs()
    constant = torch.ones_like(memory)
    same(layer(queries, constant, mask), torch.ones_like(queries))
    changed = memory.detach().clone()
    changed[~mask] = 7.0
    same(layer(queries, changed, mask), layer(queries, memory, mask))
    same(layer(queries, memory, mask)[1:2], layer(queries[1:2], memory[1:2, :2]))


def test_an_unknown_score_names_the_nearest():
    with pytest.raises(UsageError, match="general"):
        build("luong-attention", dim=4, score="genera")
