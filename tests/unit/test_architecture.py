"""The house stays as ARCHITECTURE.md draws it."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_that_rooms_import_downwards_only_and_every_module_has_a_room() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    answer = subprocess.run([linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stdout + answer.stderr
