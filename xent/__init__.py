"""xent reads labels and predictions and says how good the predictions are.

    import xent

    xent.metrics.CategoricalCrossentropy()                      Keras's metrics
    xent.losses.categorical_crossentropy(y_true, y_pred)        Keras's losses
    xent.evaluate("preds.parquet", metrics=["mse", "mae"])      what the command line does
    xent.read("preds.parquet")                                  its rows, as batches
    xent.testing.assert_gate("preds.parquet", "mse <= 0.1")     what a test of a model says

Importing xent imports none of this; each name is loaded when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from xent import losses as losses
    from xent import metrics as metrics
    from xent import testing as testing
    from xent.io.evaluation import evaluate_files as evaluate
    from xent.io.evaluation import read_files as read

__version__ = "0.1.0"

__all__ = ["__version__", "evaluate", "losses", "metrics", "read", "testing"]

_HOMES = {"evaluate": ("xent.io.evaluation", "evaluate_files"), "read": ("xent.io.evaluation", "read_files")}


def __getattr__(name: str) -> Any:
    if name in ("losses", "metrics", "testing"):
        return importlib.import_module(f"xent.{name}")
    if name in _HOMES:
        module, function = _HOMES[name]
        return getattr(importlib.import_module(module), function)
    raise AttributeError(f"module 'xent' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
