"""duckdb: one SQL query, all threads."""

from collections.abc import Iterable
from pathlib import Path

import duckdb
from tasks import CLASSES, EPSILON, THRESHOLDS, binary_values, run, sources


def evaluate(folder: Path, task: str) -> Iterable[float]:
    paths = [str(path) for path in sources(folder)]
    data = f"read_csv({paths})" if paths[0].endswith(".csv") else f"read_parquet({paths})"
    if task == "multiclass":
        return duckdb.sql(multiclass(data)).fetchall()[0]
    if task == "regression":
        return duckdb.sql(f"SELECT avg((y_true - y_pred) ** 2) FROM {data}").fetchall()[0]
    return binary(data, task)


def multiclass(data: str) -> str:
    if "probs" in duckdb.sql(f"SELECT * FROM {data}").columns:
        chosen, total = "probs[label + 1]::DOUBLE", "list_sum(probs)"
    else:
        chosen = f"(CASE label {' '.join(f'WHEN {k} THEN {name}' for k, name in enumerate(CLASSES))} END)::DOUBLE"
        total = "(" + " + ".join(f"{name}::DOUBLE" for name in CLASSES) + ")"
    return f"SELECT avg(-ln(greatest(least({chosen} / {total}, {1 - EPSILON!r}), {EPSILON!r}))) FROM {data}"


def binary(data: str, task: str) -> Iterable[float]:
    # One of the two logarithms is multiplied by 0: take the other alone.
    columns = f"""SELECT *, -ln(greatest(least(of_label, {1 - EPSILON!r}), {EPSILON!r})) AS bce FROM
        (SELECT label = 1 AS positive, label::DOUBLE AS y, score::DOUBLE AS p, weight::DOUBLE AS w, score > 0.5 AS predicted,
                CASE label WHEN 1 THEN score::DOUBLE ELSE 1 - score::DOUBLE END AS of_label, score FROM {data})"""
    sums = {"weight": "sum(w)", "bce": "sum(bce * w)"}
    if task == "binary":
        return binary_values(task, rows(f"SELECT {selected(sums)} FROM ({columns})")[0], (), ())
    sums |= {
        "brier": "sum((p - y) ** 2 * w)",
        "tp": "sum(CASE WHEN positive AND predicted THEN w ELSE 0 END)",
        "fp": "sum(CASE WHEN NOT positive AND predicted THEN w ELSE 0 END)",
        "fn": "sum(CASE WHEN positive AND NOT predicted THEN w ELSE 0 END)",
        "tn": "sum(CASE WHEN NOT positive AND NOT predicted THEN w ELSE 0 END)",
        "positives": "sum(y * w)",
        "negatives": "sum((1 - y) * w)",
    }
    if task == "binary-10":
        sums |= {"focal": "sum(bce * (1 - of_label) ** 2 * w)", "mae": "sum(abs(p - y) * w)"}
    cell = f"greatest(ceil(score * {THRESHOLDS - 1})::INTEGER - 1, 0)"
    cells = rows(f"SELECT {cell} AS cell, {selected(sums)} FROM ({columns}) GROUP BY cell ORDER BY cell")
    found = {name: sum(row[name] for row in cells) for name in sums}
    return binary_values(task, found, [row["positives"] for row in cells], [row["negatives"] for row in cells])


def selected(sums: dict[str, str]) -> str:
    return ", ".join(f"{expression} AS {name}" for name, expression in sums.items())


def rows(query: str) -> list[dict[str, float]]:
    found = duckdb.sql(query)
    return [dict(zip(found.columns, row, strict=True)) for row in found.fetchall()]


run(evaluate)
