"""The documentation site: `nox -s docs`, or `python -m sphinx -W docs build/site` with the extra "docs".

Pages are Markdown that reads well without the site too. Links to files outside of this folder become downloads; three
files of the repository are pages of the site (`FROM_ELSEWHERE`).
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.utils.math import latex2mathml

import specsched

project = "specsched"
author = "The specsched developers"
copyright = author
version = release = specsched.__version__

extensions = ["myst_nb", "numpydoc", "sphinx.ext.autodoc", "sphinx_copybutton", "sphinx_design"]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = "specsched"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_theme_options = {"sidebar_hide_name": False}

myst_enable_extensions = ["dollarmath", "colon_fence", "deflist"]
myst_heading_anchors = 4
myst_update_mathjax = False
html_math_renderer = "mathml"  # browsers draw it without a script from elsewhere
nb_execution_mode = "off"  # outputs are committed; tests run the cells
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

autodoc_typehints = "none"  # numpydoc writes them
autodoc_member_order = "bysource"
numpydoc_show_class_members = False

DOCS = Path(__file__).parent
FROM_ELSEWHERE = {
    "contributing": DOCS.parent / "CONTRIBUTING.md",
    "changelog": DOCS.parent / "CHANGELOG.md",
    "networks": DOCS.parent / "evidence" / "README.md",
}
_PAGE_OF = {path: DOCS / f"{name}.md" for name, path in FROM_ELSEWHERE.items()}
_PAGE_OF[DOCS.parent / "README.md"] = DOCS / "index.md"


def _linked(text: str, written_in: Path, shown_in: Path) -> str:
    """The same text with links that lead on from the folder of another file, and to the site's own pages."""

    def target(match: re.Match[str]) -> str:
        path = (written_in / match[1]).resolve()
        return f"]({os.path.relpath(_PAGE_OF.get(path, path), shown_in)}{match[2] or ''})"

    return re.sub(r"\]\((?!\w+:|#)([^)#\s]+)(#[^)]*)?\)", target, text)


def _read(app: Any, name: str, source: list[str]) -> None:
    """Pages from elsewhere take the place of the stubs that lead to them."""
    path = Path(app.env.doc2path(name))
    if path.suffix == ".md":
        origin = FROM_ELSEWHERE.get(name, path)
        text = origin.read_text(encoding="utf-8") if name in FROM_ELSEWHERE else source[0]
        source[0] = _linked(text, origin.parent, path.parent)


def _formula(translator: Any, node: Any) -> None:
    block = isinstance(node, nodes.math_block)
    formula = latex2mathml.tex2mathml(node.astext(), as_block=block)
    translator.body.append(f'<div class="formula">{formula}</div>' if block else formula)
    raise nodes.SkipNode


def setup(app: Any) -> None:
    app.connect("source-read", _read)
    app.add_html_math_renderer("mathml", inline_renderers=(_formula, None), block_renderers=(_formula, None))
