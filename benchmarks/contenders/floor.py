"""The floor: one thread decodes what the task needs of the files, and drops it. Nothing is computed.

Parquet: pyarrow, row group after row group. CSV: pyarrow's streaming reader, types given. NPY: memory maps, every value added up.
"""

import sys
from pathlib import Path

from tasks import CLASSES, sources

folder, task = Path(sys.argv[1]), sys.argv[2]
first = sources(folder)[0]

if first.suffix == ".npy":
    import numpy as np

    for path in sources(folder):
        values = np.load(path, mmap_mode="r")
        values.sum(dtype=np.float32 if values.dtype == np.float32 else None)

elif first.suffix == ".csv":
    import pyarrow as pa
    import pyarrow.csv

    types = {"label": pa.int64()} | dict.fromkeys(CLASSES, pa.float32())
    reading = pa.csv.ReadOptions(use_threads=False)
    for path in sources(folder):
        with pa.csv.open_csv(path, read_options=reading, convert_options=pa.csv.ConvertOptions(column_types=types)) as batches:
            for _ in batches:
                pass

else:
    import pyarrow.parquet as pq

    for path in sources(folder):
        with pq.ParquetFile(path) as file:
            for group in range(file.num_row_groups):
                file.read_row_group(group, use_threads=False)
