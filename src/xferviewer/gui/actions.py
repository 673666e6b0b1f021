"""Everything a person can do by key or menu: one table, from which menus, shortcuts and the cheat sheet are made."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape

from PySide6.QtCore import QCoreApplication, Qt
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QWidget


@dataclass(frozen=True, slots=True)
class ActionRow:
    """name: how code calls it; menu: where it stands; keys: in Qt's portable form.

    films_only  the keys count while the worklist or a film has the focus: elsewhere arrow keys move sliders and lists
    """

    name: str
    menu: str
    text: str
    keys: tuple[str, ...] = ()
    checkable: bool = False
    films_only: bool = False


# Up/Down, I, O, Home/End and F11 are what two of the three open viewers use; Shift+number chooses a checkpoint because
# plain numbers are window presets everywhere.
ACTIONS = (
    ActionRow("open_folder", "File", "Open folder …", ("Ctrl+O",)),
    ActionRow("open_files", "File", "Open files …", ("Ctrl+Shift+O",)),
    ActionRow("open_labels", "File", "Open label table …", ("Ctrl+L",)),
    ActionRow("open_predictions", "File", "Open predictions …", ("Ctrl+P",)),
    ActionRow("open_regions", "File", "Open regions (boxes, masks) …", ("Ctrl+B",)),
    ActionRow("add_checkpoint", "File", "Add checkpoint folder …", ("Ctrl+K",)),
    ActionRow("import_checkpoint", "File", "Import a checkpoint …", ("Ctrl+I",)),
    ActionRow("import_published", "File", "Import published weights …", ("Ctrl+Shift+I",)),
    ActionRow("open_demo", "File", "Open the demo cohort"),
    ActionRow("open_recent", "File", "Open recent …", ("Ctrl+R",)),
    ActionRow("open_catalogue", "File", "Open or make a catalogue …"),
    ActionRow("refused_files", "File", "Files that were refused …"),
    ActionRow("export_evaluation", "File", "Export the evaluation …", ("Ctrl+E",)),
    ActionRow("copy_command", "File", "Copy the evaluation as a command", ("Ctrl+Shift+C",)),
    ActionRow("export_notes", "File", "Export measurements and agreement …", ("Ctrl+M",)),
    ActionRow("preferences", "File", "Preferences …", ("Ctrl+,",)),
    ActionRow("quit", "File", "Quit", ("Ctrl+Q",)),
    ActionRow("perspective_read", "View", "Read", ("Ctrl+1",)),
    ActionRow("perspective_evaluate", "View", "Evaluate", ("Ctrl+2",)),
    ActionRow("perspective_train", "View", "Train", ("Ctrl+3",)),
    ActionRow("full_screen", "View", "Full screen", ("F11",)),
    ActionRow("detach_films", "View", "Films in a window of their own, or back", ("Shift+F11",)),
    ActionRow("choose_layout", "View", "Choose rows and columns of panes …", ("Ctrl+Shift+L",)),
    ActionRow("layout_auto", "View", "A pane for each checkpoint", ("Shift+L",)),
    ActionRow("next_pane", "View", "Next pane", ("P",)),
    ActionRow("previous_pane", "View", "Previous pane", ("Shift+P",)),
    ActionRow("maximise", "View", "This pane alone, and back", ("Return",), films_only=True),
    ActionRow("hide_identity", "View", "Hide patient identity", ("Ctrl+H",), checkable=True),
    ActionRow("corner_text", "View", "More or less text over the films", ("T",)),
    ActionRow("copy_picture", "View", "Copy the panes as a picture", ("Ctrl+C",), films_only=True),
    ActionRow("save_picture", "View", "Save the panes as a picture …", ("Ctrl+S",)),
    ActionRow("reset_layout", "View", "Reset the panels"),
    ActionRow("next_study", "Study", "Next study", ("Down", "PgDown"), films_only=True),
    ActionRow("previous_study", "Study", "Previous study", ("Up", "PgUp"), films_only=True),
    ActionRow("first_study", "Study", "First study", ("Home",), films_only=True),
    ActionRow("last_study", "Study", "Last study", ("End",), films_only=True),
    ActionRow("next_image", "Study", "Next image or frame", ("Right",), films_only=True),
    ActionRow("previous_image", "Study", "Previous image or frame", ("Left",), films_only=True),
    ActionRow("next_finding", "Study", "Next finding", ("F", "]")),
    ActionRow("previous_finding", "Study", "Previous finding", ("Shift+F", "[")),
    ActionRow("next_checkpoint", "Study", "Next checkpoint", ("Ctrl+Right",)),
    ActionRow("checkpoint_1", "Study", "First checkpoint", ("Shift+1", "!")),
    ActionRow("checkpoint_2", "Study", "Second checkpoint", ("Shift+2", "@")),
    ActionRow("checkpoint_3", "Study", "Third checkpoint", ("Shift+3", "#")),
    ActionRow("checkpoint_4", "Study", "Fourth checkpoint", ("Shift+4", "$")),
    ActionRow("agree", "Study", "I agree with the active checkpoint", ("Y",)),
    ActionRow("disagree", "Study", "I disagree with the active checkpoint", ("X",)),
    ActionRow("disagreements", "Study", "Disagreements of the checkpoints", ("D",)),
    ActionRow("own_disagreements", "Study", "Cases where I disagreed", ("Shift+D",)),
    ActionRow("key_cases", "Study", "Cases with key images or notes", ("Shift+K",)),
    ActionRow("overlay", "Film", "Show the map", ("O",)),
    ActionRow("map_style", "Film", "Colours, contour, or both", ("Shift+C",)),
    ActionRow("map_scale", "Film", "Scale of the maps: own, shared, fixed", ("Alt+S",)),
    ActionRow("difference", "Film", "Show the difference of the maps", ("Shift+O",)),
    ActionRow("regions", "Film", "Outline what people marked", ("M",)),
    ActionRow("inputs", "Film", "As the networks see it, beside the film", ("S",)),
    ActionRow("planes", "Film", "Draw the overlays of the file", ("Shift+M",)),
    ActionRow("fit", "Film", "Fit to pane", ("Ctrl+Return",)),
    ActionRow("zoom_in", "Film", "Zoom in", ("+", "=")),
    ActionRow("zoom_out", "Film", "Zoom out", ("-",)),
    ActionRow("reset", "Film", "Reset view and window", ("Esc", "R")),
    ActionRow("turn_clockwise", "Film", "Turn clockwise", ("Alt+Right",)),
    ActionRow("turn_back", "Film", "Turn anticlockwise", ("Alt+Left",)),
    ActionRow("mirror_sideways", "Film", "Mirror left to right", ("Alt+F",)),
    ActionRow("mirror_upright", "Film", "Mirror top to bottom", ("Alt+Shift+F",)),
    ActionRow("film_menu", "Film", "What can be done with the film …", ("Menu", "Shift+F10"), films_only=True),
    ActionRow("more_referral", "Film", "Refer one per cent more", (".",)),
    ActionRow("less_referral", "Film", "Refer one per cent less", (",",)),
    ActionRow("tool_window", "Tools", "Left button: no tool", ("W",), checkable=True),
    ActionRow("tool_ruler", "Tools", "Left button: ruler", ("U",), checkable=True),
    ActionRow("tool_angle", "Tools", "Left button: angle", ("A",), checkable=True),
    ActionRow("tool_ellipse", "Tools", "Left button: region", ("E",), checkable=True),
    ActionRow(
        "remove_measurement",
        "Tools",
        "Remove the measurement under the mouse, or the newest",
        ("Del",),
        films_only=True,
    ),
    ActionRow("magnifier", "Tools", "Magnifying glass", ("G",), checkable=True),
    ActionRow("key_image", "Tools", "Key image", ("K",)),
    ActionRow("note", "Tools", "Note …", ("N",)),
    ActionRow("cine", "Tools", "Cine", ("C",), checkable=True),
    ActionRow("cine_faster", "Tools", "Cine: faster", ("Alt+.",)),
    ActionRow("cine_slower", "Tools", "Cine: slower", ("Alt+,",)),
    ActionRow("blink", "Tools", "Blink between this pane and the next", ("B",), checkable=True),
    ActionRow("fade", "Tools", "Fade between this pane and the next", ("Shift+B",), checkable=True),
    ActionRow("undo", "Tools", "Undo", ("Ctrl+Z",)),
    ActionRow("redo", "Tools", "Redo", ("Ctrl+Y", "Ctrl+Shift+Z")),
    ActionRow("invert", "Window", "Invert", ("I",)),
    ActionRow("auto_level", "Window", "Auto level", ("0",)),
    *(ActionRow(f"preset_{n}", "Window", f"Window preset {n}", (str(n),)) for n in range(1, 10)),
    ActionRow("keep_window", "Window", "Keep this window as a preset …", ("Shift+W",)),
    ActionRow("drag_up", "Window", "Dragging up darkens", checkable=True),
    ActionRow("link_all", "Links", "Link the panes in everything, or in nothing", ("L",)),
    ActionRow("link_pan", "Links", "Pan together", checkable=True),
    ActionRow("link_zoom", "Links", "Zoom together", checkable=True),
    ActionRow("link_window", "Links", "Window together", checkable=True),
    ActionRow("link_frame", "Links", "Step through frames and images together", checkable=True),
    ActionRow("link_turn", "Links", "Turn and mirror together", checkable=True),
    ActionRow("new_job", "Work", "New training job …", ("Ctrl+N",)),
    ActionRow("calibrate", "Work", "Calibrate the active checkpoint …"),
    ActionRow("describe_inputs", "Work", "Training images of the active checkpoint …"),
    ActionRow("measure_curves", "Work", "Delete and insert the shown maps' pixels"),
    ActionRow("measure_random_weights", "Work", "Test the shown maps with random weights"),
    ActionRow("measure_cohort", "Work", "Measure all maps against boxes and masks"),
    ActionRow("device", "Work", "Device and precision …"),
    ActionRow("pause_work", "Work", "Pause predicting"),
    ActionRow("resume_work", "Work", "Go on predicting"),
    ActionRow("cancel_work", "Work", "Cancel indexing and predicting"),
    ActionRow("failed_images", "Work", "Images that could not be predicted …"),
    ActionRow("palette", "Help", "Find a command …", ("Ctrl+Shift+P",)),
    ActionRow("cheat_sheet", "Help", "Keys and mouse", ("?", "F1")),
    ActionRow("about", "Help", "About xferviewer"),
)

HELD = ActionRow("peek", "Film", "Look under the map, as long as the key is held", ("H",))
"""No action, which a press of a key sets off, but a key like the others for whoever chooses keys."""
KEYED = (*ACTIONS, HELD)
"""All that has keys."""

_CHEAT_COLUMNS = 3
CURVE_MOUSE = (
    ("Click on a ROC curve", "set its threshold"),
    ("Shift + drag along it", "open these cases"),
    ("Drag, wheel on curves", "zoom"),
    ("Middle drag on curves", "pan"),
    ("Double click on curves", "the whole plot"),
)


def make_actions(
    window: QWidget, film_areas: Sequence[QWidget], handlers: Mapping[str, Callable[[], object]]
) -> dict[str, QAction]:
    """The window's actions by name, wired to `handlers`. Raises KeyError where a row has no handler."""
    actions = {}
    for row in ACTIONS:
        action = QAction(QCoreApplication.translate("actions", row.text), window)
        action.setShortcuts([QKeySequence(key) for key in row.keys])
        action.setCheckable(row.checkable)
        action.triggered.connect(_without_arguments(handlers[row.name]))
        if row.films_only:
            action.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            for area in film_areas:
                area.addAction(action)
        else:
            action.setShortcutContext(Qt.ShortcutContext.WindowShortcut)
            window.addAction(action)
        actions[row.name] = action
    return actions


def _without_arguments(handler: Callable[[], object]) -> Callable[[bool], None]:
    def called(checked: bool = False) -> None:
        handler()

    return called


def cheat_sheet(keys: Mapping[str, tuple[str, ...]], mouse: Sequence[tuple[str, str]]) -> str:
    """What the mouse does over a film, and keys by the names of what they do, as rich text, small and in columns."""
    keyed = [(", ".join(keys[row.name]), row.text) for row in KEYED if keys[row.name]]
    rows = [*mouse, ("", ""), *CURVE_MOUSE, ("", ""), *keyed]
    high = -(-len(rows) // _CHEAT_COLUMNS)
    parts = [rows[first : first + high] for first in range(0, len(rows), high)]
    columns = "</td><td>&nbsp;&nbsp;&nbsp;</td><td>".join(map(_two_columns, parts))
    return f'<table style="font-size: 9pt"><tr><td>{columns}</td></tr></table>'


def _two_columns(rows: Iterable[tuple[str, str]]) -> str:
    wide = 'style="white-space: nowrap"'  # a message box would rather be high than wide
    lines = [
        f"<tr><td {wide}><b>{escape(keys)}</b>&nbsp;&nbsp;</td><td>{escape(text)}</td></tr>" for keys, text in rows
    ]
    return f'<table style="font-size: 9pt">{"".join(lines)}</table>'
