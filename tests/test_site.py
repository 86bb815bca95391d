"""The pages of the site do what they say: their Python and their commands run in order, as a reader would run them.

A page or notebook has one folder and one namespace. In the folder lie the files that the pages name as the reader's
own; models are tiny ones with random weights, since nothing is downloaded.
"""

from __future__ import annotations

import json
import re
import shlex
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import specsched as ss

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
NOTEBOOKS = sorted((DOCS / "notebooks").glob("*.ipynb"))
TESTED_BY = {"docs/extending.md": ROOT / "tests" / "test_extending.py"}
"""Pages whose blocks are parts of files; a test of their own follows them."""

OF_A_PIPELINE = "(pipe.unet"
"""In the README's block on a network the pipeline is the reader's: tests/models/test_refine_example.py runs it."""

FENCED = re.compile(r"^```(python|sh)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
PAGES = {
    page.relative_to(ROOT).as_posix(): [
        block
        for block in FENCED.findall(page.read_text(encoding="utf-8"))
        if page.name != "README.md" or OF_A_PIPELINE not in block[1]
    ]
    for page in [*ROOT.glob("*.md"), ROOT / "evidence" / "README.md", *sorted(DOCS.rglob("*.md"))]
}
NOT_OURS = ("pip", "python", "nox", "git", "pytest", "pre-commit", "cp", "build/", "cmake", ".ci/")
"""First words of commands that other tests, sessions or the reader run."""

pytestmark = [
    # Of diffusers and transformers, which use what NumPy and torch have deprecated.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]


@pytest.fixture(scope="session")
def reader_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What readers have of their own: a folder of photographs, an array of latents."""
    from PIL import Image

    from specsched.sources import demo_photographs

    folder = tmp_path_factory.mktemp("reader")
    (folder / "photos").mkdir()
    for k, patch in enumerate(demo_photographs(256, stride=64)[:12]):
        pixels = np.rint((patch + 1.0) * 127.5).astype(np.uint8)
        Image.fromarray(pixels).resize((512, 512)).save(folder / "photos" / f"{k:02}.png")
    white = np.random.default_rng(0).normal(size=(48, 4, 16, 16))
    smooth = white + np.roll(white, 1, -1) + np.roll(white, 1, -2)
    ss.baselines.edm(10, sigma_max=14.6, sigma_min=0.0, sigma_floor=0.03).save(folder / "schedule.json")
    np.save(folder / "latents.npy", smooth / smooth.std())
    try:
        from safetensors.numpy import save_file
    except ImportError:  # pages that name the file are left out then
        return folder
    save_file({"latents": (smooth / smooth.std()).astype(np.float32)}, folder / "latents.safetensors")
    return folder


def _need(code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Skip without the packages that the code imports; downloads become tiny pipelines."""
    needed = set(re.findall(r"^\s*(?:import|from) (torch|diffusers|safetensors)\b", code, re.MULTILINE))
    needed |= {"torch"} if "to_k_diffusion" in code else set()
    needed |= {"torch", "diffusers", "safetensors"} if "from evidence" in code else set()
    needed |= {"safetensors"} if "latents.safetensors" in code else set()
    for module in sorted(needed):
        pytest.importorskip(module, reason="needs the extra 'frameworks'")
    if "from_pretrained" in code:
        import tiny_pipelines

        tiny_pipelines.replace_downloads(monkeypatch)
    if "torch" in needed:
        import torch

        monkeypatch.setattr(torch, "set_num_threads", lambda _: None)  # of this process, other tests' too


def _commands(text: str) -> list[list[str]]:
    """Commands of specsched in a block; whatever else stands there must be known not to be ours."""
    found = []
    for line in text.replace("\\\n", " ").splitlines():
        for command in re.split(r"\s&&\s", line.partition("  #")[0]):
            words = shlex.split(command)
            if not words or words[0].startswith((*NOT_OURS, "#", ".")):
                continue
            assert words[0] == "specsched", f"neither a command of ours nor known not to be: {command}"
            found.append(words[1:])
    return found


def _run_command(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    from specsched.cli import main

    monkeypatch.setattr(sys, "argv", ["specsched", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code, words


@pytest.mark.parametrize("name", [name for name in PAGES if PAGES[name] and name not in TESTED_BY])
def test_pages_run(name: str, tmp_path: Path, reader_files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _need("".join(text for _, text in PAGES[name]), monkeypatch)
    monkeypatch.syspath_prepend(str(ROOT))  # for the package "evidence"
    monkeypatch.chdir(tmp_path)
    shutil.copytree(reader_files, tmp_path, dirs_exist_ok=True)
    names: dict[str, Any] = {"__name__": "__main__"}
    for number, (kind, text) in enumerate(PAGES[name]):
        if kind == "python":
            exec(compile(text, f"{name}, block {number}", "exec"), names)
            if file := re.match(r"# (\w+\.py)\n", text):
                Path(file[1]).write_text(text, encoding="utf-8")
        else:
            for words in _commands(text):
                if words != ["demo"] or name == "README.md":  # once is enough
                    _run_command(words, monkeypatch)


def test_other_pages_have_a_test_of_their_own() -> None:
    for name, test in TESTED_BY.items():
        assert name in test.read_text(encoding="utf-8")


def _cells(path: Path) -> list[dict[str, Any]]:
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return [cell for cell in cells if cell["cell_type"] == "code"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_run(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocks = ["".join(cell["source"]) for cell in _cells(path)]
    _need("\n".join(blocks), monkeypatch)
    monkeypatch.chdir(path.parent)
    monkeypatch.setattr(sys, "path", list(sys.path))  # a notebook adds the root of the repository
    names: dict[str, Any] = {"__name__": "__main__"}
    for number, block in enumerate(blocks):
        lines = [line for line in block.splitlines() if not line.startswith("%")]
        exec(compile("\n".join(lines), f"{path.name}, cell {number}", "exec"), names)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_keep_what_they_computed(path: Path) -> None:
    """Run from top to bottom, without an error, without paths of the machine that ran them; small."""
    cells = _cells(path)
    assert [cell["execution_count"] for cell in cells] == [*range(1, len(cells) + 1)]
    outputs = [output for cell in cells for output in cell["outputs"]]
    assert not [output for output in outputs if output["output_type"] == "error"]
    assert any("image/png" in output.get("data", {}) for output in outputs)
    text = "".join("".join(output.get("text", "")) for output in outputs)
    assert not re.search(r"[\s'\"](/home|/root|/tmp|/usr|/opt)/", text)
    assert path.stat().st_size < 400_000


def _described() -> set[str]:
    """Public names that the API pages describe, by themselves or as parts of a module."""
    pages = "\n".join(page.read_text(encoding="utf-8") for page in (DOCS / "api").glob("*.rst"))
    found = set(re.findall(r"^\.\. auto(?:class|function):: specsched\.(\w+)$", pages, re.MULTILINE))
    return found | set(re.findall(r"^\.\. automodule:: specsched\.(\w+)$", pages, re.MULTILINE))


def test_api_pages_name_every_public_name() -> None:
    # The classes of samplers stand with their module.
    public = {name for name in ss.__all__ if not hasattr(ss.samplers, name)}
    assert public - _described() == set()
    assert {name for name in _described() if not hasattr(ss, name)} <= {"plot", "sources", "testing"}
