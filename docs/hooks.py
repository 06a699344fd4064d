"""What mkdocs calls while it builds: generated parts of pages, and files of the project that are pages of the site."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from docs.generate import filled  # noqa: E402

# Page of the site -> file of the project.
BORROWED = {
    "assets/demo.gif": "examples/demo.gif",
    "assets/emotions_sheet.jpg": "examples/emotions_sheet.jpg",
    "model-card.md": "checkpoints/audio2motion/README.md",
    "changelog.md": "CHANGELOG.md",
    "contributing.md": "CONTRIBUTING.md",
}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the project's own files."""
    for page, source in BORROWED.items():
        files.append(File.generated(config, page, abs_src_path=str(ROOT / source)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Fill in what is made from the code; links of borrowed pages that lead out of the site become plain words."""
    if page.file.src_uri in BORROWED:
        markdown = re.sub(r"\[([^\]]+)\]\((?:docs/)?((?!https?:)[^)]+)\)", _inside, markdown)
    return filled(markdown)


def _inside(link: re.Match[str]) -> str:
    words, target = link.groups()
    here = (ROOT / "docs" / target.split("#")[0]).exists()
    return f"[{words}]({target})" if here else words
