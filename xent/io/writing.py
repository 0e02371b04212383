"""Files written whole or not at all."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

from xent.core.errors import DataError


def write_files(contents: Mapping[Path, bytes]) -> None:
    """Writes every file, or none of them.

    Each is written beside its place under another name and only then put there, so that no reader ever sees half of it and an
    interruption leaves what was there before. A symbolic link keeps pointing to its file; what is no regular file (a pipe, `/dev/null`)
    cannot be replaced and is written as it is.

    Raises
    ------
    DataError
        A file cannot be written.
    """
    staged: dict[Path, Path] = {}
    try:
        for path, content in contents.items():
            with _naming(path):
                if path.exists() and not path.is_file():
                    path.write_bytes(content)
                else:
                    target = Path(os.path.realpath(path))
                    # Known before the first byte is written, so that an interruption in between leaves nothing behind.
                    temporary = staged[target] = target.with_name(f".{target.name[:100]}.{secrets.token_hex(4)}.tmp")
                    _write(temporary, content, target)
        for target, temporary in staged.items():
            with _naming(target):
                temporary.replace(target)
                _sync_folder(target.parent)
    finally:
        for temporary in staged.values():
            temporary.unlink(missing_ok=True)


def _write(temporary: Path, content: bytes, target: Path) -> None:
    with temporary.open("xb") as file:
        if target.exists():
            temporary.chmod(stat.S_IMODE(target.stat().st_mode))
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    # The new name itself must survive a power cut. Some file systems, and Windows, cannot do this: there the file is still whole.
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


@contextlib.contextmanager
def _naming(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DataError(f"cannot write {str(path)!r}: {error.strerror or error}") from error
