"""Published weights: by name, from a mirror, or over HTTP from a server that keeps them as the model hub does."""

from __future__ import annotations

import contextlib
import hashlib
import json
import resource
import shutil
import threading
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.error import URLError
from urllib.request import Request

import pytest
import timm
import torch
from safetensors.torch import save_file
from torchvision import models

from xferviewer import cli, settings
from xferviewer.checkpoints import Preprocessing, read_checkpoint
from xferviewer.engine.inference import load
from xferviewer.errors import UnusableCheckpoint, UnusableChoice, UnusableFolder, XferviewerError
from xferviewer.jobs.network_spec import NetworkSpec
from xferviewer.networks import backbones
from xferviewer.networks.hub import download
from xferviewer.networks.hub.obtaining import obtain, policy
from xferviewer.networks.hub.published import published
from xferviewer.networks.initialisation import start

NAME = "timm/test_resnet.r160_in1k"


@dataclass
class Server:
    """What lies where, how much of it is sent, and what was asked for."""

    files: dict[str, bytes] = field(default_factory=dict)
    sends: dict[str, str] = field(default_factory=dict)
    headers: dict[str, dict[str, str]] = field(default_factory=dict)
    cut: int | None = None
    asked: list[str] = field(default_factory=list)
    address: str = ""


@pytest.fixture
def server(monkeypatch):
    served = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self, *, body: bool = True) -> None:
            served.asked.append(f"{self.command} {self.path}")
            onward, content = served.sends.get(self.path), served.files.get(self.path)
            self.send_response(302 if onward else 404 if content is None else 200)
            for name, value in served.headers.get(self.path, {}).items():
                self.send_header(name, value)
            if onward:
                self.send_header("Location", onward)
            self.send_header("Content-Length", str(len(content or b"")))
            self.end_headers()
            if body:
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # who asked may have gone
                    self.wfile.write((content or b"")[: served.cut])

        def do_HEAD(self) -> None:
            self.do_GET(body=False)

        def log_message(self, *_arguments: object) -> None:
            pass

    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=listening.serve_forever)
    thread.start()
    served.address = f"http://127.0.0.1:{listening.server_address[1]}"
    monkeypatch.setenv("HF_ENDPOINT", served.address)
    yield served
    listening.shutdown()
    listening.server_close()
    thread.join()


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("XFERVIEWER_HOME", str(tmp_path / "home"))
    for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "home"


def set_to(**chosen: str) -> None:
    settings.settings_file().unlink(missing_ok=True)
    settings.change_settings(settings.settings_file(), chosen)


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return backbones.create("test_resnet", 1000).eval()


@pytest.fixture
def weights(tmp_path, network) -> Path:
    save_file(network.state_dict(), tmp_path / "source.safetensors")
    return tmp_path / "source.safetensors"


@pytest.fixture
def hub(server, weights) -> Server:
    """The model hub's layout: an address for people that sends on to where the bytes lie, with their digest."""
    content = weights.read_bytes()
    address = f"/{NAME}/resolve/main/model.safetensors"
    server.files["/blobs/1"] = content
    server.sends[address] = "/blobs/1"
    server.headers[address] = {"X-Linked-Etag": f'"{hashlib.sha256(content).hexdigest()}"'}
    return server


def run(capsys, *words) -> tuple[int, dict, str]:
    code = cli.main(["import-checkpoint", *map(str, words), "--json"])
    said = capsys.readouterr()
    return code, json.loads(said.out), said.err


def refusal(name: str = NAME) -> XferviewerError:
    with pytest.raises(XferviewerError) as refused:
        obtain(published(name), policy(), lambda _said: None)
    assert refused.value.what
    assert refused.value.todo
    return refused.value


def nothing_is_kept(home: Path) -> bool:
    return not list((home / "weights").iterdir()) if (home / "weights").is_dir() else True


def test_that_published_weights_are_fetched_said_first_and_predict_as_they_did(
    tmp_path, capsys, hub, network, home, weights
):
    set_to(hub="on")
    code, told, said = run(capsys, NAME, "--from-hub", "--out", tmp_path / "out")
    assert code == 0, told
    size = weights.stat().st_size / 1e6
    assert said.startswith(f"Fetching test_resnet.r160_in1k.safetensors ({size:.1f} MB, SHA-256 ")
    assert f"from {hub.address}/{NAME}/resolve/main/model.safetensors." in said
    checkpoint = read_checkpoint(tmp_path / "out")
    card = checkpoint.card
    assert (card.task, len(card.findings), card.findings[985], card.license) == (
        "multi-class", 1000, "daisy", timm.get_pretrained_cfg("test_resnet.r160_in1k").license,
    )  # fmt: skip
    assert checkpoint.preprocessing.size == (160, 160)
    assert [step.source.partition(". ")[0] for step in card.initialisation] == [published(NAME).url, "imported"]
    assert "was compared with the server" in card.initialisation[0].source
    assert "--from-hub" in card.command
    inputs = torch.randn(1, 3, 64, 64)
    with torch.inference_mode():
        assert torch.equal(torch.from_numpy(load(checkpoint, torch.device("cpu")).logits(inputs)), network(inputs))

    hub.files.clear()
    hub.asked.clear()
    code, told, said = run(capsys, NAME, "--from-hub", "--out", tmp_path / "again")
    assert (code, said, hub.asked) == (0, "", [])
    kept = home / "weights" / "test_resnet.r160_in1k.safetensors"
    kept.write_bytes(kept.read_bytes()[:-1] + b"\0")
    code, told, _ = run(capsys, NAME, "--from-hub", "--out", tmp_path / "third")
    assert (code, "when it was fetched" in told["error"]["why"]) == (2, True)


def test_that_nothing_is_fetched_unless_the_settings_and_the_environment_let_it(tmp_path, capsys, hub, monkeypatch):
    code, told, _ = run(capsys, NAME, "--from-hub", "--out", tmp_path / "out")
    assert code == 2
    assert "The setting hub is off" in told["error"]["why"]
    assert "--set hub=on" in told["error"]["todo"]
    set_to(hub="on")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert "HF_HUB_OFFLINE forbids" in refusal().why
    assert hub.asked == []


def test_that_looking_says_what_would_be_fetched_and_fetches_nothing(capsys, hub, weights, home):
    code, told, _ = run(capsys, NAME, "--from-hub", "--look")
    assert (code, told["size_bytes"], told["at"]) == (0, None, None)
    assert "hub is off" in told["forbidden"]
    assert hub.asked == []
    set_to(hub="on")
    _, told, _ = run(capsys, NAME, "--from-hub", "--look")
    assert (told["size_bytes"], told["forbidden"]) == (weights.stat().st_size, "")
    assert told["sha256"] == hashlib.sha256(weights.read_bytes()).hexdigest()
    assert {request.partition(" ")[0] for request in hub.asked} == {"HEAD"}
    assert nothing_is_kept(home)


def test_that_a_connection_that_ends_early_leaves_nothing(hub, home):
    set_to(hub="on")
    hub.cut = 1000
    assert "ended after 1,000 of" in refusal().why
    assert nothing_is_kept(home)
    hub.cut = None
    assert obtain(published(NAME), policy(), lambda _said: None).file.is_file()


def test_that_other_bytes_than_the_server_states_are_refused_and_leave_nothing(hub, home):
    set_to(hub="on")
    hub.files["/blobs/1"] = hub.files["/blobs/1"][:-1] + b"\0"
    error = refusal()
    assert isinstance(error, UnusableCheckpoint)
    assert "as stated" in error.why
    assert nothing_is_kept(home)


def test_that_a_server_that_is_not_there_and_a_file_that_is_not_there_are_named(hub, monkeypatch, home):
    set_to(hub="on")
    hub.files.clear()
    assert "answered 404" in refusal().why
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    assert "127.0.0.1:9 could not be reached" in refusal().why
    monkeypatch.setenv("HF_ENDPOINT", "file:///tmp")
    assert "no address of the web" in refusal().why
    assert nothing_is_kept(home)


def test_that_a_full_disk_is_said_before_or_while_it_fills_and_leaves_nothing(hub, home, monkeypatch, weights):
    set_to(hub="on")
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "disk_usage", lambda _folder: shutil._ntuple_diskusage(10, 9, 1))
        error = refusal()
        assert isinstance(error, UnusableFolder)
        assert "has room for 1" in error.why
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (weights.stat().st_size // 2, hard))
    try:
        error = refusal()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert isinstance(error, UnusableFolder)
    assert "File too large" in error.why
    assert nothing_is_kept(home)


def test_that_an_encrypted_address_never_sends_on_to_a_plain_one():
    request = Request("https://example.org/a")
    with pytest.raises(URLError, match="not encrypted"):
        download._Redirects().redirect_request(request, None, 302, "", Message(), "http://example.org/b")


def layouts(full: str, inside: str) -> dict[str, str]:
    return {
        "by name": f"{full}.safetensors",
        "a folder for each": f"{full}/{inside}",
        "as on the hub": f"timm/{full}/{inside}",
        "the cache of the hub's library": f"models--timm--{full}/snapshots/0a1b/{inside}",
        "the same below hub": f"hub/models--timm--{full}/snapshots/0a1b/{inside}",
    }


@pytest.mark.parametrize("layout", layouts("", ""))
def test_that_a_mirror_serves_without_the_network_whatever_its_layout(tmp_path, capsys, server, weights, layout):
    place = tmp_path / "mirror" / layouts("test_resnet.r160_in1k", "model.safetensors")[layout]
    place.parent.mkdir(parents=True)
    shutil.copy(weights, place)
    set_to(mirror=str(tmp_path / "mirror"))
    code, told, _ = run(capsys, NAME, "--from-hub", "--out", tmp_path / "out")
    assert code == 0, told
    assert "come from the mirror" in read_checkpoint(tmp_path / "out").card.initialisation[0].source
    assert server.asked == []


def test_that_files_of_a_mirror_are_compared_with_every_digest_that_is_stated(tmp_path, weights):
    mirror = tmp_path / "mirror"
    mirror.mkdir()
    shutil.copy(weights, mirror / "test_resnet.r160_in1k.safetensors")
    set_to(mirror=str(mirror))
    assert "compared with none" in obtain(published(NAME), policy(), lambda _said: None).said
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    (mirror / "SHA256SUMS").write_text(f"{digest}  test_resnet.r160_in1k.safetensors\n")
    assert "compared with SHA256SUMS" in obtain(published(NAME), policy(), lambda _said: None).said
    (mirror / "SHA256SUMS").write_text(f"{digest[::-1]} *./test_resnet.r160_in1k.safetensors\n")
    assert "SHA256SUMS says" in refusal().why


def test_that_the_cache_of_the_hubs_library_is_compared_with_the_names_of_its_blobs(tmp_path, weights):
    repository = tmp_path / "mirror" / "models--timm--test_resnet.r160_in1k"
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    for revision, blob in (("old", "0" * 64), ("new", digest)):
        (repository / "blobs").mkdir(parents=True, exist_ok=True)
        shutil.copy(weights, repository / "blobs" / blob)
        (repository / "snapshots" / revision).mkdir(parents=True)
        (repository / "snapshots" / revision / "model.safetensors").symlink_to(repository / "blobs" / blob)
    set_to(mirror=str(tmp_path / "mirror"))
    assert "setting hub is off" in refusal().why  # of two revisions nobody says which
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("new")
    assert "compared with the cache" in obtain(published(NAME), policy(), lambda _said: None).said
    (repository / "refs" / "main").write_text("old")
    assert "the cache says 0000" in refusal().why


@pytest.mark.parametrize("folder", [".", "checkpoints", "hub/checkpoints"])
def test_that_torchvisions_files_are_told_by_the_digest_in_their_name(tmp_path, folder):
    known = published("torchvision/squeezenet1_1.IMAGENET1K_V1")
    assert known.file == "squeezenet1_1-b8a52dc0.pth"
    place = tmp_path / "mirror" / folder / known.file
    place.parent.mkdir(parents=True)
    place.write_bytes(b"something else")
    set_to(mirror=str(tmp_path / "mirror"))
    assert "its published name says b8a52dc0" in refusal(known.name).why


def test_that_every_name_of_torchvision_and_many_of_timm_are_described():
    names = [
        f"torchvision/{name}.{entry.name}"
        for name in models.list_models(module=models)
        for entry in models.get_model_weights(name)
    ]
    assert len(names) > 100
    described = [published(name) for name in names]
    assert all(len(one.sha256) >= 8 and one.sha256 in one.url and one.size for one in described)
    without = "torchvision/vgg16.IMAGENET1K_FEATURES"  # which has no classifier
    assert {one.name: len(set(one.classes)) for one in described} == dict.fromkeys(names, 1000) | {without: 0}
    resnet = published("torchvision/resnet50.IMAGENET1K_V2")
    assert (resnet.preprocessing.size, round(224 / resnet.preprocessing.crop_fraction)) == ((224, 224), 232)
    assert "LICENSE" in str(published("torchvision/vit_b_16.IMAGENET1K_SWAG_E2E_V1").license)
    assert published("torchvision/googlenet.IMAGENET1K_V1").preprocessing.mean == (0.5, 0.5, 0.5)
    some = [f"timm/{name}" for name in timm.list_pretrained()[::40]]
    assert all(isinstance(published(name).preprocessing, Preprocessing) for name in some)


@pytest.mark.parametrize(
    ("name", "todo"),
    [
        ("timm/resnet50", "timm/resnet50.a1_in1k"),
        ("timm/resnet50.nobodys", "timm/resnet50.a1_in1k"),
        ("torchvision/resnet50", "torchvision/resnet50.IMAGENET1K_V2"),
        ("timm/../../etc/passwd", "timm/ARCHITECTURE.TAG"),
        ("resnet50", "timm/ARCHITECTURE.TAG"),
    ],
)
def test_that_names_that_are_none_are_refused_with_those_that_are_near(name, todo):
    with pytest.raises(UnusableChoice, match="names no published weights") as refused:
        published(name)
    assert todo in refused.value.todo


def test_that_a_job_starts_from_published_weights_and_from_a_checkpoint_and_its_card_says_the_chain(
    hub, network, make_checkpoint
):
    set_to(hub="on")
    made = Preprocessing((64, 64), (0.5,) * 3, (0.5,) * 3)
    ours, said = backbones.create("test_resnet", 3), []
    chain = start(ours, NetworkSpec("test_resnet", "S3", made, hub=NAME), said.append)
    assert said[0].startswith("Fetching")
    assert [(step.source, step.license) for step in chain] == [(NAME, published(NAME).license)]
    assert torch.equal(next(ours.parameters()), next(network.parameters()))
    checkpoint = make_checkpoint("test_resnet", findings=("a", "b"), seed=3)
    again = backbones.create("test_resnet", 3)
    chain = start(again, NetworkSpec("test_resnet", "S3", made, weights=str(checkpoint.folder)), said.append)
    assert [step.source for step in chain] == [f"checkpoint {checkpoint.name}"]
    assert chain[0].sha256 == checkpoint.weights_sha256
    with pytest.raises(ValueError, match="not both"):
        NetworkSpec("test_resnet", "S3", made, weights="a", hub=NAME)
