"""NumPy, imported when it is first used.

The metric table stands beside the mathematics it describes, so `xent metrics` and `xent --help` import these modules for their names
and texts alone. They must not pay for NumPy, which costs more than the rest of such a command together. Every module of `core` says
`from xent.core.lazy import np`; nothing may touch an attribute of it while a module is being imported.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
else:

    class _LazyNumPy:
        def __getattr__(self, name):
            import numpy

            value = getattr(numpy, name)
            # Kept on the instance: the next look-up is an ordinary attribute access and never comes back here.
            setattr(self, name, value)
            return value

    np = _LazyNumPy()

__all__ = ["np"]
