"""What is done to a probability before its logarithm is taken.

Libraries differ here, silently, and the numbers with them. `keras` renormalises the probabilities of a row and clips them to
[1e-7, 1 - 1e-7]; `exact` does neither, so a true class of probability 0 costs infinity; `sklearn` clips to the machine epsilon of the
type that the predictions are stored in (`sklearn.metrics.log_loss`); `torch` takes the logarithm as it is (`torch.nn.NLLLoss` of the
logarithm) but stops the binary one at -100 (`torch.nn.BCELoss`).
"""

from __future__ import annotations

from typing import NamedTuple

from xent.core.errors import UnknownNameError
from xent.core.lazy import np
from xent.core.precision import EPSILON


class Convention(NamedTuple):
    """One library's treatment of probabilities.

    `meaning` says in a sentence what it does in a cross-entropy. `clip` is the distance from 0 and 1 that probabilities are moved to;
    None leaves them alone and "dtype" stands for the machine epsilon of the stored predictions. `least_log` is the smallest logarithm
    that the binary cross-entropy uses.
    """

    name: str
    meaning: str
    renormalises: bool = False
    clip: float | str | None = None
    least_log: float | None = None

    def epsilon(self, stored: str) -> float | None:
        """The clip for predictions stored as the type of this name."""
        if self.clip == "dtype":
            return float(np.finfo(stored).eps)
        return self.clip  # type: ignore[return-value]  # The only text that `clip` takes is handled above.


CONVENTIONS = {
    convention.name: convention
    for convention in (
        Convention(
            "keras",
            "divides the probabilities of several classes by their sum, then clips to [1e-7, 1 - 1e-7] (keras.losses)",
            renormalises=True,
            clip=EPSILON,
        ),
        Convention("exact", "takes probabilities as they are: a true class of probability 0 costs infinity"),
        Convention(
            "sklearn",
            "clips to [eps, 1 - eps], the eps of the type that the predictions are stored in: 1.2e-7 for float32, 2.2e-16 for float64 "
            "(sklearn.metrics.log_loss)",
            clip="dtype",
        ),
        Convention(
            "torch",
            "takes probabilities as they are, but stops the logarithm of a single event at -100 (torch.nn.BCELoss, torch.nn.NLLLoss)",
            least_log=-100.0,
        ),
    )
}


def convention(name: str) -> Convention:
    """The convention of this name.

    Raises
    ------
    UnknownNameError
        There is no such convention.
    """
    if name not in CONVENTIONS:
        raise UnknownNameError("convention", name, CONVENTIONS)
    return CONVENTIONS[name]


_OTHER_MEANINGS = {
    "kl_divergence": {
        "keras": "clips labels and probabilities to [1e-7, 1] (keras.losses.kl_divergence)",
        "exact": "takes probabilities as they are: a class that the label allows and the prediction excludes costs infinity",
        "torch": "takes probabilities as they are (torch.nn.KLDivLoss of their logarithm)",
    },
    "poisson": {
        "keras": "adds 1e-7 to a rate before its logarithm is taken (keras.losses.poisson)",
        "exact": "takes rates as they are: a rate of 0 for a count above it costs infinity",
        "torch": "adds 1e-8 to a rate before its logarithm is taken (torch.nn.PoissonNLLLoss with log_input=False)",
    },
}
"""What conventions mean for metrics that are no cross-entropy."""


def meaning(convention_name: str, metric_name: str) -> str:
    """What a convention does in a metric, in a sentence without its subject.

    >>> meaning("torch", "poisson")
    'adds 1e-8 to a rate before its logarithm is taken (torch.nn.PoissonNLLLoss with log_input=False)'
    """
    return _OTHER_MEANINGS.get(metric_name, {}).get(convention_name) or convention(convention_name).meaning
