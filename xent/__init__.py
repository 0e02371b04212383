"""xent reads labels and predictions and says how good the predictions are."""

__version__ = "0.1.0"
