"""Gates as assertions, for tests of models: `from xent.testing import assert_gate`."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from xent.core.gates import Gate
    from xent.core.result import Result

__all__ = ["assert_gate"]


def assert_gate(
    source_or_result: Result | str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    gates: str | Gate | Sequence[str | Gate],
    *,
    baseline: Result | str | os.PathLike[str] | None = None,
    allow_different_data: bool = False,
    inconclusive: Literal["pass", "fail"] = "pass",
    **options: Any,
) -> Result:
    r"""Asserts that predictions meet their gates, as `xent eval --gate` does.

    Parameters
    ----------
    source_or_result : a file of predictions, several of them, or a result of `xent.evaluate`
    gates : conditions such as "accuracy >= 0.8" or "delta(mse[country=*]) <= 2%"
    baseline : an earlier result, or a file with one or with a state, which gates on changes compare with
    allow_different_data : whether the baseline may be of other data, or of metrics with other parameters
    inconclusive : whether a gate that the data do not decide passes or fails
    options : for files, how to evaluate them: `metrics`, `label`, `pred`, `by` and others of `xent.evaluate`

    Returns
    -------
    The result with its gates.

    Raises
    ------
    AssertionError
        A gate failed, or could not be measured; each is told with its slice, value and threshold. Those of severity "warn" never do.
    UsageError, DataError, NothingEvaluated
        There are no gates, or as `xent.evaluate` does.

    >>> import pathlib, tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> scores = pathlib.Path(folder.name, "scores.csv")
    >>> _ = scores.write_text("label,score\n1,0.75\n0,0.25\n1,0.5\n")
    >>> assert_gate(scores, "binary_accuracy >= 60%", metrics=["bce"]).verdict
    'pass'
    >>> assert_gate(scores, ["binary_accuracy >= 0.9", "rows == 3", "mse[country=*] <= 1"])
    Traceback (most recent call last):
        ...
    AssertionError: verdict: fail (1 passed, 1 failed, 1 not measured)
      binary_accuracy >= 0.9 failed: value 0.6666666666666666, threshold 0.9: 0.6666667 is not >= 0.9
      mse[country=*] <= 1 not measured: threshold 1: there is no slice country=*; --by country makes them
    >>> folder.cleanup()
    """
    __tracebackhide__ = True  # pytest then shows the line of the test, and not this one.
    from xent.core.errors import UsageError
    from xent.core.gates import as_gates
    from xent.core.result import Result
    from xent.io.gate_words import verdict_sentence

    conditions = as_gates(gates)
    if not conditions:
        raise UsageError("assert_gate has no gates, and nothing could ever fail")
    if isinstance(source_or_result, Result):
        if options:
            raise UsageError(f"a result is judged as it is, and {', '.join(options)} would change nothing")
        from xent.core.judging import judge
        from xent.io.saved import as_saved

        earlier = None if baseline is None else as_saved(baseline).result
        result = judge(source_or_result, conditions, earlier, allow_different_data=allow_different_data)
    else:
        from xent.io.evaluation import evaluate_files

        comparison: dict[str, Any] = {"baseline": baseline, "allow_different_data": allow_different_data}
        result = evaluate_files(source_or_result, gates=conditions, **comparison, **options)
    stops = {"fail", "inconclusive"} if inconclusive == "fail" else {"fail"}
    if result.verdict in stops:
        told = [gate for gate in result.gates if gate["outcome"] != "pass"]
        raise AssertionError("\n  ".join([verdict_sentence(result), *map(_sentence, told)]))
    return result


def _sentence(gate: Mapping[str, Any]) -> str:
    from xent.core.gates import number_text
    from xent.io.escaping import printable
    from xent.io.gate_words import outcome_word, slice_text

    where = "" if gate["slice"] is None else f" [{slice_text(gate)}]"
    value = "" if gate["value"] is None else f"value {gate['value']!r}, "
    return printable(f"{gate['gate']}{where} {outcome_word(gate)}: {value}threshold {number_text(gate['threshold'])}: {gate['reason']}")
