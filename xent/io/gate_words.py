"""What became of gates, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from xent.io.slice_words import slice_name

if TYPE_CHECKING:
    from xent.core.differences import Comparison
    from xent.core.result import Result

_WORDS = {"pass": "passed", "fail": "failed", "inconclusive": "inconclusive", "error": "not measured"}


def slice_text(gate: Mapping[str, Any]) -> str:
    """The slice that was judged.

    >>> slice_text({"slice": {"country": "de"}}), slice_text({"slice": None})
    ('country=de', 'all')
    """
    return "all" if gate["slice"] is None else slice_name(gate["slice"])


def outcome_word(gate: Mapping[str, Any]) -> str:
    """The outcome of a gate; of one that only warns, it is said that it does.

    >>> outcome_word({"outcome": "error", "severity": "warn"})
    'not measured (warning)'
    """
    return _WORDS[gate["outcome"]] + (" (warning)" if gate["severity"] == "warn" and gate["outcome"] != "pass" else "")


def verdict_sentence(result: Result | Comparison) -> str:
    """The verdict, and how many of the gates had which outcome."""
    counts = [(sum(gate["outcome"] == outcome for gate in result.gates), word) for outcome, word in _WORDS.items()]
    return f"verdict: {result.verdict} ({', '.join(f'{count} {word}' for count, word in counts if count)})"
