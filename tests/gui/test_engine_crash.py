"""The real engine, killed while it predicts: the window lives, says so, and finishes."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from xferviewer.evaluation.predictions import PredictionKey
from xferviewer.gui.app import Application
from xferviewer.gui.notify import Toast
from xferviewer.settings import Settings

LONG = 120_000


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_that_a_killed_engine_is_told_and_every_image_is_predicted_all_the_same(
    make_application: Callable[..., Application],
    cohort: Path,
    checkpoints: list[Path],
    qtbot: QtBot,
) -> None:
    chosen = Settings(device="cpu", notice_seen=True, checkpoints=tuple(map(str, checkpoints)))
    application: Application = make_application(chosen=chosen)
    application.window.show()
    application.start()
    application.opening.open([cohort])
    killed: list[int] = []

    def kill_once() -> None:
        if not killed:
            killed.append(application.engine.process_id)
            os.kill(killed[0], signal.SIGKILL)

    application.engine.predicted.connect(kill_once)
    with qtbot.waitSignal(application.engine.interrupted, timeout=LONG) as told:
        pass
    assert "to be predicted" in told.args[0]
    assert told.args[0] in {toast.what for toast in application.window.findChildren(Toast)}
    assert application.window.isVisible()
    assert "again" in application.window.top.device.text()
    with qtbot.waitSignal(application.predicting.finished, timeout=LONG) as ended:
        pass
    assert (ended.args[0].done, ended.args[0].total, ended.args[0].failed) == (24, 24, 0)
    assert application.engine.process_id not in (0, killed[0])
    identities = [image.identity for image in application.library.catalogue.all_images()]
    for checkpoint in application.session.classifiers.checkpoints:
        key = PredictionKey(checkpoint.weights_sha256, checkpoint.preprocessing.digest, len(checkpoint.findings))
        assert not np.isnan(application.store.get(key, identities)).any()
        assert len(application.session.scores.identities(checkpoint.weights_sha256)) == 24
    assert "CPU" in application.window.top.device.text()
    assert not application.window.status.work.isVisible()
