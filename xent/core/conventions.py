"""What is done to a probability before its logarithm is taken.

Libraries differ here, silently, and the numbers with them. `keras` renormalises the probabilities of a row and clips them to
[1e-7, 1 - 1e-7]; `exact` does neither, so a true class of probability 0 costs infinity; `sklearn` clips to the machine epsilon of the
type that the predictions are stored in (`sklearn.metrics.log_loss`); `torch` takes the logarithm as it is (`torch.nn.NLLLoss` of the
logarithm) but stops the binary one at -100 (`torch.nn.BCELoss`).
"""

from __future__ import annotations

from dataclasses import dataclass

from xent.core.errors import UnknownNameError
from xent.core.lazy import np
from xent.core.precision import EPSILON


@dataclass(frozen=True, slots=True)
class Convention:
    """One library's treatment of probabilities.

    `clip` is the distance from 0 and 1 that probabilities are moved to; None leaves them alone and "dtype" stands for the machine
    epsilon of the stored predictions. `least_log` is the smallest logarithm that the binary cross-entropy uses.
    """

    name: str
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
        Convention("keras", renormalises=True, clip=EPSILON),
        Convention("exact"),
        Convention("sklearn", clip="dtype"),
        Convention("torch", least_log=-100.0),
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
