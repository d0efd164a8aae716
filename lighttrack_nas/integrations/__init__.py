"""This tracker in other people's tools: an adapter each. A tool's package is imported when its adapter is called."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
