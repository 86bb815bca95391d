"""The command line: one line and exit code 2 for every mistake, and no half-written files."""

from __future__ import annotations

import errno
import os
import signal
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import soundfile
from cli_runner import bad, good, run, write_images

import specsched as ss
from specsched import cli, plot
from specsched._support.notices import Notice
from specsched.cli.shell import errors


def test_bad_options(data: Path) -> None:
    assert "'--steps'" in bad("design", data)
    assert "'--steps'" in bad("design", data, "--steps", "many")
    assert "--bogus" in bad("design", data, "--steps", 3, "--bogus", 1)
    assert "desing" in bad("desing")
    assert "DATA" in bad("design", "--steps", 3)
    assert "at least 1, got 0" in bad("design", data, "--steps", 0)
    assert "did you mean 'heun'" in bad("design", data, "--steps", 3, "--sampler", "hen")
    assert "option of eta" in bad("design", data, "--steps", 3, "--sampler", "ddim:etta=1")
    assert "eta" in bad("design", data, "--steps", 3, "--sampler", "ddim:eta=-1")
    assert "unknown process 'vq'" in bad("design", data, "--steps", 3, "--process", "vq")
    assert "unknown loss 'w3'" in bad("design", data, "--steps", 3, "--loss", "w3")
    assert "unknown method" in bad("design", data, "--steps", 3, "--method", "adam")
    assert "--combine" in bad("design", data, "--steps", 3, "--combine", "sum")
    assert "--threads" in bad("design", data, "--steps", 3, "--threads", -1)
    assert "--tol" in bad("design", data, "--steps", 3, "--tol", 0)
    assert "--max-iter" in bad("design", data, "--steps", 3, "--max-iter", 0)
    assert "--min-ratio" in bad("design", data, "--steps", 3, "--min-ratio", 0.5)
    assert "--denoiser-error" in bad("design", data, "--steps", 3, "--denoiser-error", -1)
    assert "--sigma-min must lie below" in bad(
        "design", data, "--steps", 3, "--sigma-max", 1, "--sigma-min", 2
    )
    assert "--sigma-floor must be finite" in bad("design", data, "--steps", 3, "--sigma-floor", "nan")
    assert "--steps must be integers" in bad("compare", data, "--steps", "4,x")
    assert "at least 1" in bad("compare", data, "--steps", "4,-2")
    assert "unknown baseline 'edn'" in bad("baselines", "--name", "edn")
    assert "add --steps" in bad("baselines", "--sigma-max", 10)
    assert "--native" in bad("baselines", "--steps", 3, "--native", "--sigma-max", 10)
    assert "size" in bad("demo", "--size", 1000)


def test_bad_data_options(data: Path, tmp_path: Path) -> None:
    assert "--size must be" in bad("spectrum", data, "--size", "big")
    assert "--value-range must be 2 numbers" in bad("spectrum", data, "--value-range", "0")
    assert "--scale" in bad("spectrum", data, "--scale", -1)
    assert "--floor" in bad("spectrum", data, "--floor", 0)
    assert "--drop" in bad("spectrum", data, "--drop", -1)
    assert "--size does not apply" in bad("spectrum", data, "--size", 8)
    assert "unknown estimator" in bad("spectrum", data, "--estimator", "welch")
    assert "drops every entry" in bad("spectrum", data, "--drop", 100)


def test_bad_data(tmp_path: Path) -> None:
    assert "'nothing'" in bad("design", "nothing", "--steps", 3)
    empty = tmp_path / "empty"
    empty.mkdir()
    assert "holds nothing known" in bad("design", empty, "--steps", 3)
    mixed = write_images(tmp_path / "mixed", [8, 9])
    assert "larger than image" in bad("spectrum", mixed, "--size", 64)
    broken = write_images(tmp_path / "broken", [8, 8])
    (broken / "1.png").write_bytes((broken / "1.png").read_bytes()[:60])
    assert "1.png" in bad("spectrum", broken)
    (broken / "1.png").write_text("no image")
    assert "cannot read image" in bad("spectrum", broken)
    wave = tmp_path / "a.wav"
    soundfile.write(wave, np.zeros(5000), 8000)
    wave.write_bytes(wave.read_bytes()[:3000])
    assert "a.wav" in bad("spectrum", wave)
    array = tmp_path / "a.npy"
    np.save(array, np.array([[1.0, np.nan], [0.0, 1.0], [2.0, 3.0]]))
    assert "nan" in bad("spectrum", array)
    np.save(array, np.array([1.0, -2.0]))
    assert "eigenvalues[1] is -2" in bad("design", array, "--steps", 3)
    np.save(array, np.ones((1, 5)))
    assert "sample" in bad("spectrum", array, "--content", "samples")
    array.write_bytes(b"\x93NUMPY")
    assert "cannot read array" in bad("spectrum", array)
    zeros = tmp_path / "zeros.json"
    ss.Spectrum([1.0, 0.0]).save(zeros)
    assert "--floor VALUE" in bad("design", zeros, "--steps", 3, "--loss", "kl")
    assert "designed" in good("design", zeros, "--steps", 3, "--loss", "kl", "--floor", 0.01, "--no-tuned")


def test_bad_schedules(data: Path, tmp_path: Path) -> None:
    def written(name: str, text: str) -> Path:
        (tmp_path / name).write_text(text)
        return tmp_path / name

    assert "neither a file nor a known heuristic: 'edn'" in bad("evaluate", data, "edn")
    assert "needs --steps" in bad("evaluate", data, "edm")
    assert "reverse it" in bad("evaluate", data, written("a.txt", "0 1 10"))
    assert "must hold numbers" in bad("evaluate", data, written("a.txt", "10 one 0"))
    assert "not valid JSON" in bad("evaluate", data, written("a.json", "{"))
    assert "not an array" in bad("evaluate", data, written("a.npy", "text"))
    assert ".json, .npy or .txt" in bad("evaluate", data, written("a.md", "10 0"))
    assert "leave them out" in bad("evaluate", data, written("a.txt", "10 0"), "--steps", 1)
    assert "denoiser-error" in bad("evaluate", data, tmp_path / "a.txt", "--denoiser-error", -0.1)


def test_output_paths_are_checked_before_the_work(data: Path, tmp_path: Path) -> None:
    # DATA does not exist: an error about the output shows that it was checked first.
    start = ["design", "nothing", "--steps", 3]
    assert "there is no directory" in bad(*start, "--out", tmp_path / "none" / "a.json")
    assert "there is no directory" in bad(*start, "--plot", tmp_path / "none" / "a.png")
    assert "must end in .json" in bad(*start, "--out", tmp_path / "a.txt")
    assert "its ending must be one of" in bad(*start, "--plot", tmp_path / "a.xyz")
    (tmp_path / "folder.json").mkdir()
    assert "is a directory" in bad(*start, "--out", tmp_path / "folder.json")
    same = tmp_path / "a.png"
    twice = ["evaluate", data, "edm", "--steps", 3, "--plot", same, "--trace", tmp_path / "." / "a.png"]
    assert "another option writes" in bad(*twice)
    assert "overwrite the input" in bad("spectrum", data, "--out", data)
    assert ".npz or .json" in bad("spectrum", data, "--out", tmp_path / "a.txt")
    assert "must end in .csv" in bad("compare", data, "--steps", 3, "--out", tmp_path / "a.txt")
    assert "there is no directory" in bad("demo", "--out-dir", tmp_path / "none")
    assert {path.name for path in tmp_path.iterdir()} == {"data.npz", "folder.json"}


def test_a_directory_that_cannot_be_written(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert "cannot write to the directory" in bad("spectrum", data, "--out", tmp_path / "a.npz")


@pytest.mark.parametrize("failure", [OSError(errno.ENOSPC, "No space left"), MemoryError("too large")])
def test_a_failed_write_leaves_nothing(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure: BaseException
) -> None:
    def broken(figure: object, path: Path, **options: object) -> None:
        path.write_bytes(b"half")
        raise failure

    out = tmp_path / "a.json"
    out.write_text("before")
    monkeypatch.setattr(plot, "save_figure", broken)
    line = bad("design", data, "--steps", 3, "--no-tuned", "--out", out, "--plot", tmp_path / "a.png")
    assert str(failure.args[-1]) in line
    assert out.read_text() == "before"
    assert {path.name for path in tmp_path.iterdir()} == {"data.npz", "a.json"}


def test_interrupted_while_writing(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(figure: object, path: Path, **options: object) -> None:
        path.write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(plot, "save_figure", interrupted)
    result = run("spectrum", data, "--out", tmp_path / "b.npz", "--plot", tmp_path / "b.png")
    assert result.exit_code == 130
    assert result.stderr == "interrupted\n"
    assert [path.name for path in tmp_path.iterdir()] == ["data.npz"]


def test_missing_extras(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    line = bad("design", "nothing", "--steps", 3, "--plot", tmp_path / "a.png")
    assert "pip install 'specsched[plot]'" in line
    folder = write_images(tmp_path / "images", [4, 4])
    monkeypatch.setitem(sys.modules, "PIL", None)
    assert "pip install 'specsched[data]'" in bad("spectrum", folder)
    monkeypatch.setitem(sys.modules, "sklearn", None)
    assert "pip install 'specsched[demo]'" in bad("spectrum", "digits")


def test_without_the_extra_the_program_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delitem(sys.modules, "specsched.cli.app")
    with monkeypatch.context() as absent:
        absent.setitem(sys.modules, "typer", None)
        with pytest.raises(SystemExit) as end:
            cli.main()
    assert end.value.code == 2
    assert "pip install 'specsched[cli]'" in capsys.readouterr().err
    # What is missing inside the package is a fault of the package, and keeps its traceback.
    monkeypatch.setitem(sys.modules, "specsched.cli.app", None)
    with pytest.raises(ImportError, match="specsched"):
        cli.main()


def test_the_callers_way_of_ctrl_c_comes_back() -> None:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with cli._ended_by_interrupts():
            assert signal.getsignal(signal.SIGINT) is not signal.default_int_handler
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        with cli._ended_by_interrupts():  # who ignores it goes on ignoring it
            assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_faults_of_the_program_keep_their_traceback(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise KeyError("a fault")

    monkeypatch.setattr("specsched.cli.commands.spectrum.read_spectrum", broken)
    assert isinstance(run("spectrum", data).exception, KeyError)


def test_warnings_of_other_libraries_stay_warnings(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seen: list[str] = []
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        monkeypatch.setattr(warnings, "showwarning", lambda message, *_, **__: seen.append(str(message)))
        errors._show_notices({"sigma_max": "--sigma-max"})
        warnings.warn("of another library", RuntimeWarning, stacklevel=1)
        warnings.warn("sigma_max was chosen", Notice, stacklevel=1)
    assert seen == ["of another library"]
    assert capsys.readouterr().err == "note: --sigma-max was chosen\n"


def test_errors_of_the_system_name_the_file(data: Path, tmp_path: Path) -> None:
    (tmp_path / "a.json").mkdir()
    assert bad("evaluate", data, tmp_path / "a.json").startswith("error: Is a directory: ")
    assert "a.json'" in bad("evaluate", data, tmp_path / "a.json")
