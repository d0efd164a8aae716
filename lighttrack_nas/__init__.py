"""Neural architecture search for visual tracking: LightTrack's space on NNI and Optuna.

Importing this package is cheap: torch, NNI and Optuna are imported by what uses them. The public names stand in
``__init__.pyi``.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
__version__ = "0.6.0"
