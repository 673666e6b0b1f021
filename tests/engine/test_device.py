"""Which devices and precisions there are, and that float32 is float32."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
import torch

from xferviewer import cli, protocol
from xferviewer.engine import device
from xferviewer.engine.inference import load
from xferviewer.engine.memory_format import memory_format
from xferviewer.engine.saliency import explain
from xferviewer.networks import backbones

CPU = torch.device("cpu")


def test_that_cuda_mps_and_cpu_are_listed_with_what_they_are_or_why_they_are_not_there():
    offers = device.offers()

    assert [offer.kind for offer in offers] == ["cuda", "mps", "cpu"]
    for offer in offers:
        assert bool(offer.absent) != bool(offer.precisions)
        assert bool(offer.absent) != bool(offer.hardware)
    cpu = offers[-1]
    assert not cpu.absent
    assert cpu.precisions[0] == "fp32"
    assert len(cpu.precisions) + len(cpu.refused) == 3
    assert str(torch.__version__) in cpu.software
    assert cpu.memory_bytes is None or cpu.memory_bytes > 1 << 28


def test_that_the_command_prints_what_the_window_is_sent(capsys):
    assert cli.main(["devices", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)

    message = protocol.DevicesListed(device.offers())
    [received] = protocol.Decoder().feed(protocol.encode(message))
    assert received == message
    as_json = json.loads(json.dumps([{f: getattr(o, f) for f in o.__slots__} for o in message.devices]))
    assert printed["devices"] == as_json
    assert printed["automatic"] == device.choose_device().type


@pytest.mark.parametrize("precision", device.PRECISIONS)
def test_that_a_precision_is_offered_where_the_cpu_computes_in_its_type(precision):
    offered = device.offers()[-1].precisions
    with device.autocast(CPU, precision):
        product = torch.ones(3, 3) @ torch.ones(3, 3)

    dtype = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[precision]
    assert (precision in offered) == (product.dtype == dtype)


_SWITCHES = """
import sys, torch
backends = torch.backends
if sys.argv[1] == "old names":
    backends.cudnn.allow_tf32 = backends.cuda.matmul.allow_tf32 = True
    torch.set_float32_matmul_precision("medium")
if sys.argv[1] == "new names":
    backends.fp32_precision = backends.cudnn.fp32_precision = "tf32"
    backends.cudnn.conv.fp32_precision = "tf32"
    backends.mkldnn.conv.fp32_precision = "bf16"
backends.cudnn.benchmark = True
from xferviewer.engine.inference import load
load(sys.argv[2], torch.device("cpu"))
for operations in (backends.cuda.matmul, backends.cudnn.conv, backends.cudnn.rnn, backends.mkldnn.conv,
                   backends.mkldnn.matmul):
    assert operations.fp32_precision == "ieee", operations
assert backends.cudnn.allow_tf32 is False and backends.cuda.matmul.allow_tf32 is False
assert torch.get_float32_matmul_precision() == "highest"
assert backends.cudnn.benchmark is False and backends.cudnn.deterministic is True
assert not backends.cuda.matmul.allow_fp16_reduced_precision_reduction
assert not backends.cuda.matmul.allow_bf16_reduced_precision_reduction
"""


@pytest.mark.parametrize("before", ["nothing", "old names", "new names"])
def test_that_float32_is_float32_after_loading_whatever_was_switched_before(make_checkpoint, before):
    folder = make_checkpoint("vit_tiny_patch16_224", depth=1, img_size=64).folder
    ended = subprocess.run(
        [sys.executable, "-c", _SWITCHES, before, folder], capture_output=True, text=True, check=False
    )

    assert ended.returncode == 0, ended.stderr


@pytest.mark.parametrize(
    ("architecture", "precision", "last"),
    [
        ("resnet18", "fp32", False),
        ("resnet18", "bf16", True),
        ("tf_efficientnet_lite0", "fp16", True),
        ("vit_tiny_patch16_224", "bf16", False),
        ("test_resnet", "bf16", True),
        ("test_convnext", "bf16", False),
    ],
)
def test_that_convolutions_of_half_precision_lie_channels_last_and_float32_as_in_timm(architecture, precision, last):
    chosen = memory_format(backbones.create(architecture, 2), CPU, precision)

    assert chosen == (torch.channels_last if last else torch.contiguous_format)


def test_that_channels_last_gives_the_numbers_of_channels_first(make_checkpoint):
    loaded = load(make_checkpoint("resnet18"), CPU)
    batch = torch.randn(1, 3, 64, 64)
    first = loaded.logits(batch)

    coarse = loaded.on(CPU, "bf16")
    weight = coarse.network.get_submodule("layer1.0.conv1").weight
    assert weight.is_contiguous(memory_format=torch.channels_last)
    assert coarse.placed(batch).is_contiguous(memory_format=torch.channels_last)
    with torch.inference_mode():
        last = coarse.network(coarse.placed(batch)).numpy()
    assert abs(last - first).max() < 1e-5
    assert (loaded.on(CPU, "fp32").logits(batch) == first).all()


@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
def test_that_an_explanation_has_the_very_logits_of_the_prediction(make_checkpoint, precision):
    loaded = load(make_checkpoint("resnet18"), CPU).on(CPU, precision)
    image = torch.randn(3, 64, 64)

    assert (explain(loaded, image).logits == loaded.logits(image[None])[0]).all()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="this computer has no CUDA device")
@pytest.mark.parametrize("precision", device.PRECISIONS)
def test_that_cuda_gives_the_numbers_of_the_cpu(make_checkpoint, precision):
    checkpoint = make_checkpoint("resnet18")
    loaded = load(checkpoint, torch.device("cuda"), precision)

    assert (loaded.device.type, loaded.precision) == ("cuda", precision)
    assert loaded.checks[0].passed
    batch = torch.randn(2, 3, 64, 64)
    difference = abs(loaded.logits(batch) - load(checkpoint, CPU).logits(batch)).max()
    assert difference <= loaded.checks[0].logit_tolerance
    assert (loaded.logits(batch) == loaded.logits(batch)).all()
