"""What the wheel holds besides the package: man pages and the completions of shells, written from the commands themselves."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class CustomBuildHook(BuildHookInterface):
    """Writes them into a temporary folder and tells hatchling where they belong, below the root of the environment."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        sys.path.insert(0, self.root)
        try:
            from manual.completions import completions
            from manual.man_pages import man_pages
        finally:
            sys.path.remove(self.root)
        self.folder = tempfile.TemporaryDirectory(prefix="xent-build-")
        files = {f"share/man/man1/{name}": text for name, text in man_pages().items()} | dict(completions())
        for number, (target, text) in enumerate(files.items()):
            made = Path(self.folder.name) / str(number)
            made.write_text(text, encoding="utf-8", newline="\n")
            build_data["shared_data"][str(made)] = target

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        self.folder.cleanup()
