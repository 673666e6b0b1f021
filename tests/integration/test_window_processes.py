"""The application as its user starts it: in a process of its own, with a home of its own, killed or refused."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from xferviewer.settings import change_settings
from xferviewer.studies.catalogue import Catalogue

FILES = 2500
LONG = 120.0

# Runs the application; `look(application)` is asked again and again until it returns what is to be printed as JSON.
_DRIVE = """
import json, sys
from pathlib import Path
from PySide6.QtCore import QEvent, QObject, QTimer
from xferviewer.gui import app, running

class Driver(QObject):
    def __init__(self, application):
        super().__init__(application)
        self.application, self.painted = application, None
        application.window.installEventFilter(self)
        self.timer = QTimer(self, interval=50)
        self.timer.timeout.connect(self.ask)
        self.timer.start()

    def eventFilter(self, watched, event):
        if event.type() == QEvent.Type.Paint and self.painted is None:
            self.painted = set(sys.modules)
        return False

    def ask(self):
        if self.painted is not None:
            said = look(self.application, self)
            if said is not None:
                self.timer.stop()
                print(json.dumps(said))
                self.application.window.close()

class Driven(app.Application):
    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        Driver(self)

running.Application = Driven
"""
_RUN = "\nsys.exit(running.run([Path(path) for path in sys.argv[1:]]))\n"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home whose settings name no checkpoint that there is, so that nothing is predicted."""
    folder = tmp_path / "home"
    folder.mkdir()
    chosen = {"device": "cpu", "notice_seen": True, "checkpoints": ("/no/checkpoint",)}
    change_settings(folder / "settings.toml", chosen)
    return folder


def environment(home: Path, **more: str) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if key not in ("DISPLAY", "WAYLAND_DISPLAY")}
    return {**kept, "QT_QPA_PLATFORM": "offscreen", "XFERVIEWER_HOME": str(home), **more}


def drive(home: Path, look: str, *paths: Path, **more: str) -> tuple[dict[str, object], str]:
    """Run the application until `look` has seen what it waits for; returns that and what was said on stderr."""
    ended = subprocess.run(
        [sys.executable, "-c", _DRIVE + look + _RUN, *paths],
        env=environment(home, **more),
        capture_output=True,
        text=True,
        timeout=LONG,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    said: dict[str, object] = json.loads(ended.stdout)
    return said, ended.stderr


def wait_until(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LONG
    while not happened():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts `xferviewer open …` without waiting; what still runs at the end is killed."""
    started: list[subprocess.Popen[str]] = []

    def open_window(home: Path, *paths: Path) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "xferviewer", "open", *paths],
            env=environment(home), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        started.append(process)
        return process

    yield open_window
    for process in started:
        process.kill()
        process.communicate()


def refused(process: subprocess.CompletedProcess[str]) -> list[str]:
    """The three parts of a refusal."""
    assert process.returncode == 2, process.stderr
    what, why, todo = (line.strip() for line in process.stderr.strip().splitlines()[-3:])
    assert what.startswith("xferviewer: ")
    return [what, why, todo]


def open_and_wait(env: dict[str, str], prefix: Sequence[str] = ()) -> subprocess.CompletedProcess[str]:
    command = [*prefix, sys.executable, "-m", "xferviewer", "open"]
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=LONG, check=False)


def test_that_the_first_paint_comes_before_torch_scipy_scikit_learn_and_matplotlib(home: Path) -> None:
    look = """
def look(application, driver):
    slow = {"torch", "torchvision", "timm", "sklearn", "scipy", "matplotlib", "pandas", "pyarrow"}
    return {"slow": sorted(slow & driver.painted), "shown": application.window.isVisible()}
"""
    said, _ = drive(home, look)
    assert said == {"slow": [], "shown": True}


def test_that_the_window_never_imports_torch_while_it_indexes_and_computes(home: Path, cohort: Path) -> None:
    look = """
def look(application, driver):
    if application.library.indexing or not application.session.studies:
        return None
    for name in ("evaluate", "train", "read"):
        application.window.show_perspective(name)
    return {"studies": len(application.session.studies), "torch": "torch" in sys.modules}
"""
    said, errors = drive(home, look, cohort)
    assert said == {"studies": 24, "torch": False}
    assert "Traceback" not in errors
    assert "QThread" not in errors


def test_that_bad_settings_are_told_and_the_good_ones_kept(home: Path) -> None:
    (home / "settings.toml").write_text(
        'theme = "light"\nprecision = "fp7"\ncolour = "red"\nnotice_seen = true\ncheckpoints = ["/no/checkpoint"]\n',
        encoding="utf-8",
    )
    look = """
def look(application, driver):
    from xferviewer.gui.notify import Toast
    toasts = application.window.findChildren(Toast)
    if len(toasts) < 3:
        return None
    return {"told": [toast.what for toast in toasts], "theme": application.settings.now.theme}
"""
    said, _ = drive(home, look)
    told = " ".join(map(str, said["told"]))
    assert "precision = 'fp7'" in told
    assert "colour" in told
    assert "/no/checkpoint" in told or "checkpoint" in told
    assert said["theme"] == "light"


def test_that_settings_that_are_no_toml_do_not_stop_the_start(home: Path) -> None:
    (home / "settings.toml").write_text("theme = [", encoding="utf-8")
    look = """
def look(application, driver):
    from xferviewer.gui.notify import Toast
    told = [toast.what for toast in application.window.findChildren(Toast)]
    return {"told": told} if told else None
"""
    said, _ = drive(home, look)
    assert "settings.toml cannot be read" in str(said["told"])


def test_that_a_second_copy_on_the_same_home_is_refused_in_three_parts(home: Path, start: Start) -> None:
    first = start(home)
    wait_until(lambda: (home / "catalogue.sqlite").exists())
    what, why, todo = refused(open_and_wait(environment(home)))
    assert "second window" in what
    assert "same data folder" in why
    assert "XFERVIEWER_HOME" in todo
    assert first.poll() is None


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_that_a_killed_window_does_not_keep_the_next_one_out(home: Path, start: Start) -> None:
    first = start(home)
    wait_until(lambda: (home / "catalogue.sqlite").exists())
    first.kill()
    first.wait()
    said, _ = drive(home, "\ndef look(application, driver):\n    return {'open': True}\n")
    assert said == {"open": True}


@pytest.mark.skipif(sys.platform != "linux", reason="only X11 and Wayland can be absent")
def test_that_no_display_is_refused_in_three_parts(home: Path) -> None:
    env = environment(home)
    del env["QT_QPA_PLATFORM"]
    what, why, todo = refused(open_and_wait(env))
    assert "cannot be opened" in what
    assert "DISPLAY" in why
    assert "command line" in todo


def test_that_a_home_that_cannot_be_made_is_refused_in_three_parts(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    what, why, todo = refused(open_and_wait(environment(tmp_path / "file" / "home")))
    assert "cannot be opened" in what
    assert str(tmp_path / "file") in why
    assert "XFERVIEWER_HOME" in todo


@pytest.fixture
def somebody_else() -> tuple[str, ...]:
    """What a command line begins with that another user runs: nobody, who may read everything and write nothing."""
    if sys.platform != "linux" or os.geteuid() != 0 or shutil.which("setpriv") is None:
        pytest.skip("only root can run commands as somebody else")
    reads = ("--inh-caps", "+dac_read_search", "--ambient-caps", "+dac_read_search")
    return ("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", *reads)


def test_that_a_read_only_home_is_refused_in_three_parts(home: Path, somebody_else: tuple[str, ...]) -> None:
    what, why, todo = refused(open_and_wait(environment(home), somebody_else))
    assert "cannot be opened" in what
    assert "cannot be written to: Permission denied" in why
    assert "XFERVIEWER_HOME" in todo


def test_that_two_users_of_one_data_folder_do_not_come_between_each_other(
    home: Path, start: Start, somebody_else: tuple[str, ...]
) -> None:
    home.chmod(0o777)
    first = start(home)
    wait_until(lambda: (home / "predictions.sqlite").exists())
    what, why, _ = refused(open_and_wait(environment(home), somebody_else))
    assert "second window" in what
    assert "same data folder" in why
    assert first.poll() is None
    first.kill()
    first.wait()
    _, why, todo = refused(open_and_wait(environment(home), somebody_else))
    assert "left by another user's" in why
    assert "XFERVIEWER_HOME" in todo


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 8 MB."""
    place = tmp_path / "disk"
    place.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(place)]
    if sys.platform != "linux" or subprocess.run(words, capture_output=True, check=False).returncode:
        pytest.skip("only root can mount a small disk")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def fill(disk: Path) -> None:
    with contextlib.suppress(OSError), (disk / "full").open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))


def test_that_a_full_disk_is_refused_in_three_parts(small_disk: Path) -> None:
    (small_disk / "home").mkdir()
    fill(small_disk)
    what, why, todo = refused(open_and_wait(environment(small_disk / "home")))
    assert "cannot be opened" in what
    assert "No space left" in why
    assert "Free space" in todo


def test_that_a_disk_that_fills_under_the_window_is_told_and_the_window_stays(
    small_disk: Path, home: Path, cohort: Path
) -> None:
    shutil.copytree(home, small_disk / "home")
    look = f"""
import contextlib
def look(application, driver):
    from pathlib import Path
    from xferviewer.gui.notify import Toast
    if not hasattr(driver, "filled"):
        driver.filled = True
        with contextlib.suppress(OSError), Path({str(small_disk / "full")!r}).open("wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))
        application.settings.keep(theme="light")
        application.opening.open([Path({str(cohort)!r})])
    toasts = [(toast.what, toast.details) for toast in application.window.findChildren(Toast)]
    told = [what + details for what, details in toasts if "space" in details or "full" in details]
    if len(told) < 2:
        return None
    return {{"told": told, "visible": application.window.isVisible(), "theme": application.settings.now.theme}}
"""
    said, errors = drive(small_disk / "home", look)
    told = " ".join(map(str, said["told"]))
    assert "settings.toml could not be written." in told
    assert "could not be indexed" in told
    assert (said["visible"], said["theme"]) == (True, "light")
    assert "Traceback" not in errors


def test_that_a_home_with_letters_of_many_languages_is_a_home(tmp_path: Path, cohort: Path) -> None:
    home = tmp_path / "Jürgen Ünal 山田"
    films = home / "Röntgen"
    shutil.copytree(cohort, films)
    change_settings(home / "settings.toml", {"notice_seen": True, "checkpoints": ("/no/checkpoint",)})
    look = COMPLETE.replace("return {", 'return {"catalogue": str(catalogue.path), ')
    plain = {"LC_ALL": "C", "LANG": "C"}  # as a service or a bare container has it
    said, errors = drive(home, look, films, **plain)
    assert said["images"] == 24
    assert said["catalogue"] == str(home / "catalogue.sqlite")
    assert "Traceback" not in errors


def test_that_a_catalogue_of_a_newer_version_is_refused_in_three_parts_and_left_alone(home: Path) -> None:
    with sqlite3.connect(home / "catalogue.sqlite") as connection:
        connection.execute("PRAGMA user_version = 9999")
        connection.execute("CREATE TABLE image (id)")
    connection.close()
    before = (home / "catalogue.sqlite").read_bytes()
    what, why, todo = refused(open_and_wait(environment(home)))
    assert all((what, why, todo))
    assert (home / "catalogue.sqlite").read_bytes() == before


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Thousands of small pictures."""
    folder = tmp_path_factory.mktemp("many")
    for number in range(FILES):
        PIL.Image.fromarray(np.full((4, 4), number % 251, np.uint8)).save(folder / f"{number:05d}.png")
    return folder


def images_in(home: Path) -> int:
    if not (home / "catalogue.sqlite").exists():
        return 0
    with sqlite3.connect(f"file:{home / 'catalogue.sqlite'}?mode=ro", uri=True) as connection:
        try:
            count = int(connection.execute("SELECT count(*) FROM image").fetchone()[0])
        except sqlite3.OperationalError:  # its tables are not made yet
            count = 0
    connection.close()
    return count


def _commands_with(word: str) -> list[int]:
    """The processes whose command line holds a word, from /proc."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if word in path.read_text(errors="replace"):
                found.append(int(path.parent.name))
        except OSError:
            continue
    return found


COMPLETE = """
def look(application, driver):
    catalogue = application.library.catalogue
    if application.library.indexing or catalogue.unfinished_roots():
        return None
    return {"images": catalogue.counts().images, "studies": len(application.session.studies)}
"""


@pytest.mark.skipif(sys.platform != "linux", reason="looks for child processes in /proc")
def test_that_a_window_killed_while_it_indexes_leaves_no_child_and_goes_on_at_the_next_start(
    home: Path, many: Path, start: Start
) -> None:
    window = start(home, many)
    wait_until(lambda: images_in(home) > 0)
    window.send_signal(signal.SIGKILL)
    window.wait()
    wait_until(lambda: not _commands_with(str(home / "catalogue.sqlite")))
    with Catalogue(home / "catalogue.sqlite") as catalogue:
        begun = catalogue.counts().images
        assert 0 < begun < FILES
        assert catalogue.unfinished_roots() == [many]
    said, _ = drive(home, COMPLETE)
    assert said["images"] == FILES


@pytest.mark.skipif(sys.platform != "linux", reason="looks for child processes in /proc")
def test_that_a_killed_index_is_told_by_the_window_and_goes_on_at_the_next_start(home: Path, many: Path) -> None:
    look = """
def look(application, driver):
    import os, signal
    process = application.library._process
    if process is not None and not hasattr(driver, "heard"):
        driver.heard = []
        application.library.index_progressed.connect(driver.heard.append)
        application.library.index_finished.connect(driver.heard.append)
    heard = getattr(driver, "heard", [])
    if heard and process is not None and not hasattr(driver, "killed"):
        driver.killed = process.processId()
        os.kill(driver.killed, signal.SIGKILL)
    if not heard or not hasattr(heard[-1], "why"):
        return None
    left = [str(path) for path in application.library.catalogue.unfinished_roots()]
    return {"why": heard[-1].why, "left": left, "visible": application.window.isVisible()}
"""
    said, _ = drive(home, look, many)
    assert "stopped unexpectedly" in str(said["why"])
    assert said["left"] == [str(many)]
    assert said["visible"]
    said, _ = drive(home, COMPLETE)
    assert said["images"] == FILES
