"""Files are written whole or not at all."""

import os
import stat
from pathlib import Path

import pytest

from xent.core.errors import DataError
from xent.io import writing
from xent.io.escaping import printable
from xent.io.writing import write_files


def test_new_files_have_the_permissions_of_ordinary_ones(folder):
    before = os.umask(0o027)
    try:
        write_files({folder / "a": b"1", folder / "b": b"2"})
    finally:
        os.umask(before)
    assert (folder / "a").read_bytes() + (folder / "b").read_bytes() == b"12"
    assert stat.S_IMODE((folder / "a").stat().st_mode) == 0o640


def test_a_replaced_file_keeps_its_permissions_and_a_link_its_target(folder):
    target, link = folder / "target", folder / "link"
    target.write_bytes(b"old")
    target.chmod(0o600)
    link.symlink_to(target)
    write_files({link: b"new"})
    assert link.is_symlink()
    assert target.read_bytes() == b"new"
    assert stat.S_IMODE(target.stat().st_mode) == 0o600


@pytest.mark.parametrize("step", ["fsync", "write"])
@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_failure_leaves_what_was_there(folder, monkeypatch, step, error):
    (folder / "a").write_bytes(b"old")
    calls = []

    def fail(*args):
        calls.append(args)
        if len(calls) == 2:
            raise error

    if step == "fsync":
        monkeypatch.setattr(writing.os, "fsync", fail)
    else:
        real = writing._write
        monkeypatch.setattr(writing, "_write", lambda *args: (real(*args), fail())[0])
    with pytest.raises(DataError if isinstance(error, OSError) else KeyboardInterrupt):
        write_files({folder / "a": b"new", folder / "b": b"new"})
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {"a": b"old"}


def test_the_error_names_the_file(folder):
    with pytest.raises(DataError, match=r"cannot write '.*no/x': No such file or directory"):
        write_files({folder / "no" / "x": b""})


def test_what_is_no_file_is_written_as_it_is(folder):
    write_files({Path(os.devnull): b"gone"})
    assert stat.S_ISCHR(Path(os.devnull).stat().st_mode)


def test_a_long_name(folder):
    name = "n" * 250 + ".json"
    write_files({folder / name: b"1"})
    assert [path.name for path in folder.iterdir()] == [name]


@pytest.mark.parametrize(
    ("text", "shown"),
    [("plain é 名", "plain é 名"), ("\x1b[0m", "\\x1b[0m"), ("a\r\nb", "a\\r\\nb"), ("\u202e", "\\u202e"), ("\udce9", "\\udce9")],
)
def test_printable(text, shown):
    assert printable(text) == shown


def test_a_pipe(folder):
    reader, writer = os.pipe()
    write_files({Path(f"/dev/fd/{writer}"): b"through"})
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        assert pipe.read() == b"through"
