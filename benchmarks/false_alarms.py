"""How often gates fire on noise, and how often they see a change: 2,000 simulated pairs of models, seeds fixed.

    python benchmarks/false_alarms.py            # writes docs/false-alarms.md
    python benchmarks/false_alarms.py --pairs 50 # a quick look, printed only

A pair of models that are equally good is judged by `delta(m) <= 0 decide=proven-bad`, which fails by chance alone. A pair whose candidate
is worse by a known D is judged by `delta(m) <= D`, which also fails by chance alone, and by `delta(m) <= D - x`, where x is the smallest
change that `xent power` says these rows show with 80 %.
"""

from __future__ import annotations

import argparse
import math
import os
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from xent.core.batch import Batch
from xent.core.folds import FOLDS
from xent.core.gate_intervals import PairedChange, slice_key
from xent.core.gates import Gate, Selector
from xent.core.groups import Groups
from xent.core.judging import judge
from xent.core.pair_tally import PairTally, change_of
from xent.core.power import Reach
from xent.core.result import DataReport, Interval, MetricResult, Result
from xent.core.table import row_of
from xent.core.tally import Confidence, Tally, signature

PAGE = Path(__file__).parents[1] / "docs" / "false-alarms.md"
METRICS = ("binary_crossentropy", "binary_accuracy", "roc_auc", "precision", "root_mean_squared_error")
LEVEL, POWER = 0.95, 0.8
SAMPLE, SAMPLES, PILOTS = 1_000_000, 10, 400
"""The true change is the mean of that in so many large samples; the standard error is that of so many pairs."""

SLICES = 20
DATA = DataReport(("simulated",), 0, 0, 0.0, None, {}, "0" * 32)


def pair(random, rows, more):
    """Events, and what two models say that err together; the candidate errs by `more` more."""
    truth = random.normal(0, 1.5, rows)
    y_true = (random.random(rows) < 1 / (1 + np.exp(-truth))).astype(float)
    shared = truth + random.normal(0, 0.8, rows)
    base, candidate = (1 / (1 + np.exp(-(shared + random.normal(0, noise, rows)))) for noise in (0.5, 0.5 + more))
    return y_true, base, candidate


def compared(random, rows, clustered, more=0.1):
    """The values and the change of each metric, of one pair."""
    y_true, base, candidate = pair(random, rows, more)
    batch = Batch(y_true, base, clusters=np.arange(rows))
    batch.partner = Batch(y_true, candidate)
    tally = PairTally([row_of(name).cls() for name in METRICS], confidence=Confidence(LEVEL, clustered=clustered))
    tally.update(batch)
    return {metric.row.name: (metric, *change_of(tally, tally, metric)) for metric in tally.metrics}


def result_of(metric, value, rows, slices=()):
    return Result("simulated", DATA, (MetricResult(metric.row.name, value, {}, rows, metric.row.direction, signature(metric)),), slices)


def fails(gate, metric, base, value, change, rows, method):
    """Whether a gate on a change fails."""
    if method == "unpaired":
        results = [result_of(metric, each, rows) for each in (base, value)]
        results = [
            one._replace(metrics=(replace(one.metrics[0], standard_error=error, ci=Interval(LEVEL, each, each, "t")),))
            for one, error, each in zip(results, change.errors, (base, value), strict=True)
        ]
        return judge(results[1], [gate], results[0]).verdict == "fail"
    known = PairedChange(Interval(LEVEL, change.low, change.high, change.method), change.standard_error, *change.errors)
    changes = {(None, signature(metric), slice_key(None)): known}
    return judge(result_of(metric, value, rows), [gate], result_of(metric, base, rows), changes=changes).verdict == "fail"


def gate_on(metric, difference):
    """The gate that a change which is worse by more than `difference` does not meet."""
    return Gate(
        metric=metric.row.name, of="delta", op="<=" if metric.row.direction == "lower" else ">=", threshold=difference, decide="proven-bad"
    )


def differences(seed):
    """The change of each metric in a large sample of the population."""
    return {name: change.difference for name, (*_, change) in compared(np.random.default_rng([0, seed]), SAMPLE, False).items()}


def squared_errors(rows, seed):
    """What `xent power` takes the squared standard error of each change to be, from one pair of so many rows."""
    found = compared(np.random.default_rng([3, rows, seed]), rows, False)
    return {name: change.standard_error**2 for name, (*_, change) in found.items()}


def means(samples):
    samples = list(samples)
    return {name: float(np.mean([sample[name] for sample in samples])) for name in METRICS}


def one_pair(rows, clustered, true, squares, seed):
    """Of each metric and way of deciding: whether the gates fail that are met with equal models and with D, and the one that is missed."""
    fired = {}
    equal = compared(np.random.default_rng([4, rows, seed]), rows, clustered, more=0.0)
    for name, (metric, *found) in compared(np.random.default_rng([1, rows, seed]), rows, clustered).items():
        change = found[-1]
        df = FOLDS - 1 if clustered or change.method == "jackknife" else math.inf if name == "roc_auc" else rows - 1
        smallest = Reach("paired", rows, math.sqrt(squares[name]), df).smallest_change(LEVEL, POWER)
        worse = 1.0 if metric.row.direction == "lower" else -1.0
        questions = [(0.0, equal[name][1:]), (true[name], found), (true[name] - worse * smallest, found)]
        for method in ["folds"] if clustered else [change.method, "unpaired"]:
            fired[name, method] = [fails(gate_on(metric, bound), metric, *pair, rows, method) for bound, pair in questions]
    return fired


def many_slices(rows, seed):
    """Whether a gate fails at any of several slices whose threshold is the true value, by Holm and each by itself."""
    random = np.random.default_rng([2, seed])
    count = SLICES * rows
    right = random.random(count) < 0.8
    metric = row_of("binary_accuracy").cls()
    tally = Tally([metric], groups=SLICES, confidence=Confidence(LEVEL))
    codes = np.repeat(np.arange(SLICES), rows)
    tally.update(Batch(np.ones(count), np.where(right, 0.9, 0.1), groups=Groups(codes, SLICES)))
    slices = tuple(replace(tally.results(group)[0], slice={"slice": str(group)}) for group in range(SLICES))
    found = result_of(metric, 0.8, count, slices)
    gate = Gate(metric="binary_accuracy", op=">=", threshold=0.8, slices=Selector(), decide="proven-bad")
    alone = any(one.ci is not None and one.ci.high < 0.8 for one in slices)
    return judge(found, [gate]).verdict == "fail", alone


def percent(share):
    return f"{100 * share:.1f} %"


def measure(pairs, sizes):
    """The lines of the table, and how often one of many slices fails, together and each by itself."""
    lines = [
        "| metric | rows | decided by | false alarms, equal models | false alarms, at D | power |",
        "| --- | ---: | --- | ---: | ---: | ---: |",
    ]
    with ProcessPoolExecutor(min(4, os.cpu_count() or 1)) as workers:
        true = means(workers.map(differences, range(SAMPLES)))
        for rows in sizes:
            table = {}
            squares = means(workers.map(partial(squared_errors, rows), range(PILOTS), chunksize=25))
            for clustered in (False, True):
                for fired in workers.map(partial(one_pair, rows, clustered, true, squares), range(pairs), chunksize=25):
                    for key, failed in fired.items():
                        table[key] = np.array(failed, dtype=int) + table.get(key, 0)
            for (name, method), counts in sorted(table.items(), key=lambda item: METRICS.index(item[0][0])):
                lines.append(f"| {name} | {rows:,} | {method} | {' | '.join(map(percent, counts / pairs))} |")
        together, alone = zip(*workers.map(partial(many_slices, 500), range(pairs), chunksize=25), strict=True)
    return lines, sum(together) / pairs, sum(alone) / pairs


TEXT = """# False alarms and power

A gate that fires on noise gets switched off. This page is measured by `benchmarks/false_alarms.py`, from fixed seeds: {pairs:,} pairs of
models are judged on each number of rows by gates with `decide=proven-bad` at 95 %.

- False alarms, equal models: both models are equally good, and `delta(m) <= 0` fails.
- False alarms, at D: the candidate is worse by a known D, and `delta(m) <= D` fails, which is met, if only just.
- Power: `delta(m) <= D - x` fails, as it should, with the smallest change x that [`xent power`](power.md) says these rows show with a
  probability of 80 %.

An interval of 95 % is to miss in at most 5 % of all cases, and a gate hears of half of them: those on the bad side. So 2.5 % of false
alarms are expected, and 5 % are the nominal rate; {pairs:,} pairs tell them within {noise:.1f} points (two standard errors).

{table}

"paired t", "mcnemar", "delong" and "jackknife" are how `xent compare` decides; "folds" is how `xent eval` does with a state as baseline
that was measured with the same `--cluster`, and "unpaired" how it does with any other baseline, which never cries wolf, but sees little of
what pairs see. `mcnemar` names the test that gives the p-value; the interval beside it, which decides, is that of the paired t test.

Where a gate names {slices} slices by a wildcard and each has exactly the value asked for, some slice fails in {together} of {pairs:,} runs,
since [Holm's correction](ci-gates.md#many-slices) holds for all of them together. Each judged by itself, it would be {alone}.
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pairs", type=int, default=2000)
    parser.add_argument("--rows", type=int, nargs="+", default=[1000, 4000])
    options = parser.parse_args()
    lines, together, alone = measure(options.pairs, options.rows)
    noise = 200 * math.sqrt(0.025 * 0.975 / options.pairs)
    text = TEXT.format(
        pairs=options.pairs,
        table="\n".join(lines),
        noise=noise,
        slices=SLICES,
        together=percent(together),
        alone=percent(alone),
    )
    print(text)
    if options.pairs >= 2000:
        PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
