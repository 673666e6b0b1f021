"""No way through the program reaches for the network: a process in which every socket fails does all of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_ALL_WAYS = """
import json, socket, sys

class Reached(BaseException):
    pass

def never(*arguments, **named):
    raise Reached(f"the network was reached for: {arguments}")

socket.socket.connect = socket.socket.connect_ex = socket.socket.sendto = never
socket.getaddrinfo = socket.create_connection = socket.gethostbyname = never

from pathlib import Path
import numpy as np
import torch
from PIL import Image
from xferviewer import cli
from xferviewer.networks import backbones

home = Path(sys.argv[1])
done = []

def run(*words):
    code = cli.main([str(word) for word in words])
    done.append([str(words[0]), code])

torch.manual_seed(0)
torch.save(backbones.create("resnet18", 2).state_dict(), home / "r.pth")
film = home / "film.png"
Image.fromarray(np.random.default_rng(0).integers(0, 255, (70, 80), dtype=np.uint8)).save(film)
given = ("--findings", "a,b", "--preprocessing", "imagenet-squash")
run("import-checkpoint", home / "r.pth", "--out", home / "r", *given)
run("import-checkpoint", home / "r.pth", "--look")
run("import-checkpoint", home / "r.pth", "--out", home / "q", *given, "--architecture", "hf-hub:timm/resnet50.a1_in1k")
run("import-checkpoint", "timm/resnet50.a1_in1k", "--from-hub", "--out", home / "h")
run("import-checkpoint", "timm/resnet50.a1_in1k", "--from-hub", "--look")
run("predict", "--checkpoint", home / "r", "--images", home, "--out", home / "p.csv", "--device", "cpu")
run("explain", "--checkpoint", home / "r", "--image", film, "--out", home / "maps", "--device", "cpu")
run("inspect", home / "r")
for number, network in enumerate(['weights = "%s"' % (home / "r.pth"), 'hub = "timm/resnet18.a1_in1k"', ""]):
    (home / f"{number}.toml").write_text('''
name = "n%d"
title = "n"
findings = ["Effusion"]
license = "MIT"
[network]
architecture = "resnet18"
setting = "S1"
%s
preprocessing = {size = [32, 32], mean = [0.5, 0.5, 0.5], std = [0.5, 0.5, 0.5]}
[data]
validation_fraction = 0.4
phantom = {site = "A", count = 24, seed = 1}
[recipe]
epochs = 1
batch_size = 2
learning_rate = 0.001
''' % (number, network))
    run("train", home / f"{number}.toml", "--out", home / f"job{number}")
print(json.dumps(done), file=sys.stderr)
"""


def test_that_no_command_reaches_for_the_network_unless_it_is_told_to(tmp_path: Path):
    hidden = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "TRANSFORMERS_"))}
    ended = subprocess.run(
        [sys.executable, "-c", _ALL_WAYS, str(tmp_path)],
        env=hidden | {"XFERVIEWER_HOME": str(tmp_path / "home"), "OMP_NUM_THREADS": "1"},
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    assert "reached for" not in ended.stderr
    codes = json.loads(ended.stderr.splitlines()[-1])
    assert codes == [
        *(["import-checkpoint", 0], ["import-checkpoint", 0], ["import-checkpoint", 2], ["import-checkpoint", 2]),
        *(["import-checkpoint", 0], ["predict", 0], ["explain", 0], ["inspect", 0]),
        *(["train", 0], ["train", 2], ["train", 2]),
    ], ended.stderr  # fmt: skip
