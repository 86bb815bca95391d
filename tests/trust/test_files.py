"""Saved files: whole or absent whoever else saves, links and modes kept, and errors that name what the user named."""

from __future__ import annotations

import os
import re
import stat
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import specsched as ss
from specsched.cli.files import Outputs

SCHEDULE = ss.Schedule([10.0, 1.0, 0.0])
SPECTRUM = ss.Spectrum([4.0, 1.0])

posix = pytest.mark.skipif(os.name != "posix", reason="links, modes and devices as POSIX has them")


def save_picture(path: Path) -> None:
    from specsched.plot import plot_spectrum, save_figure

    save_figure(plot_spectrum([4.0, 1.0]), path)


def save_by_command(path: Path) -> None:
    outputs = Outputs()
    outputs.check("--out", path)
    outputs.add(path, SCHEDULE.save)
    outputs.write()


SAVES: list[tuple[str, Callable[[Any], object]]] = [
    ("a.json", SCHEDULE.save),
    ("a.json", SPECTRUM.save),
    ("a.npz", SPECTRUM.save),
    ("a.png", save_picture),
    ("a.json", save_by_command),
]
every_save = pytest.mark.parametrize(("name", "save"), SAVES)


def test_threads_that_save_to_one_path(tmp_path: Path) -> None:
    """Every reader finds one of the two files, whole, and no saver fails because of the other."""
    path = tmp_path / "a.json"
    rivals = [ss.Schedule(np.linspace(high, 0.0, 2000)) for high in (10.0, 20.0)]
    problems: list[BaseException] = []

    def work(schedule: ss.Schedule) -> None:
        try:
            for _ in range(25):
                schedule.save(path)
                if ss.Schedule.load(path) not in rivals:
                    raise AssertionError("half a file")
        except BaseException as error:
            problems.append(error)

    switch = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        threads = [threading.Thread(target=work, args=(schedule,)) for schedule in rivals * 2]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(switch)
    assert not problems
    assert [file.name for file in tmp_path.iterdir()] == ["a.json"]


@posix
@every_save
def test_a_link_stays_a_link(tmp_path: Path, name: str, save: Callable[[Any], object]) -> None:
    (tmp_path / "far").mkdir()
    target, link = tmp_path / "far" / "target", tmp_path / name
    target.write_text("old")
    link.symlink_to(target)
    save(link)
    assert link.is_symlink()
    assert target.read_bytes() not in (b"", b"old")
    assert sorted(file.name for file in tmp_path.rglob("*")) == sorted(["far", "target", name])


@posix
@every_save
@pytest.mark.parametrize("mode", [0o600, 0o664])
def test_the_mode_is_kept(tmp_path: Path, name: str, save: Callable[[Any], object], mode: int) -> None:
    path = tmp_path / name
    path.touch()
    path.chmod(mode)
    save(path)
    assert path.stat().st_size > 0
    assert stat.S_IMODE(path.stat().st_mode) == mode


@posix
def test_a_new_file_has_the_mode_of_new_files(tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    SCHEDULE.save(tmp_path / "a.json")
    assert (tmp_path / "a.json").stat().st_mode == (tmp_path / "plain").stat().st_mode


@every_save
def test_a_file_that_may_not_be_written(
    name: str, save: Callable[[Any], object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder that may be written would let its content be replaced all the same."""
    path = tmp_path / name
    path.write_text("before")
    monkeypatch.setattr(os, "access", lambda other, mode: not str(other).endswith(name))
    with pytest.raises(OSError, match=re.escape(name)):
        save(path)
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


@posix
def test_a_pipe_and_a_device_are_written_to(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    got: list[str] = []
    reader = threading.Thread(target=lambda: got.append(pipe.read_text()))
    reader.start()
    SCHEDULE.save(pipe)
    reader.join()
    assert '"sigmas"' in got[0]
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    SCHEDULE.save("/dev/null")
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)


@every_save
def test_the_longest_name_that_the_system_admits(
    tmp_path: Path, name: str, save: Callable[[Any], object]
) -> None:
    path = tmp_path / ("n" * (255 - len(Path(name).suffix)) + Path(name).suffix)
    save(path)
    assert path.stat().st_size > 0


@every_save
def test_what_cannot_be_written_names_the_path(
    tmp_path: Path, name: str, save: Callable[[Any], object]
) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        save(tmp_path / "nowhere" / name)
    assert "nowhere" in str(caught.value)
    assert ".part" not in str(caught.value)
    folder = tmp_path / name
    folder.mkdir()
    with pytest.raises(IsADirectoryError) as caught:
        save(folder)
    assert name in str(caught.value)


def test_a_failure_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.json"
    SCHEDULE.save(path)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device", "somewhere")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match=r"No space left.*a\.json"):
        ss.Schedule([5.0, 0.0]).save(path)
    assert ss.Schedule.load(path) == SCHEDULE
    assert [file.name for file in tmp_path.iterdir()] == ["a.json"]


@pytest.mark.parametrize(
    ("path", "error"), [(3, TypeError), (b"a.json", TypeError), ("a\0b.json", ValueError)]
)
@pytest.mark.parametrize("save", [SCHEDULE.save, SPECTRUM.save, ss.Schedule.load, ss.Spectrum.load])
def test_a_path_that_is_none(path: Any, error: type[Exception], save: Callable[[Any], object]) -> None:
    with pytest.raises(error, match=r"^path must be"):
        save(path)
