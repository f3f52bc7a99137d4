"""Modules of other libraries and of awkward shapes, each with data that fits; for tools/foreign.py.

Each is a function that makes the module, and one that makes the data. Libraries are imported by the
module that needs them: without one of them its row says so.
"""

import os

os.environ.setdefault("KERAS_BACKEND", "torch")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
import warnings

import torch
import torch.nn.functional as F
from torch import nn

import cartograd as cg


def shim():
    """Let torchvision be imported beside a torch that its operators were not built for."""
    if getattr(shim, "lib", None):
        return
    lib = torch.library.Library("torchvision", "DEF")
    lib.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    lib.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    shim.lib = lib


def rgb(n=120, size=32, classes=3, c=3):
    g = torch.Generator().manual_seed(0)
    y = torch.arange(n) % classes
    x = torch.rand(n, c, size, size, generator=g) * 0.3
    for i in range(n):
        x[i, y[i] % c] += 0.5
    return cg.tensors(x, y, name="rgb")


def digits():
    return cg.dataset("digits")


def moons():
    return cg.dataset("moons")


def tokens(n=120, length=16, vocab=50, pad=False, cls=2):
    g = torch.Generator().manual_seed(0)
    x = torch.randint(2, vocab, (n, length), generator=g)
    y = (x[:, 0] > vocab // 2).long()
    return cg.tensors(x, y, kind="text", bounds=(0, vocab - 1), standardise=False, name="toks")


MODELS = {}
OUTPUTS = {
    "hf_bert_raw": "logits", "hf_vit_raw": "logits", "hf_vit_tuple": 0, "dict_output": "logits",
    "list_output": 0, "lstm_tuple": 0,
}  # fmt: skip
"""The part of the answer that counts, where it has several."""


def model(data):
    def deco(f):
        MODELS[f.__name__] = (f, data)
        return f

    return deco


@model(rgb)
def timm_resnet18():
    shim()
    import timm

    return timm.create_model("resnet18", num_classes=3)


@model(rgb)
def timm_vit():
    shim()
    import timm

    return timm.create_model(
        "vit_tiny_patch16_224", img_size=32, patch_size=8, num_classes=3, depth=2
    )


@model(lambda: rgb(size=32))
def timm_convnext():
    shim()
    import timm

    return timm.create_model("convnext_atto", num_classes=3)


@model(rgb)
def tv_mobilenet_v3():
    shim()
    import torchvision

    return torchvision.models.mobilenet_v3_small(num_classes=3)


@model(lambda: rgb(size=32))
def tv_swin_t():
    shim()
    from torchvision.models.swin_transformer import SwinTransformer

    return SwinTransformer(
        patch_size=[4, 4],
        embed_dim=24,
        depths=[1, 1],
        num_heads=[2, 2],
        window_size=[4, 4],
        num_classes=3,
    )


@model(lambda: rgb(n=60, size=80))
def tv_googlenet_aux():
    shim()
    import torchvision

    return torchvision.models.googlenet(num_classes=3, aux_logits=True, init_weights=False)


@model(tokens)
def hf_bert_raw():
    shim()
    from transformers import BertConfig
    from transformers import BertForSequenceClassification as M

    return M(
        BertConfig(
            vocab_size=50,
            hidden_size=32,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=64,
            num_labels=2,
            max_position_embeddings=32,
        )
    )


class Logits(nn.Module):
    def __init__(self, m):
        super().__init__()
        self.m = m

    def forward(self, x):
        return self.m(x).logits


@model(tokens)
def hf_bert_wrapped():
    return Logits(hf_bert_raw())


@model(rgb)
def hf_vit_raw():
    shim()
    from transformers import ViTConfig
    from transformers import ViTForImageClassification as M

    return M(
        ViTConfig(
            hidden_size=32,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=64,
            image_size=32,
            patch_size=8,
            num_labels=3,
        )
    )


@model(rgb)
def hf_vit_wrapped():
    return Logits(hf_vit_raw())


@model(rgb)
def hf_vit_tuple():
    m = hf_vit_raw()
    m.config.return_dict = False
    return m


@model(rgb)
def monai_densenet():
    from monai.networks.nets import DenseNet

    return DenseNet(
        spatial_dims=2,
        in_channels=3,
        out_channels=3,
        init_features=8,
        growth_rate=8,
        block_config=(2, 2),
    )


@model(rgb)
def smp_unet_cls():
    shim()
    import segmentation_models_pytorch as smp

    return smp.Unet("resnet18", encoder_weights=None, classes=3)


@model(digits)
def keras_cnn():
    import keras

    return keras.Sequential(
        [
            keras.layers.Input((1, 8, 8)),
            keras.layers.Conv2D(8, 3, data_format="channels_first", activation="relu"),
            keras.layers.BatchNormalization(axis=1),
            keras.layers.Flatten(),
            keras.layers.Dropout(0.2),
            keras.layers.Dense(10),
        ]
    )


@model(moons)
def plain_mlp():
    return nn.Sequential(nn.Linear(2, 32), nn.Tanh(), nn.Linear(32, 2))


class TwoIn(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Linear(3, 8)
        self.b = nn.Linear(2, 8)
        self.h = nn.Linear(16, 2)

    def forward(self, a, b):
        return self.h(torch.cat([self.a(a).relu(), self.b(b).relu()], 1))


def two_data():
    g = torch.Generator().manual_seed(0)
    a = torch.randn(90, 3, generator=g)
    b = torch.randn(90, 2, generator=g)
    return cg.tensors({"a": a, "b": b}, (a[:, 0] + b[:, 0] > 0).long(), name="two")


@model(two_data)
def two_inputs():
    return TwoIn()


class DictOut(nn.Module):
    def __init__(self):
        super().__init__()
        self.l = nn.Linear(2, 2)

    def forward(self, x):
        return {"logits": self.l(x)}


@model(moons)
def dict_output():
    return DictOut()


class ListOut(nn.Module):
    def __init__(self):
        super().__init__()
        self.l = nn.Linear(2, 2)
        self.k = nn.Linear(2, 4)

    def forward(self, x):
        return [self.l(x), self.k(x)]


@model(moons)
def list_output():
    return ListOut()


class FuncRelu(nn.Module):
    def __init__(self):
        super().__init__()
        self.c = nn.Conv2d(1, 8, 3)
        self.l = nn.Linear(8 * 36, 10)

    def forward(self, x):
        return self.l(F.relu(self.c(x)).flatten(1))


@model(digits)
def functional_relu():
    return FuncRelu()


class InPlace(nn.Module):
    def __init__(self):
        super().__init__()
        self.c = nn.Conv2d(1, 8, 3)
        self.l = nn.Linear(8 * 36, 10)

    def forward(self, x):
        x.mul_(2).sub_(1)  # touches its argument
        return self.l(F.relu_(self.c(x)).flatten(1))


@model(digits)
def inplace_on_input():
    return InPlace()


@model(
    lambda: cg.tensors(
        torch.rand(100, 1, 8, 8), torch.arange(100) % 4, standardise=False, name="raw"
    )
)
def inplace_unstandardised():
    m = InPlace()
    m.l = nn.Linear(8 * 36, 4)
    return m


class Extra(nn.Module):
    def __init__(self):
        super().__init__()
        self.l = nn.Linear(2, 2)
        self.bn = nn.BatchNorm1d(2)
        self.count = 0

    def forward(self, x):
        if self.training:
            self.count += 1
        return self.l(self.bn(x))

    def get_extra_state(self):
        return {"count": self.count, "words": ["a", "b"]}

    def set_extra_state(self, v):
        self.count = v["count"]


@model(moons)
def extra_state():
    return Extra()


@model(moons)
def batchnorm_dropout():
    return nn.Sequential(
        nn.Linear(2, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Dropout(0.3), nn.Linear(32, 2)
    )


@model(digits)
def lazy():
    return nn.Sequential(nn.LazyConv2d(8, 3), nn.ReLU(), nn.Flatten(), nn.LazyLinear(10))


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Linear(8, 8)
        self.b = nn.Linear(8, 8)
        self.b.weight = self.a.weight
        self.i = nn.Linear(2, 8)
        self.o = nn.Linear(8, 2)

    def forward(self, x):
        return self.o(self.b(self.a(self.i(x)).tanh()).tanh())


@model(moons)
def tied():
    return Tied()


@model(tokens)
def embedding_bag():
    return nn.Sequential(nn.EmbeddingBag(50, 16), nn.Linear(16, 2))


class Dyn(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Linear(2, 16)
        self.b = nn.Linear(16, 16)
        self.o = nn.Linear(16, 2)

    def forward(self, x):
        h = self.a(x).relu()
        n = 1 + int(h.abs().mean() * 3) % 3
        for _ in range(n):
            h = self.b(h).relu()
        return self.o(h)


@model(moons)
def dynamic_flow():
    return Dyn()


class Cplx(nn.Module):
    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.randn(5, 5, dtype=torch.cfloat) * 0.1 + 1)
        self.l = nn.Linear(64, 10)

    def forward(self, x):
        f = torch.fft.fft2(x[:, 0])
        f = f.clone()
        f[:, :5, :5] = f[:, :5, :5] * self.w
        return self.l(torch.fft.ifft2(f).real.flatten(1))


@model(digits)
def complex_weights():
    return Cplx()


@model(moons)
def scripted():
    return torch.jit.script(plain_mlp())


@model(moons)
def traced():
    return torch.jit.trace(plain_mlp(), torch.zeros(3, 2))


@model(moons)
def compiled():
    return torch.compile(plain_mlp(), backend="eager")


@model(moons)
def quantised():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.ao.quantization.quantize_dynamic(plain_mlp(), {nn.Linear})


@model(moons)
def bf16():
    return plain_mlp().bfloat16()


@model(moons)
def float64():
    return plain_mlp().double()


@model(moons)
def meta_device():
    with torch.device("meta"):
        return plain_mlp()


@model(moons)
def one_logit():
    return nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 1))


@model(lambda: cg.tensors(torch.rand(100, 20, 5), torch.arange(100) % 2, kind="vector", name="seq"))
def lstm_tuple():
    return nn.LSTM(5, 2, batch_first=True)


class LstmCls(nn.Module):
    def __init__(self):
        super().__init__()
        self.r = nn.LSTM(5, 8, batch_first=True)
        self.o = nn.Linear(8, 2)

    def forward(self, x):
        return self.o(self.r(x)[0][:, -1])


@model(lambda: cg.tensors(torch.rand(100, 20, 5), torch.arange(100) % 2, kind="vector", name="seq"))
def lstm_cls():
    return LstmCls()


@model(lambda: cg.tensors(torch.rand(100, 3), torch.rand(100, 2), name="reg2"))
def regress2():
    return nn.Linear(3, 2)


class MHA(nn.Module):
    def __init__(self):
        super().__init__()
        self.e = nn.Embedding(50, 16)
        self.t = nn.TransformerEncoder(nn.TransformerEncoderLayer(16, 2, 32, batch_first=True), 2)
        self.o = nn.Linear(16, 2)

    def forward(self, x):
        return self.o(self.t(self.e(x)).mean(1))


@model(tokens)
def nn_transformer_encoder():
    return MHA()


class NoParam(nn.Module):
    def forward(self, x):
        return torch.stack([x.sum(1), -x.sum(1)], 1)


@model(moons)
def no_parameters():
    return NoParam()


class SpecNorm(nn.Module):
    def __init__(self):
        super().__init__()
        self.l = torch.nn.utils.parametrizations.spectral_norm(nn.Linear(2, 8))
        self.w = torch.nn.utils.parametrizations.weight_norm(nn.Linear(8, 2))

    def forward(self, x):
        return self.w(self.l(x).relu())


@model(moons)
def parametrized():
    return SpecNorm()


@model(moons)
def data_parallel():
    return nn.DataParallel(plain_mlp())


@model(moons)
def named_signature_attr():
    m = plain_mlp()
    m.signature = "mine"
    m.spec = "mine too"
    return m


@model(moons)
def fx_graphmodule():
    return torch.fx.symbolic_trace(plain_mlp())


@model(moons)
def exported_program():
    return torch.export.export(
        plain_mlp(), (torch.zeros(4, 2),), dynamic_shapes=({0: torch.export.Dim("b")},)
    ).module()


@model(tokens)
def hf_gpt2_seqcls():
    shim()
    from transformers import GPT2Config
    from transformers import GPT2ForSequenceClassification as M

    return Logits(
        M(
            GPT2Config(
                vocab_size=50,
                n_embd=32,
                n_layer=2,
                n_head=2,
                n_positions=32,
                num_labels=2,
                pad_token_id=0,
            )
        )
    )
