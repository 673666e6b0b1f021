"""The kind of map is chosen in the window, reaches the engine, and is kept."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from xferviewer import protocol, settings
from xferviewer.gui.app import Application
from xferviewer.saliency_methods import METHODS, MapChoice


@pytest.fixture
def asked(opened: Application, monkeypatch: pytest.MonkeyPatch) -> list[protocol.Message]:
    """What the window writes to the engine."""
    written: list[protocol.Message] = []
    monkeypatch.setattr(opened.engine, "_write", written.append)
    return written


def pick(opened: Application, group: str, data: str) -> None:
    menu = opened.window.compare.overlay_bar.maps
    action = next(action for action in getattr(menu, group).actions() if action.data() == data)
    assert action.isEnabled()
    action.trigger()


def corner(opened: Application, place: int = 0) -> str:
    return opened.window.compare.panes[place]._corners["top_right"].text()


def test_that_every_method_can_be_chosen_and_is_asked_of_the_engine(
    opened: Application, asked: list[protocol.Message]
) -> None:
    for method in [method for method in METHODS if method != "gradcam"]:
        pick(opened, "methods", method)
        assert isinstance(asked[-1], protocol.ExplainImage)
        assert asked[-1].method == method
        assert asked[-1].findings == ((opened.session.finding,) if METHODS[method].each_finding else ())
        assert opened.window.compare.overlay_bar.maps.text() == METHODS[method].title
        assert "computing" in corner(opened)


def test_that_layers_and_smoothing_are_asked_of_the_engine_and_kept(
    opened: Application, asked: list[protocol.Message]
) -> None:
    pick(opened, "layers", "last-two")
    pick(opened, "smoothing", "eigen")
    assert (asked[-1].method, asked[-1].layers, asked[-1].smoothing) == ("gradcam", "last-two", "eigen")
    menu = opened.window.compare.overlay_bar.maps
    menu.layer_names.setText(" layer3 , layer4 ")
    menu.layer_names.returnPressed.emit()
    assert asked[-1].layers == "layer3,layer4"
    kept, complaints = settings.read_settings(settings.settings_file())
    assert (kept.map_method, kept.map_layers, kept.map_smoothing) == ("gradcam", "layer3,layer4", "eigen")
    assert not complaints
    pick(opened, "methods", "eigencam")  # which has no weighted channels
    assert opened.session.maps.choice == MapChoice("eigencam", "layer3,layer4", "none")
    assert not next(action for action in menu.smoothing.actions() if action.data() == "both").isEnabled()


def test_that_the_kept_choice_is_there_at_the_next_start(make_application) -> None:
    chosen = settings.Settings(
        device="cpu", notice_seen=True, map_method="layercam", map_layers="last-two", map_smoothing="augmented"
    )
    assert make_application(chosen=chosen).session.maps.choice == MapChoice("layercam", "last-two", "augmented")


def test_that_a_kept_smoothing_that_the_method_has_not_is_left_out(make_application) -> None:
    chosen = settings.Settings(device="cpu", notice_seen=True, map_method="eigencam", map_smoothing="both")
    assert make_application(chosen=chosen).session.maps.choice == MapChoice("eigencam")


def explained_as(opened: Application, **changes: object) -> protocol.Explained:
    pane = opened.window.compare.panes[0]
    known = opened.session.maps.of(pane.digest)
    assert known is not None
    return replace(known, generation=opened.explaining._generation, **changes)


def test_that_a_pane_says_how_far_a_slow_map_is_and_that_it_was_cancelled(
    opened: Application, asked: list[protocol.Message]
) -> None:
    identity, digest = opened.session.shown.reference.identity, opened.window.compare.panes[0].digest
    pick(opened, "methods", "scorecam")
    request = asked[-1]
    progress = protocol.ExplainProgress(request.request, request.generation, identity, digest, 128, 512)
    opened.engine.explaining.emit(progress)
    assert "Score-CAM: 25 %" in corner(opened)
    opened.engine.explaining.emit(replace(progress, generation=request.generation - 1, done=256))
    assert "Score-CAM: 25 %" in corner(opened)
    opened.explaining.cancel()
    assert asked[-1] == protocol.CancelRequest(request.request)
    opened.engine.finished.emit(protocol.Finished(request.request, 0, 2, True))
    assert "Score-CAM: cancelled" in corner(opened)


def test_that_a_pane_says_why_there_is_no_map_and_that_a_map_speaks_for_no_finding(
    opened: Application, asked: list[protocol.Message]
) -> None:
    nothing = np.zeros((0, 0, 0), np.float32)
    refused = explained_as(
        opened,
        findings=(),
        refused="EfficientNet is no <transformer>.",
        maps=nothing,
        strengths=np.zeros(0, np.float32),
    )
    same = explained_as(opened, layer="attention")
    pick(opened, "methods", "attention-rollout")
    generation = asked[-1].generation
    opened.engine.explained.emit(replace(refused, generation=generation))
    assert "EfficientNet is no &lt;transformer&gt;." in corner(opened).replace("<br>", " ")
    assert not opened.window.compare.panes[0]._overlay.isVisible()
    opened.engine.explained.emit(replace(same, generation=generation))
    assert "the same for every finding" in corner(opened)
    assert opened.window.compare.panes[0]._overlay.isVisible()


def test_that_another_finding_is_asked_for_only_where_it_was_not_explained(
    opened: Application, asked: list[protocol.Message]
) -> None:
    other = next(finding for finding in opened.session.classifiers.findings if finding != opened.session.finding)
    opened.session.set_finding(other)
    assert not asked
    pick(opened, "methods", "integrated-gradients")
    first = next(finding for finding in opened.session.classifiers.findings if finding != other)
    opened.session.set_finding(first)
    assert [message.findings for message in asked] == [(other,), (first,)]
    assert opened.session.maps.of(opened.window.compare.panes[0].digest) is None


def test_that_the_menu_says_what_is_slow_and_what_speaks_for_no_finding(opened: Application) -> None:
    menu = opened.window.compare.overlay_bar.maps.menu()
    texts = [action.text() for action in menu.actions()]
    assert "Layers" in texts
    assert "Smoothing" in texts
    assert "EigenCAM (the same for every finding)" in texts
    assert "Score-CAM (slow)" in texts
