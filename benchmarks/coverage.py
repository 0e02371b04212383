"""How often the intervals of 95 % hold the true value: draws data sets of a known population, many times, and writes a table.

    python benchmarks/coverage.py --output docs/coverage-results.md

Every data set goes through a `Tally`, as the rows of a file do. It has random numbers of its own seed, so the table does not depend on
how many processes make it.

The populations: a binary model whose logits are 1.75 times too large, which makes its probabilities overconfident, with weights that
depend on the logit; one of four classes; and a regression whose errors grow with the prediction. In clustered data the rows of a cluster
share a third of the variance of the predictions, of the labels given the predictions, and of the weights, by way of normal variables,
which leave unchanged what one row by itself is distributed like. So the true value is the same for clusters as for independent rows:
that of 10,000,000 rows.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from scipy.special import logit, ndtr

from xent.core.batch import Batch
from xent.core.specs import parse_spec
from xent.core.tally import Confidence, Tally

LEVEL = 0.95
GOAL = (0.935, 0.965)
TRUE_ROWS, TRUE_BLOCK = 10_000_000, 500_000
TEMPERATURE = 1.75
SHARED = 1 / 3
"""The share of the variance of each normal variable that the rows of a cluster have in common."""


@dataclass(frozen=True)
class Design:
    """The size of a data set, and how many of its rows make a cluster; 1 where rows are independent."""

    rows: int
    cluster: int = 1

    def __str__(self) -> str:
        return f"{self.rows:,} rows" if self.cluster == 1 else f"{self.rows // self.cluster:,} clusters of {self.cluster}"

    def normal(self, rng: np.random.Generator) -> np.ndarray:
        """A standard normal variable for every row, correlated within clusters."""
        own = rng.standard_normal(self.rows)
        if self.cluster == 1:
            return own
        shared = np.repeat(rng.standard_normal(self.rows // self.cluster), self.cluster)
        return math.sqrt(SHARED) * shared + math.sqrt(1 - SHARED) * own

    def clusters(self) -> np.ndarray | None:
        return None if self.cluster == 1 else np.arange(self.rows) // self.cluster


def overconfident(design: Design, rng: np.random.Generator) -> Batch:
    """Events, and their probabilities by a model whose logits are too large."""
    logits = 2.0 * design.normal(rng) - 0.5
    happened = logits / TEMPERATURE + logit(ndtr(design.normal(rng))) > 0.0
    return Batch(happened.astype(np.int64), 1.0 / (1.0 + np.exp(-logits)), clusters=design.clusters())


def weighted(design: Design, rng: np.random.Generator) -> Batch:
    """The same with weights, a log-normal variable that is larger where events are rare."""
    batch = overconfident(design, rng)
    batch.sample_weight = np.exp(0.5 * design.normal(rng) + 0.5 * (batch.y_pred < 0.3))
    return batch


def four_classes(design: Design, rng: np.random.Generator) -> Batch:
    """Classes, and their probabilities by a model whose logits are too large."""
    logits = 1.5 * np.stack([design.normal(rng) for _ in range(4)], axis=1)
    # The class of the largest sum of a logit and a Gumbel variable has the probabilities of a softmax.
    chance = -np.log(-np.log(np.stack([ndtr(design.normal(rng)) for _ in range(4)], axis=1)))
    scores = np.exp(logits)
    return Batch((logits / TEMPERATURE + chance).argmax(axis=1), scores / scores.sum(axis=1, keepdims=True), clusters=design.clusters())


def regression(design: Design, rng: np.random.Generator) -> Batch:
    """Labels whose distance from the prediction is the larger the larger the prediction."""
    y_pred = 10.0 + 3.0 * design.normal(rng)
    return Batch(y_pred + (0.2 + 0.1 * np.abs(y_pred)) * design.normal(rng), y_pred, clusters=design.clusters())


POPULATIONS = {
    "a binary model": (
        overconfident,
        (
            "binary_crossentropy",
            "binary_accuracy",
            "brier_score",
            "roc_auc",
            "auc",
            "average_precision",
            "precision",
            "f1_score:average=macro,threshold=0.5",
            "matthews_correlation",
            "expected_calibration_error",
        ),
    ),
    "a binary model, with weights": (
        weighted,
        (
            "binary_crossentropy",
            "binary_accuracy",
            "roc_auc",
            "auc",
            "average_precision",
            "f1_score:average=macro,threshold=0.5",
            "matthews_correlation",
            "expected_calibration_error",
        ),
    ),
    "bins of a binary model": (overconfident, ("expected_calibration_error:binning=mass", "expected_calibration_error:norm=l2")),
    "bins of four classes": (four_classes, ("classwise_calibration_error", "classwise_calibration_error:binning=mass")),
    # Every fold is smoothed anew, which takes a second for each interval.
    "a smoothed binary model": (overconfident, ("smooth_calibration_error",)),
    "a regression": (regression, ("mean_absolute_error", "root_mean_squared_error", "r2_score", "median_absolute_error")),
}
DESIGNS = (Design(1_000), Design(10_000), Design(1_000, 5), Design(10_000, 10))


def tally_of(population: str, confidence: Confidence | None) -> Tally:
    return Tally([parse_spec(metric).build() for metric in POPULATIONS[population][1]], confidence=confidence)


def true_values(population: str) -> list[float]:
    """The values of many rows, in the order of the metrics."""
    draw, _ = POPULATIONS[population]
    tally = tally_of(population, None)
    for number in range(TRUE_ROWS // TRUE_BLOCK):
        tally.update(draw(Design(TRUE_BLOCK), np.random.default_rng([number, 1])))
    return [result.value for result in tally.results()]


def ends(population: str, design: Design, seed: int) -> list[tuple[float, float]]:
    """The intervals of one data set."""
    tally = tally_of(population, Confidence(LEVEL, clustered=design.cluster > 1))
    tally.update(POPULATIONS[population][0](design, np.random.default_rng([seed, 2])))
    return [(math.nan, math.nan) if result.ci is None else (result.ci.low, result.ci.high) for result in tally.results()]


@dataclass(frozen=True)
class Found:
    """How often the true value lay inside of the intervals of one metric, below and above them, and how wide they were."""

    inside: float
    below: float
    above: float
    width: float

    @classmethod
    def of(cls, intervals: np.ndarray, true: float) -> Found:
        low, high = intervals.T
        return cls(*(float(np.mean(one)) for one in ((low <= true) & (true <= high), true < low, true > high, high - low)))

    def __str__(self) -> str:
        return f"{100 * self.inside:.1f} %"


def measured(population: str, designs: Sequence[Design], replications: int, pool: ProcessPoolExecutor) -> dict[Design, list[Found]]:
    """What was found for each metric of a population."""
    true = true_values(population)
    found = {}
    for design in designs:
        drawn = np.array(list(pool.map(partial(ends, population, design), range(replications), chunksize=50)))
        found[design] = [Found.of(drawn[:, place], value) for place, value in enumerate(true)]
        report(population, design, found[design])
    return found


def markdown(results: Mapping[str, Mapping[Design, Sequence[Found]]], designs: Sequence[Design], replications: int) -> str:
    error = 100 * math.sqrt(LEVEL * (1 - LEVEL) / replications)
    lines = [
        "# Coverage of the intervals",
        "",
        f"How often intervals of {LEVEL:.0%} hold the true value, in {replications:,} data sets for each figure. Drawing so many leaves a",
        f"standard error of {error:.1f} points. The aim is {GOAL[0]:.1%} to {GOAL[1]:.1%} in every cell.",
        "",
        "Made by `python benchmarks/coverage.py --output docs/coverage-results.md`, which says what is drawn. True values are those of",
        f"{TRUE_ROWS:,} rows. [Confidence intervals](intervals.md) tells how the intervals are made.",
    ]
    for population, found in results.items():
        lines += ["", f"## Of {population}", "", f"| metric | {' | '.join(map(str, designs))} |", "|:--|" + "--:|" * len(designs)]
        for place, metric in enumerate(POPULATIONS[population][1]):
            lines.append(f"| `{metric}` | {' | '.join(str(found[design][place]) for design in designs)} |")
    return "\n".join(lines) + "\n"


def report(population: str, design: Design, found: Sequence[Found]) -> None:
    """Prints what misses the goal, and on which side."""
    print(f"{population}, {design}", flush=True)
    for metric, one in zip(POPULATIONS[population][1], found, strict=True):
        if not GOAL[0] <= one.inside <= GOAL[1]:
            print(f"    {metric}: {one}; {one.below:.1%} of the true values below, {one.above:.1%} above", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--replications", type=int, default=2_000)
    parser.add_argument("--only", default="", help="the populations whose names hold this; their tables alone are written")
    parser.add_argument(
        "--design", default="", help="the designs whose names hold this, such as '1,000 rows'; their columns alone are written"
    )
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--output", type=Path, help="Markdown; printed where no file is named")
    options = parser.parse_args()
    with ProcessPoolExecutor(options.processes) as pool:
        wanted = [population for population in POPULATIONS if options.only in population]
        designs = [design for design in DESIGNS if options.design in str(design)]
        results = {population: measured(population, designs, options.replications, pool) for population in wanted}
    text = markdown(results, designs, options.replications)
    if options.output is None:
        print(text)
    else:
        options.output.write_text(text)


if __name__ == "__main__":
    main()
