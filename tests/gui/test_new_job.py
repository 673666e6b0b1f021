"""The form of a new job: it makes a specification, what is wrong stands by its field, six actions are enough."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFileDialog, QLineEdit, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from xferviewer.checkpoints import read_checkpoint
from xferviewer.checkpoints.fields import from_mapping
from xferviewer.cli import parser
from xferviewer.errors import UnusableTable
from xferviewer.gui.app import Application
from xferviewer.gui.training_answers import estimate_words
from xferviewer.gui.training_cohort import FindingCount, TrainingCohort, look_at_labels
from xferviewer.gui.views.training import ImportDatasetDialog, NewJobForm
from xferviewer.gui.views.training.derived_fields import GroupList
from xferviewer.gui.views.training.network_section import FILE, HUB, RANDOM
from xferviewer.jobs import control
from xferviewer.jobs.data_spec import PhantomData
from xferviewer.jobs.folder import JobFolder
from xferviewer.jobs.recipe_cards import RECIPE_CARDS, complete_spec
from xferviewer.jobs.spec import TrainingSpec, parse_spec, read_spec, render_spec
from xferviewer.resources import bundled_checkpoints
from xferviewer.studies.datasets import SOURCES

LONG = 60_000
CTRL_SHIFT = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier
SPECS = Path(__file__).parents[2] / "models/specs"


@pytest.fixture
def window_form(make_application: Callable[..., Application], qtbot: QtBot) -> tuple[Application, NewJobForm]:
    """The form on the Train perspective of an empty window; it asks nobody for estimates."""
    application = make_application()
    application.window.show()
    qtbot.waitExposed(application.window)
    application.window.show_perspective("train")
    qtbot.mouseClick(application.window.jobs.new, Qt.MouseButton.LeftButton)
    application.window.training.form.estimate_asked.disconnect()
    return application, application.window.training.form


@pytest.fixture
def form(qtbot: QtBot) -> Iterator[NewJobForm]:
    """The form alone, with the bundled checkpoints to begin from."""
    new = NewJobForm()
    new.network.offer_checkpoints([read_checkpoint(folder) for folder in bundled_checkpoints()])
    new.show()
    yield new
    new.close()
    new.deleteLater()


def write_text(control: QWidget, text: str) -> None:
    """As a person who types over what stands there."""
    assert isinstance(control, QLineEdit)
    control.setText(text)
    control.textEdited.emit(text)


def pick(box: object, value: object) -> None:
    """As a person who chooses from a list."""
    assert value in box.offered
    box.choose(value)
    box.activated.emit(box.currentIndex())


def with_phantom(form: NewJobForm) -> None:
    pick(form.images.known, "phantom")


def fault_at(form: NewJobForm, path: str) -> str:
    """What the form says by a field."""
    for section in form.sections:
        for part in (section, *section.findChildren(QWidget)):
            fields = getattr(part, "fields", None)
            if isinstance(fields, dict) and path in fields:
                return str(fields[path].fault.text())
    raise AssertionError(f"there is no field {path}")


def test_that_a_labelled_cohort_is_trained_on_in_six_actions(
    window_form: tuple[Application, NewJobForm], cohort: Path, monkeypatch: pytest.MonkeyPatch, qtbot: QtBot
) -> None:
    application, new = window_form
    application.window.training.form.close_.click()
    application.window.show_perspective("read")
    started: list[Path] = []
    monkeypatch.setattr(control, "start", lambda job: started.append(job.path) or 1)
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(cohort / "A"))
    actions = 0
    application.window.top._buttons.button(2).click()  # Train
    actions += 1
    qtbot.mouseClick(application.window.jobs.new, Qt.MouseButton.LeftButton)
    actions += 1
    qtbot.mouseClick(new.images.browse, Qt.MouseButton.LeftButton)
    actions += 2  # and the folder in the system's dialog
    qtbot.waitUntil(lambda: new.start.isEnabled(), timeout=LONG)
    qtbot.mouseClick(new.start, Qt.MouseButton.LeftButton)
    actions += 1
    assert actions <= 6
    assert len(started) == 1
    job = JobFolder(started[0])
    assert job.status().state == "queued"
    assert job.spec() == new.spec or job.spec().data.folder.folder == str(cohort / "A")
    assert application.window.training.currentWidget() is application.window.training.job
    assert application.window.training.job.name.text() == job.name


def test_that_the_file_shown_is_the_specification(window_form: tuple[Application, NewJobForm]) -> None:
    _, new = window_form
    with_phantom(new)
    assert parse_spec(new.text.toPlainText(), "shown") == new.spec
    new.copy_spec.click()
    assert parse_spec(QGuiApplication.clipboard().text(), "copied") == new.spec
    new.copy_command.click()
    command = QGuiApplication.clipboard().text()
    assert command.startswith("xferviewer train ")
    assert read_spec(command.removeprefix("xferviewer train ").strip("'")) == new.spec


@pytest.mark.parametrize("name", ["lite0-probe", "vit-tiny-random"])
def test_that_the_values_of_a_job_come_back_in_the_form(form: NewJobForm, name: str) -> None:
    spec = read_spec(SPECS / f"{name}.toml")
    form.set_taken([spec.name])
    form.show_spec(spec)
    assert form.spec is not None, form.refusal.text()
    assert replace(form.spec, name=spec.name, title=spec.title) == spec
    assert form.spec.name != spec.name


def test_that_cloning_a_job_opens_the_form_with_its_values(
    window_form: tuple[Application, NewJobForm], qtbot: QtBot
) -> None:
    application, new = window_form
    spec = read_spec(SPECS / "lite0-probe.toml")
    JobFolder.create(application.folders.jobs / "given", spec)
    new.close_.click()
    application.jobs.look()
    application.window.jobs.choose("given")
    qtbot.mouseClick(application.window.training.job.clone, Qt.MouseButton.LeftButton)
    assert new.isVisible()
    assert new.spec.recipe == spec.recipe
    assert new.spec.name != "given"


def test_that_what_is_wrong_stands_by_its_field(form: NewJobForm) -> None:
    new = form
    assert not new.start.isEnabled()
    assert fault_at(new, "data.folder") == new.refusal.text() != ""
    with_phantom(new)
    assert new.start.isEnabled()
    wrong = {
        "recipe.epochs": "many", "recipe.learning_rate": "-1", "data.phantom.count": "0", "seed": "-3",
        "network.preprocessing.size": "0, 64",
    }  # fmt: skip
    controls = {
        **new.recipe.first.controls, **new.images.phantom.controls, **new.naming.rest.controls,
        **new.network.constants.controls,
    }  # fmt: skip
    for path, text in wrong.items():
        before = controls[path].text()
        write_text(controls[path], text)
        assert fault_at(new, path), path
        assert not new.start.isEnabled()
        assert new.refusal.text() == fault_at(new, path)
        write_text(controls[path], before)
        assert not fault_at(new, path)
    write_text(new.naming.lines["name"], "a/b")
    assert "folder" in fault_at(new, "name")
    new.set_taken(["taken"])
    write_text(new.naming.lines["name"], "taken")
    assert "job of this name" in fault_at(new, "name")
    write_text(new.naming.lines["name"], "fine")
    assert new.start.isEnabled()


def test_that_a_published_recipe_fills_the_form_as_its_name_would_in_a_file(
    form: NewJobForm,
) -> None:
    new = form
    with_phantom(new)
    for name, card in RECIPE_CARDS.items():
        pick(new.recipe.card, name)
        if new.spec is None:  # a recipe for classes that exclude each other wants more of its cohort
            raise AssertionError(f"{name}: {new.refusal.text()}")
        content = tomllib.loads(render_spec(new.spec))
        variant = next(iter(card.variants), "")
        named = {**content, "recipe": {"name": name, "variant": variant}}
        meant = parse_spec(render_spec(new.spec), name)
        expected = from_mapping(TrainingSpec, complete_spec(named))
        assert meant.recipe == expected.recipe, name
        assert new.recipe.departs.isHidden(), (name, new.recipe.departs.text())
    write_text(new.recipe.first.controls["recipe.epochs"], "7")
    assert "epochs" in new.recipe.departs.text()


def test_that_random_weights_and_the_setting_go_together(form: NewJobForm) -> None:
    new = form
    with_phantom(new)
    assert new.spec.network.pretrained
    assert Path(new.spec.network.weights).is_dir()  # one of the bundled checkpoints
    pick(new.network.start, RANDOM)
    assert (new.spec.network.setting, new.spec.network.weights) == ("S5", None)
    pick(new.network.setting, "S2")
    assert new.spec.network.pretrained
    pick(new.network.setting, "S4")
    assert new.network.start.value == RANDOM
    pick(new.network.start, FILE)
    assert fault_at(new, "network.weights")
    write_text(new.network.source, "/somewhere/net.pth")
    assert new.spec.network.weights == "/somewhere/net.pth"
    pick(new.network.start, HUB)
    write_text(new.network.source, "timm/resnet50.a1_in1k")
    assert (new.spec.network.hub, new.spec.network.weights) == ("timm/resnet50.a1_in1k", None)


def test_that_cohorts_are_held_out_and_further_options_of_the_network_chosen(form: NewJobForm, qtbot: QtBot) -> None:
    new = form
    with_phantom(new)
    held_out = new.split.held_out.controls["held_out"]
    assert isinstance(held_out, GroupList)
    assert new.spec.held_out == ()
    for _ in range(2):
        qtbot.mouseClick(held_out.add, Qt.MouseButton.LeftButton)
    assert new.spec.held_out == (PhantomData("B", 400, 2),) * 2
    first, second = (fields.controls for fields in held_out.groups)
    write_text(first["count"], "0")
    assert (
        held_out.groups[0].fields["count"].fault.text()
        == new.refusal.text()
        == "Count should be positive and seed not negative."
    )
    assert not held_out.groups[1].fields["count"].fault.text()
    write_text(first["count"], "30")
    write_text(second["seed"], "7")
    assert new.spec.held_out == (PhantomData("B", 30, 2), PhantomData("B", 400, 7))
    remove = next(button for button in held_out.findChildren(QPushButton) if button.accessibleName().endswith("1"))
    qtbot.mouseClick(remove, Qt.MouseButton.LeftButton)
    assert new.spec.held_out == (PhantomData("B", 400, 7),)
    left = held_out.groups[0].controls
    assert left["count"].accessibleName() == "Held out 1: count"
    pick(left["site"], "A")
    write_text(left["seed"], "1")  # as the training films
    assert "seed of the training cohort" in fault_at(new, "held_out")

    options = new.network.learning.controls["network.options"]
    write_text(options, "depth = 1, img_size = [64, 96]")
    pick(new.network.start, RANDOM)
    assert "held_out" in new.refusal.text() or "seed" in new.refusal.text()
    held_out.show_groups([])
    write_text(options, 'depth = 1, img_size = [64, 96], act_layer = "silu"')
    assert new.spec.network.options == {"depth": 1, "img_size": [64, 96], "act_layer": "silu"}
    write_text(options, "depth: 1")
    assert "table of keys" in fault_at(new, "network.options")
    assert not new.start.isEnabled()
    write_text(options, "")
    assert new.spec.network.options == {}


def test_that_a_head_has_the_arguments_of_its_kind(form: NewJobForm) -> None:
    new = form
    with_phantom(new)
    pick(new.network.head.kind, "conv-skip")
    write_text(new.network.head.lines["filters"], "16")
    assert new.spec.network.head.arguments == {"dropout": 0.5, "ratio": 0.5, "filters": 16, "kernel_size": 2}
    write_text(new.network.head.lines["filters"], "1.5")
    assert "whole number" in fault_at(new, "network.head.filters")
    pick(new.network.head.kind, "non-linear")
    assert set(new.spec.network.head.parameters) == {"dropout", "ratio"}
    assert not new.network.head.fields["network.head.filters"].isVisible()
    pick(new.network.head.kind, "conv as published")
    assert not new.network.head.fields["network.head.dropout"].isVisible()  # its code does not heed it


def test_that_findings_without_cases_have_no_tick(form: NewJobForm, cohort: Path) -> None:
    new = form
    new.images.choose_folder(cohort / "A")
    new.images.show_cohort(look_at_labels(cohort / "A"))
    counts = {count.name: count for count in new.images.cohort.findings}
    assert set(new.images.chosen_findings) == {name for name, count in counts.items() if count.learnable}
    assert new.spec.findings == new.images.chosen_findings
    item = new.images.findings.item(0)
    item.setCheckState(Qt.CheckState.Unchecked)
    assert item.data(Qt.ItemDataRole.UserRole) not in new.spec.findings
    for row in range(new.images.findings.count()):
        new.images.findings.item(row).setCheckState(Qt.CheckState.Unchecked)
    assert fault_at(new, "findings")
    assert "24 images" in new.summary.title.text() or "12 images" in new.summary.title.text()


def test_that_a_folder_without_labels_is_refused_beside_its_field(
    window_form: tuple[Application, NewJobForm], tmp_path: Path, qtbot: QtBot
) -> None:
    _, new = window_form
    (tmp_path / "empty").mkdir()
    new.images.choose_folder(tmp_path / "empty")
    qtbot.waitUntil(lambda: "labels.csv" in fault_at(new, "data.folder"), timeout=LONG)
    assert not new.start.isEnabled()


def test_that_an_estimate_says_how_many_views_are_kept() -> None:
    said = {
        "parameters": 3_400_000, "head": 2_562, "learning": 2_562, "device": "CPU", "device_bytes": None, "steps": 30,
        "seconds": 12.0, "bytes": {"total": 90_000_000}, "features": {"views": 90, "kept": 54, "seconds_per_view": 0.1},
    }  # fmt: skip
    assert "54 of 90 views have their features kept" in estimate_words(said)
    assert "views" not in estimate_words({**said, "features": None})


def test_that_a_part_of_a_name_finds_a_backbone(form: NewJobForm) -> None:
    new = form
    with_phantom(new)
    completer = new.network.architecture.completer()
    completer.setCompletionPrefix("vit_base")
    assert completer.currentCompletion() == "vit_base_patch16_224"
    pick(new.network.start, RANDOM)
    pick(new.network.preset, "imagenet")
    new.network.architecture.setEditText("inception_v3")
    assert new.spec.network.architecture == "inception_v3"
    assert new.spec.network.preprocessing.size == (299, 299)
    new.network.architecture.setEditText("some_other_net")
    assert new.spec.network.architecture == "some_other_net"  # timm may know it


def test_that_the_keyboard_starts_a_job_and_reaches_the_form(
    window_form: tuple[Application, NewJobForm], qtbot: QtBot
) -> None:
    application, new = window_form
    started: list[object] = []
    new.start_asked.disconnect()
    new.start_asked.connect(started.append)
    application.window.activateWindow()
    with_phantom(new)
    new.images.known.setFocus()
    qtbot.keyClick(new.images.known, Qt.Key.Key_Return, CTRL_SHIFT)
    assert started == [new.spec]


IMPORTED = TrainingCohort(
    "cohort", "films", Path("/cohorts/films"), (FindingCount("Edema", 4, 20), FindingCount("Mass", 0, 24)), 24, 20,
    splits=("split-1", "by-hand"),
)  # fmt: skip


def import_films(form: NewJobForm, cohort: TrainingCohort = IMPORTED) -> None:
    """The form as it is once an imported cohort was counted."""
    if form.images.chosen_folder != cohort.folder:
        form.images.choose_folder(cohort.folder)
    form.images.show_cohort(cohort)


def test_that_the_first_split_of_a_cohort_is_taken_and_counted(form: NewJobForm) -> None:
    asked: list[str] = []
    form.split.split_chosen.connect(asked.append)
    import_films(form)
    assert asked == ["split-1"]
    data = form.spec.data.cohort
    assert (data.folder, data.split) == ("/cohorts/films", "split-1")
    import_films(form, replace(IMPORTED, split="split-1", receipt="No patient in two of them.", leaks=False))
    assert asked == ["split-1"]  # it is counted
    assert "No patient" in form.summary.receipt.text()
    pick(form.split.frozen, "by-hand")
    assert asked == ["split-1", "by-hand"]
    assert form.spec.data.cohort.split == "by-hand"
    write_text(form.split.of_cohort.controls["data.cohort.training_fraction"], "0")
    assert fault_at(form, "data.cohort.training_fraction")


def test_that_a_split_that_cannot_be_used_is_named_and_another_one_may_be_chosen(
    window_form: tuple[Application, NewJobForm], monkeypatch: pytest.MonkeyPatch
) -> None:
    application, new = window_form
    counting = application.training.cohorts._counting
    asked: list[list[str]] = []
    monkeypatch.setattr(counting, "ask", lambda words, _: asked.append(words))
    monkeypatch.setattr("xferviewer.gui.training_cohorts.is_cohort", lambda _: True)
    import_films(new)
    assert asked[-1][-2:] == ["--split", "split-1"]
    counting.failed.emit(UnusableTable("The split split-1 cannot be used.", "3 images are new.", "Freeze another."))
    assert "3 images are new" in fault_at(new, "data.cohort.split")
    assert not new.start.isEnabled()
    pick(new.split.frozen, "by-hand")
    assert asked[-1][-2:] == ["--split", "by-hand"]
    assert not fault_at(new, "data.cohort.split")
    assert new.start.isEnabled()
    pick(new.split.frozen, "split-1")  # looked at again: somebody may have mended it
    assert "3 images are new" in fault_at(new, "data.cohort.split")
    new.images.show_cohort(replace(IMPORTED, split="split-1"))
    assert not fault_at(new, "data.cohort.split")


def test_that_a_new_split_is_asked_for_in_the_words_of_the_command_line(form: NewJobForm) -> None:
    import_films(form)
    pick(form.split.frozen, "")
    assert not form.start.isEnabled()
    asked: list[tuple[str, list[str]]] = []
    form.split.make_asked.connect(lambda name, words: asked.append((name, words)))
    assert form.split.name.text() == "split-2"  # there is a split-1
    for path, text in (("split.seed", "7"), ("split.validation", "0.2"), ("split.folds", "0")):
        write_text(form.split.plan.controls[path], text)
    form.split.make.click()
    assert asked == [("split-2", ["--out", "split-2", "--validation", "0.2", "--seed", "7"])]
    parsed = parser().parse_args(["split", "/cohorts/films", *asked[0][1]])
    assert (parsed.seed, parsed.validation, parsed.test, parsed.method) == (7, 0.2, None, "stratified")
    pick(form.split.plan.controls["split.method"], "lists")
    write_text(form.split.lists["test"], "/lists/test_list.txt")
    assert form.split.fields["split.lists.test"].isVisible()
    write_text(form.split.plan.controls["split.validation"], "0.2")
    parsed = parser().parse_args(["split", "/cohorts/films", *form.split.plan_words()])
    assert parsed.lists == [("test", Path("/lists/test_list.txt"))]
    write_text(form.split.plan.controls["split.seed"], "-1")
    assert fault_at(form, "split.seed")
    assert not form.split.make.isEnabled()
    write_text(form.split.plan.controls["split.seed"], "1")
    write_text(form.split.name, "by-hand")
    assert "split of this name" in fault_at(form, "split.name")


def test_that_a_cloned_job_finds_its_split_again(form: NewJobForm) -> None:
    import_films(form)
    pick(form.split.frozen, "by-hand")
    write_text(form.split.of_cohort.controls["data.cohort.training_fraction"], "0.5")
    spec = form.spec
    pick(form.images.known, "phantom")
    assert form.spec.data.cohort is None
    form.show_spec(spec)
    import_films(form)  # what its folder was asked for
    assert form.spec.data == spec.data
    assert form.spec.findings == spec.findings == ("Edema",)


def test_that_a_data_set_is_imported_in_the_words_of_the_command_line(qtbot: QtBot, tmp_path: Path) -> None:
    parent = QWidget()
    dialog = ImportDatasetDialog(tmp_path / "cohorts", parent)
    dialog.choose_folder(tmp_path)
    for source in SOURCES:
        dialog.take_source(source.key)
        assert dialog.import_.isEnabled() == (not source.terms.text)
        if source.terms.text:
            assert source.terms.text in dialog.terms.text()
            dialog.accepted_terms.click()
        assert dialog.import_.isEnabled()
        for choice in source.choices:
            control = dialog.choices[choice.name]
            if choice.values:
                control.choose(choice.values[-1])
            else:
                write_text(control, "something")
        parsed = vars(parser().parse_args(dialog.words_of()))
        assert (parsed["source"], parsed["folder"]) == (source.key, tmp_path)
        assert parsed["accept_terms"] == bool(source.terms.text)
        for choice in source.choices:
            expected = choice.values[-1] if choice.values else "something"
            assert parsed[f"choice_{choice.name}"] in (expected, None if expected == choice.default else expected)
    dialog.close()
    parent.deleteLater()
