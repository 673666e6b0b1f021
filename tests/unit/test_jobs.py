"""A job is told by a file, and its folder tells how it stands."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time

import pytest

from xferviewer.errors import UnusableFolder, UnusableSpec, XferviewerError
from xferviewer.jobs.folder import JobFolder, Status, list_jobs
from xferviewer.jobs.heart import Heart
from xferviewer.jobs.spec import parse_spec, read_spec, render_spec

SPEC = """
name = "lite0"
title = "Lite0"
findings = ["Edema", "Effusion"]
license = "Apache-2.0"

[network]
architecture = "tf_efficientnet_lite0"
setting = "S3"
options = {drop_rate = 0.1}

[network.preprocessing]
size = [192, 192]
mean = [0.5, 0.5, 0.5]
std = [0.5, 0.5, 0.5]

[data]
phantom = {site = "A", count = 100, seed = 1}

[recipe]
epochs = 2
batch_size = 16
learning_rate = 1e-3

[[held_out]]
site = "B"
count = 50
seed = 2
"""


@pytest.fixture
def job(tmp_path):
    return JobFolder.create(tmp_path / "jobs" / "one", parse_spec(SPEC, "spec.toml"))


def test_that_a_spec_written_by_hand_is_read_and_survives_being_written():
    spec = parse_spec(SPEC, "spec.toml")
    assert spec.recipe.learning_rate == 1e-3
    assert spec.network.trainable_groups is None
    assert spec.held_out[0].site == "B"
    assert parse_spec(render_spec(spec), "again") == spec


@pytest.mark.parametrize(
    ("written", "instead", "why"),
    [
        ("epochs = 2", "epochs = 2\nepoch = 3", r"Unknown key recipe\.epoch"),
        ("epochs = 2", "", r"recipe\.epochs is missing"),
        ("epochs = 2", "epochs = 0", "recipe: epochs 0 should be at least 1"),
        ("epochs = 2", 'epochs = "two"', r"recipe\.epochs should be a whole number"),
        ("epochs = 2", "epochs = true", r"recipe\.epochs should be a whole number"),
        ("batch_size = 16", "batch_size = 1", "batch_size 1 should be at least 2"),
        ("learning_rate = 1e-3", "learning_rate = -1", "learning_rate should be positive"),
        ("learning_rate = 1e-3", "learning_rate = nan", "learning_rate should be positive"),
        ("learning_rate = 1e-3", "learning_rate = 1e-3\nwarmup_epochs = 2", "fewer than epochs"),
        ('"S3"', '"S9"', r"network\.setting should be one of 'S1'"),
        ('"S3"', '"S5"\nweights = "some.pth"', "starts from random"),
        ('"S3"', '"S2"\ntop_groups = 0', "top_groups"),
        ("size = [192, 192]", "size = [192]", r"network\.preprocessing\.size should have 2"),
        ('phantom = {site = "A", count = 100, seed = 1}', "", "data: name one of phantom, folder and cohort"),
        (
            'phantom = {site = "A", count = 100, seed = 1}',
            'folder = {folder = "x"}\nvalidation_fraction = 1',
            "between",
        ),
        ('site = "B"\ncount = 50\nseed = 2', 'site = "A"\ncount = 50\nseed = 1', "the seed of the training cohort"),
        ('["Edema", "Effusion"]', '["Edema", "Edema"]', "each once"),
        ('name = "lite0"', 'name = "../lite0"', "name of a folder"),
        ('name = "lite0"', 'name = "lite0"\nversion = 3', "version 3"),
        ('name = "lite0"', 'name = "lite0', "not TOML"),
    ],
)
def test_that_a_fault_in_a_spec_is_named(written, instead, why):
    assert written in SPEC
    with pytest.raises(UnusableSpec, match=why):
        parse_spec(SPEC.replace(written, instead), "spec.toml")


def test_that_a_spec_that_is_absent_or_no_text_is_refused(tmp_path):
    with pytest.raises(UnusableSpec, match="No such file"):
        read_spec(tmp_path / "absent.toml")
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(UnusableSpec, match="UTF-8"):
        read_spec(tmp_path / "bytes.toml")


def test_that_the_settings_say_how_many_layer_groups_learn():
    expected = {"S1": 0, "S2": 2, "S3": None, "S4": 2, "S5": None}
    for setting, groups in expected.items():
        spec = parse_spec(SPEC.replace('"S3"', f'"{setting}"\ntop_groups = 2'), "spec.toml")
        assert spec.network.trainable_groups == groups
        assert spec.network.pretrained == (setting in {"S1", "S2", "S3"})


def test_that_a_new_job_is_queued_and_keeps_its_spec(job):
    assert job.status().state == "queued"
    assert job.spec() == parse_spec(SPEC, "spec.toml")
    assert job.checkpoint() is None


def test_that_a_folder_with_another_job_is_refused(job):
    with pytest.raises(UnusableFolder, match="holds files already"):
        JobFolder.create(job.path, job.spec())


def test_that_a_heart_writes_when_the_state_changes_or_time_has_passed(job, monkeypatch):
    now = 1000.0
    monkeypatch.setattr(time, "time", lambda: now)
    heart = Heart(job)
    heart.beat(step=1)
    assert job.status().step == 0
    now = 1006.0
    heart.beat(step=2)
    assert job.status().step == 2
    heart.beat(state="paused")
    assert job.status().state == "paused"
    heart.stop("failed", "It failed.", XferviewerError("What.", "Why.", "Do."))
    assert job.status().over
    assert job.status().error == {"what": "What.", "why": "Why.", "todo": "Do."}


def test_that_a_job_is_lost_when_it_says_it_runs_but_is_silent():
    assert Status("running", 1000.0).lost(now=1051.0)
    assert not Status("running", 1000.0).lost(now=1049.0)
    assert not Status("finished", 1000.0).lost(now=9999.0)


def test_that_events_come_back_and_a_half_written_line_is_left_out(job):
    job.append_event("epoch", epoch=1, loss=0.5)
    job.append_event("epoch", epoch=2, loss=0.4)
    with (job.path / "events.jsonl").open("a") as file:
        file.write('{"kind": "epo')
    assert [(event["kind"], event["epoch"]) for event in job.events()] == [("epoch", 1), ("epoch", 2)]


def test_that_a_request_is_seen_and_can_be_taken_back(job):
    assert job.requested() is None
    job.request("pause")
    assert job.requested() == "pause"
    job.request(None)
    assert job.requested() is None


def test_that_jobs_are_listed_newest_first_and_other_folders_are_not(job):
    (job.path.parent / "other").mkdir()
    time.sleep(0.02)  # file systems count in steps
    newer = JobFolder.create(job.path.parent / "two", job.spec())
    assert [found.path for found in list_jobs(job.path.parent)] == [newer.path, job.path]
    assert list_jobs(job.path / "nowhere") == []


@pytest.mark.parametrize("content", [None, "", "[]", '{"state": "asleep", "heartbeat": 1}'])
def test_that_a_status_that_is_none_is_refused(job, content):
    path = job.path / "status.json"
    path.unlink() if content is None else path.write_text(content)
    with pytest.raises(UnusableFolder):
        job.status()


def test_that_a_status_of_an_older_version_is_read_and_of_a_newer_one_refused(job):
    older = {
        "state": "finished",
        "heartbeat": 1.0,
        "pid": 7,
        "host": "here",
        "step": 3,
        "steps": 3,
        "message": "",
        "version": 1,
    }
    (job.path / "status.json").write_text(json.dumps(older))
    assert job.status().step == 3
    (job.path / "status.json").write_text(json.dumps({**older, "version": 3}))
    with pytest.raises(UnusableFolder, match="version 3; this is 2"):
        job.status()


def test_that_whoever_reads_the_status_while_it_is_written_sees_a_whole_one(job):
    done = threading.Event()

    def write() -> None:
        for step in range(200):
            job.write_status(Status("running", float(step), message="x" * (step * 50)))
        done.set()

    writer = threading.Thread(target=write)
    writer.start()
    while not done.is_set():
        assert job.status().state in {"queued", "running"}
    writer.join()


def test_that_reading_a_job_imports_no_torch(job):
    code = (
        "import sys; from xferviewer.jobs.folder import list_jobs; "
        f"print([job.status().state for job in list_jobs({str(job.path.parent)!r})], 'torch' in sys.modules)"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "['queued'] False"
