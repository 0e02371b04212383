"""GitLab's code-quality report: an entry for each gate and slice that did not pass.

Source: GitLab's documentation of code quality, "Code Quality report format", a subset of the Code Climate specification.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from xent.io.escaping import printable
from xent.io.exporters.plain import json_text
from xent.io.gate_words import outcome_word, slice_text

if TYPE_CHECKING:
    from xent.core.result import Result


def to_gitlab(result: Result) -> str:
    """A JSON list, empty where every gate passed; the place of a fault is the first line of the first file that was read."""
    source = next(iter(result.data.sources), "")
    # GitLab wants paths from the root of the repository on.
    path = printable(source.replace("\\", "/").removeprefix("./"))
    entries = (_entry(gate, path) for gate in result.gates if gate["outcome"] != "pass")
    # A gate that was given twice is still one fault, and GitLab asks for fingerprints that are unique.
    return json_text(list({entry["fingerprint"]: entry for entry in entries}.values()), indent=2)


def _entry(gate: Mapping[str, Any], path: str) -> dict[str, Any]:
    where = "" if gate["slice"] is None else f" [{slice_text(gate)}]"
    # What tells one fault from another on both sides of a merge: never the value, which changes from run to run.
    identity = json.dumps([path, gate["gate"], gate["metric"], gate["slice"]])
    return {
        "description": printable(f"{gate['gate']}{where} {outcome_word(gate)}: {gate['reason']}"),
        "check_name": printable(gate["gate"]),
        "fingerprint": hashlib.blake2b(identity.encode("utf-8", "replace"), digest_size=16).hexdigest(),
        "severity": _severity(gate),
        "location": {"path": path, "lines": {"begin": 1}},
    }


def _severity(gate: Mapping[str, Any]) -> str:
    if gate["severity"] == "warn":
        return "info"
    return "minor" if gate["outcome"] == "inconclusive" else "critical"
