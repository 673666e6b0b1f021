"""Files that are damaged, or that mean harm, are refused in words, and nothing in them runs."""

from __future__ import annotations

import argparse
import functools
import os
import pickle
import struct
import sys
import tarfile
import types
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from safetensors.torch import save_file
from torch import nn

from xferviewer.errors import UnusableCheckpoint
from xferviewer.networks import backbones
from xferviewer.networks.importing.reading import read_network
from xferviewer.networks.importing.state_dicts import find_state_dict
from xferviewer.networks.importing.weight_files import read_content

GOOD = {"fc.weight": torch.ones(2, 3), "fc.bias": torch.zeros(2)}


class Trap:
    """Unpickling it would leave a file behind."""

    def __reduce__(self):
        return os.system, ("touch trapped",)


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def refusal(path: Path) -> str:
    with pytest.raises(UnusableCheckpoint) as refused:
        read_network(path, "resnet18")
    assert refused.value.what.startswith(path.name)
    assert refused.value.todo
    return refused.value.why


@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])
def test_that_a_pickle_that_would_run_a_command_is_refused_naming_it_and_does_not_run(legacy):
    torch.save({"a": Trap(), **GOOD}, "trap.pth", _use_new_zipfile_serialization=not legacy)
    assert "would run a command" in refusal(Path("trap.pth"))
    assert not Path("trapped").exists()
    torch.load("trap.pth", weights_only=False)
    assert Path("trapped").exists()  # the trap is one


def test_that_a_bare_pickle_is_refused_unread():
    Path("weights.pkl").write_bytes(pickle.dumps(Trap(), 2))
    assert "torch did not write" in refusal(Path("weights.pkl"))
    assert not Path("trapped").exists()


@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])
def test_that_options_that_training_scripts_keep_beside_the_weights_do_no_harm(monkeypatch, legacy):
    module = "lightning_fabric.utilities.data"  # not installed here: a class of that name stands for its own
    stand_in = type("AttributeDict", (dict,), {"__module__": module})
    options = argparse.Namespace(out=Path("runs/1"), rate=0.1)
    content = {"model": GOOD, "args": options, "best": np.float64(0.5), "hyper_parameters": stand_in(depth=3)}
    with monkeypatch.context() as patch:
        for name in ("lightning_fabric", "lightning_fabric.utilities", module):
            patch.setitem(sys.modules, name, types.ModuleType(name))
        sys.modules[module].AttributeDict = stand_in
        torch.save(content, "w.pth", _use_new_zipfile_serialization=not legacy)

    read = read_content(Path("w.pth"))

    assert (read["args"].rate, str(read["args"].out), read["best"]) == (0.1, str(Path("runs/1")), 0.5)
    assert (type(read["hyper_parameters"]), read["hyper_parameters"]) == (dict, {"depth": 3})


class Laboratory(nn.Module):
    """A network of nobody's library, whose state would run a command when it is set."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(2, 2)

    def __setstate__(self, state: dict) -> None:
        os.system("touch trapped")
        super().__setstate__(state)


def test_that_a_whole_network_of_a_class_of_ones_own_is_refused_naming_it_and_its_state_is_never_set():
    torch.save(nn.Sequential(Laboratory()), "whole.pt")
    assert "test_hostile_weights.Laboratory" in refusal(Path("whole.pt"))
    assert not Path("trapped").exists()
    torch.load("whole.pt", weights_only=False)
    assert Path("trapped").exists()  # the trap is one


class Asks:
    """Pickled, it asks that a function be called."""

    def __init__(self, function: object, *arguments: object) -> None:
        self.asked = function, arguments

    def __reduce__(self) -> tuple:
        return self.asked


CALLS = [
    *("os.system", "builtins.eval", "builtins.exec", "builtins.getattr", "builtins.__import__", "subprocess.Popen"),
    *("importlib.import_module", "runpy.run_path", "shutil.rmtree", "pathlib.Path.touch", "webbrowser.open"),
    *(
        "torch.load",
        "torch.hub.load",
        "torch.hub.load_state_dict_from_url",
        "torch.jit.load",
        "torch.utils.cpp_extension",
    ),
    *("torch.serialization.load", "torch._utils._import_dotted_name", "numpy.load", "numpy.f2py.compile"),
    *("torchvision.models.resnet.resnet18", "torchvision.models.utils.load_state_dict_from_url"),
    *("timm.models._hub.load_state_dict_from_hf", "timm.models.resnet.resnet18", "timm.create_model"),
]


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("place", ["alone", "in a network", "in a partial"])
def test_that_no_function_is_called_whatever_stands_around_it_and_it_is_named(monkeypatch, name, place):
    module, _, function = name.rpartition(".")
    content: object = {"fc.weight": torch.ones(2), "note": Asks(asked_for, "touch trapped")}
    if place == "in a network":
        content = nn.Sequential(nn.Linear(2, 2))
        content.note = Asks(asked_for, "touch trapped")
    elif place == "in a partial":
        content = {"fc.weight": torch.ones(2), "norm": functools.partial(asked_for, "touch trapped")}
    torch.save(content, "asks.pth")
    written = f"c{__name__}\nasked_for\n".encode()
    with zipfile.ZipFile("asks.pth") as archive:
        parts = {entry.filename: archive.read(entry) for entry in archive.infolist()}
    assert any(written in part for part in parts.values())
    with zipfile.ZipFile("asks.pth", "w") as archive:
        for entry, part in parts.items():
            archive.writestr(entry, part.replace(written, f"c{module}\n{function}\n".encode()))

    why = refusal(Path("asks.pth"))

    assert function in why
    assert not Path("trapped").exists()


def asked_for(*_arguments: object) -> None:
    """Stands in a pickle where the name of the real function is then written."""


def test_that_a_network_of_parts_that_contain_each_other_is_refused_in_time():
    many = nn.Sequential(nn.Linear(1, 1))
    for _ in range(40):  # 2 to the power of 40 parts, in a file of a few kilobytes
        many = nn.Sequential(many, many)
    torch.save(many, "many.pth")
    assert "contain each other" in refusal(Path("many.pth"))
    around = nn.Sequential(nn.Linear(1, 1))
    around.add_module("itself", around)
    torch.save(around, "around.pth")
    assert "contain each other" in refusal(Path("around.pth"))


def test_that_a_whole_network_of_before_torch_1_6_is_refused_with_that_reason():
    torch.save(torchvision.models.squeezenet1_1(), "old.pt", _use_new_zipfile_serialization=False)
    assert "before version 1.6" in refusal(Path("old.pt"))


def test_that_keras_and_torchscript_and_archives_are_refused_with_the_reason():
    Path("RadImageNet-ResNet50-notop.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(600))
    assert "Keras" in refusal(Path("RadImageNet-ResNet50-notop.h5"))
    with zipfile.ZipFile("net.keras", "w") as archive:
        archive.writestr("model.weights.h5", b"")
    assert "Keras" in refusal(Path("net.keras"))
    with zipfile.ZipFile("script.pt", "w") as archive:
        archive.writestr("script/code/__torch__.py", b"")
        archive.writestr("script/data.pkl", b"")
    assert "TorchScript" in refusal(Path("script.pt"))
    Path("inside").write_text("x")
    with tarfile.open("old.tar", "w") as archive:
        archive.add("inside")
    assert "tar" in refusal(Path("old.tar"))
    np.savez("BiT-M-R50x1.npz", kernel=np.ones(3))
    assert "JAX" in refusal(Path("BiT-M-R50x1.npz"))
    with pytest.warns(FutureWarning, match="torch.jit"):
        torch.jit.script(nn.Linear(2, 2)).save("scripted.pt")
    assert "TorchScript" in refusal(Path("scripted.pt"))
    with zipfile.ZipFile("photos.zip", "w") as archive:
        archive.writestr("photo.png", b"")
    assert "torch did not write" in refusal(Path("photos.zip"))


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("net.onnx", b"\x08\x08\x12\x07pytorch\x1a\x052.1.0" + bytes(90), "ONNX"),
        ("renamed.pth", b"\x08\x07\x12\x07pytorch\x1a\x052.1.0" + bytes(90), "ONNX"),
        ("model.ckpt.index", bytes(90) + bytes.fromhex("57fb808b247547db"), "TensorFlow"),
        ("renamed.ckpt", bytes(90) + bytes.fromhex("57fb808b247547db"), "TensorFlow"),
        ("model.ckpt.data-00000-of-00001", bytes(90), "TensorFlow"),
        ("checkpoint", b'model_checkpoint_path: "model.ckpt-9"\n', "TensorFlow"),
        ("net.tflite", bytes(4) + b"TFL3" + bytes(90), "TensorFlow Lite"),
    ],
)
def test_that_files_of_other_libraries_are_refused_by_their_names_whatever_the_ending(name, content, said):
    Path(name).write_bytes(content)
    assert said in refusal(Path(name))


@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])
@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.99])
def test_that_a_file_that_is_cut_off_is_refused(legacy, share):
    torch.save({f"layer{i}": torch.randn(50) for i in range(20)}, "w.pth", _use_new_zipfile_serialization=not legacy)
    whole = Path("w.pth").read_bytes()
    Path("w.pth").write_bytes(whole[: int(share * len(whole))])
    assert refusal(Path("w.pth")) in (
        "It is damaged or cut off.", "It is a pickle that torch did not write; opening one can run any command.",
    )  # fmt: skip


def test_that_a_damaged_safetensors_file_and_an_empty_one_are_refused():
    Path("w.safetensors").write_bytes(struct.pack("<Q", 20) + b'{"a": {"dtype": "F32' + bytes(20))
    assert "damaged" in refusal(Path("w.safetensors"))
    Path("empty.pth").write_bytes(b"")
    assert "empty" in refusal(Path("empty.pth"))
    Path("text.pth").write_text("no weights at all")
    assert "neither" in refusal(Path("text.pth"))
    with pytest.raises(UnusableCheckpoint, match="could not be read"):
        read_content(Path("absent.pth"))


def test_that_a_zip_bomb_is_refused_by_what_it_declares():
    torch.save(GOOD, "good.pth")
    with zipfile.ZipFile("good.pth") as good, zipfile.ZipFile("bomb.pth", "w", zipfile.ZIP_DEFLATED) as bomb:
        for entry in good.infolist():
            bomb.writestr(entry, good.read(entry))
        bomb.writestr("good/data/9", bytes(5_000_000))
    assert "more bytes than the file" in refusal(Path("bomb.pth"))


def test_that_a_tensor_spread_out_of_one_number_is_refused_before_it_fills_the_memory():
    torch.save({"a": torch.zeros(1).expand(10**12)}, "spread.pth")
    assert "4,000,000,000,000 bytes" in refusal(Path("spread.pth"))


@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])
def test_that_a_tensor_that_announces_more_elements_than_the_file_has_bytes_is_refused(legacy):
    torch.save({"a": torch.zeros(70_001)}, "w.pth", _use_new_zipfile_serialization=not legacy)
    known, larger = (b"J" + struct.pack("<i", number) for number in (70_001, 2_000_000_000))
    content = Path("w.pth").read_bytes()
    assert known in content
    content = content.replace(known, larger)
    if not legacy:  # the zip's checksum of its pickle is not what refuses it
        with zipfile.ZipFile("w.pth") as archive:
            parts = {entry: archive.read(entry) for entry in archive.infolist()}
        with zipfile.ZipFile("w.pth", "w") as archive:
            for entry, part in parts.items():
                archive.writestr(entry.filename, part.replace(known, larger))
    else:
        Path("w.pth").write_bytes(content)
    assert "announces a tensor of 2,000,000,000 elements" in refusal(Path("w.pth"))


@pytest.mark.parametrize("wrong", [float("nan"), float("inf")])
def test_that_weights_that_are_not_finite_are_refused_by_name(wrong):
    torch.save({**GOOD, "layer1.weight": torch.tensor([1.0, wrong])}, "nan.pth")
    assert "layer1.weight holds values that are not finite" in refusal(Path("nan.pth"))


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (torch.ones(3), "no state dict"),
        ({"epoch": 3}, "no state dict"),
        ({"state_dict": {}}, "no state dict"),
        ({"a": torch.ones(3).to_sparse()}, "not a plain tensor"),
        ({"a": torch.ones(3, device="meta")}, "not a plain tensor"),
        ({"a": torch.ones(3, dtype=torch.complex64)}, "not a plain tensor"),
    ],
)
def test_that_files_of_torch_without_a_network_in_them_are_refused(content, why):
    torch.save(content, "odd.pth")
    assert why in refusal(Path("odd.pth"))


@pytest.mark.parametrize("kind", ["zip", "legacy", "safetensors"])
def test_that_whatever_bytes_are_changed_a_file_is_read_or_refused_in_words(kind):
    """No byte of a file makes the reader fail otherwise."""
    tensors = {f"layer{i}.weight": torch.arange(6.0) for i in range(4)}
    if kind == "safetensors":
        save_file(tensors, "w.pth")
    else:
        torch.save({"state_dict": tensors, "epoch": 3}, "w.pth", _use_new_zipfile_serialization=kind == "zip")
    whole = Path("w.pth").read_bytes()
    random = np.random.default_rng(0)
    refused = 0
    for _ in range(300):
        changed = bytearray(whole)
        for place in random.integers(0, len(whole) if kind != "zip" else 600, random.integers(1, 4)):
            changed[place] = random.integers(0, 256)
        Path("w.pth").write_bytes(changed)
        try:
            find_state_dict(Path("w.pth"), read_content(Path("w.pth")))
        except UnusableCheckpoint:
            refused += 1
    assert refused > 30


@pytest.mark.parametrize(
    ("architecture", "option"),
    [
        *(("resnet18", {"pretrained": True}), ("resnet18", {"checkpoint_path": "trap.pth"})),
        *(("resnet18", {"pretrained_cfg": {"url": "file:trap.pth"}}), ("resnet18", {"cache_dir": "elsewhere"})),
        ("torchvision/alexnet", {"weights": "DEFAULT"}),
    ],
)
def test_that_options_of_a_folder_that_would_read_other_weights_are_refused(architecture, option):
    torch.save({"a": Trap(), **GOOD}, "trap.pth")
    with pytest.raises(ValueError, match=f"{next(iter(option))} would read weights from elsewhere"):
        backbones.create(architecture, 2, options=option)
    assert not Path("trapped").exists()
