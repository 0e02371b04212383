"""Puts the generated pages into the site while mkdocs builds it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Called by mkdocs when it has found the pages that are written by hand."""
    from mkdocs.structure.files import File

    # mkdocs loads this file by its path, from wherever it is called.
    sys.path.insert(0, str(Path(__file__).parents[1]))
    try:
        from manual.pages import commands_page, metrics_page
    finally:
        del sys.path[0]
    for name, text in (("reference/commands.md", commands_page()), ("reference/metrics.md", metrics_page())):
        files.append(File.generated(config, name, content=text))
    return files
