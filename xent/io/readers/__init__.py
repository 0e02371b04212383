"""The readers, one format a file, and the table that finds them."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from xent.core.errors import UnknownNameError

if TYPE_CHECKING:
    from xent.io.places import Place
    from xent.io.tables import Table

READERS = {
    "csv": "csv_reader:open_csv",
    "tsv": "csv_reader:open_tsv",
    "jsonl": "jsonl_reader:open_table",
    "parquet": "parquet_reader:open_table",
    "arrow": "arrow_reader:open_table",
    "npy": "npy_reader:open_npy",
    "npz": "npy_reader:open_npz",
}
"""Module and function by format; a reader is imported when a file of its format is opened."""


def open_place(place: Place) -> Table:
    """The table that a place holds."""
    if place.format not in READERS:
        raise UnknownNameError("input format", place.format, READERS)
    module, _, function = READERS[place.format].partition(":")
    table: Table = getattr(importlib.import_module(f"{__name__}.{module}"), function)(place)
    return table
