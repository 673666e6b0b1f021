"""Only devices that the policy allows compute, whoever asks; what is wrong with a driver is said."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from xferviewer import policy
from xferviewer.engine import device
from xferviewer.errors import EngineFailure
from xferviewer.jobs import queue
from xferviewer.jobs.machine_spec import MachineSpec
from xferviewer.jobs.spec import read_spec
from xferviewer.training.fabric import make_fabric

SPEC = Path(__file__).parents[1] / "data" / "formats" / "spec-2.toml"


@pytest.fixture(autouse=True)
def _look_anew() -> Iterator[None]:
    device._why_no_cuda.cache_clear()
    yield
    device._why_no_cuda.cache_clear()


@pytest.fixture
def with_a_card(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a computer with a graphics card, as far as choosing goes."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)


@pytest.fixture
def cpu_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "policy.toml"
    file.write_text('version = 1\n[locked]\nallowed_devices = ["cpu"]\n', encoding="utf-8")
    monkeypatch.setattr(policy, "machine_policy_file", lambda: file)
    return file


@pytest.mark.usefixtures("with_a_card")
def test_that_a_card_is_taken_where_nothing_forbids_it() -> None:
    assert device.choose_device("auto").type == "cuda"


@pytest.mark.usefixtures("with_a_card")
def test_that_a_device_that_is_not_allowed_is_neither_taken_nor_given(cpu_only: Path) -> None:
    assert device.choose_device("auto").type == "cpu"
    with pytest.raises(EngineFailure, match="cuda cannot be used") as told:
        device.choose_device("cuda")
    assert str(cpu_only) in told.value.why
    (cuda,) = (offer for offer in device.offers() if offer.kind == "cuda")
    assert str(cpu_only) in cuda.absent


@pytest.mark.usefixtures("with_a_card")
def test_that_a_job_does_not_get_round_the_policy(cpu_only: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from xferviewer.engine.devices import describe_devices

    monkeypatch.setattr(queue, "_devices", describe_devices)
    assert queue.wish(MachineSpec(device="auto")).devices == ("cpu",)
    with pytest.raises(EngineFailure) as told:
        queue.wish(MachineSpec(device="cuda"))
    assert str(cpu_only) in told.value.why
    assert make_fabric(read_spec(SPEC)).device.type == "cpu"


@pytest.mark.parametrize(
    ("driver", "built_for", "said"),
    [
        (11040, "13.0", "it knows CUDA 11.4, and this torch is built for CUDA 13.0"),
        (12080, "13.0", "it knows CUDA 12.8"),
        (13000, "13.0", "No NVIDIA graphics card with a working driver"),
        (0, "13.0", "No NVIDIA graphics card with a working driver"),
        (0, None, "built without CUDA"),
    ],
)
def test_that_it_is_said_why_there_is_no_card(
    monkeypatch: pytest.MonkeyPatch, driver: int, built_for: str | None, said: str
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.version, "cuda", built_for)
    monkeypatch.setattr(device, "_cuda_driver", lambda: driver)
    with pytest.raises(EngineFailure) as told:
        device.choose_device("cuda")
    assert said in told.value.why
    assert device.choose_device("auto").type in ("mps", "cpu")


# What NVIDIA's driver of 2021 answers: it is there, it has a card, and it knows CUDA 11.4.
_OLD_DRIVER = """
int cuInit(unsigned flags) { return 0; }
int cuDriverGetVersion(int *version) { *version = 11040; return 0; }
int cuDeviceGetCount(int *count) { *count = 1; return 0; }
"""


@pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler")
@pytest.mark.skipif(sys.platform != "linux" or torch.version.cuda is None, reason="needs a torch for CUDA on Linux")
def test_that_a_driver_that_is_too_old_is_named_by_the_real_libraries(tmp_path: Path) -> None:
    (tmp_path / "driver.c").write_text(_OLD_DRIVER, encoding="ascii")
    library = tmp_path / "libcuda.so.1"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, tmp_path / "driver.c"], check=True)
    ended = subprocess.run(
        [sys.executable, "-m", "xferviewer", "devices", "--json"],
        env=os.environ | {"LD_LIBRARY_PATH": str(tmp_path), "XFERVIEWER_HOME": str(tmp_path / "home")},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    said = json.loads(ended.stdout)
    (cuda,) = (each for each in said["devices"] if each["kind"] == "cuda")
    assert "it knows CUDA 11.4" in cuda["absent"]
    assert said["automatic"] == "cpu"
    assert "Warning" not in ended.stderr
