"""Folders for rows under way: gone after their use, and gone soon after a process that was killed."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from contextlib import contextmanager

import pytest

from blocks.scratch import scratch

HOLD = """
import sys
from blocks.scratch import scratch
with scratch() as folder:
    (folder / "rows").write_text("Ann Lee")
    print(folder, flush=True)
    sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def temporary(tmp_path, monkeypatch):
    """The temporary folder, which is empty."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return tmp_path


@contextmanager
def held():
    """A process that holds a folder with rows."""
    command = [sys.executable, "-c", HOLD]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert "gonogo-scratch" in process.stdout.readline()
        yield process
        process.kill()


def test_nothing_is_left_after_its_use_or_an_error(temporary):
    with scratch() as folder:
        (folder / "rows").write_text("Ann Lee")
        assert folder.parent == temporary
        assert folder.stat().st_mode & 0o077 == 0  # nobody else may read it
    with pytest.raises(OSError, match="full"), scratch():
        raise OSError("full")
    assert list(temporary.iterdir()) == []


def test_the_rows_of_a_killed_process_go_with_the_next_use(temporary):
    with held() as process:
        process.kill()
        process.wait()
        assert [*temporary.rglob("rows")]
        with scratch():
            assert [*temporary.rglob("rows")] == []


def test_the_rows_of_another_process_and_of_ours_stay(temporary):
    with held(), scratch() as first, scratch() as second:
        assert {first, second} < {*temporary.iterdir()}
        assert [*temporary.rglob("rows")]


def test_a_file_or_a_link_of_that_name_is_let_alone(temporary):
    (temporary / "kept").mkdir()
    (temporary / "kept" / "rows").touch()
    (temporary / ".gonogo-scratch-file").touch()
    (temporary / ".gonogo-scratch-link").symlink_to(temporary / "kept")
    with scratch():
        assert (temporary / "kept" / "rows").exists()
    assert len([*temporary.iterdir()]) == 3


def test_a_folder_removed_before_it_was_held_is_made_again(temporary, monkeypatch):
    made = []

    def removed_at_once(**given):
        made.append(tempfile.mkdtemp(**given))
        if len(made) == 1:
            temporary.joinpath(made[0]).rmdir()
        return made[-1]

    monkeypatch.setattr("blocks.scratch.mkdtemp", removed_at_once)
    with scratch() as folder:
        assert folder.is_dir()
    assert len(made) == 2


def test_it_is_made_where_it_is_wanted(temporary):
    (temporary / "run").mkdir()
    with scratch(temporary / "run") as folder:
        assert folder.parent == temporary / "run"
