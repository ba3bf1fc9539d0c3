"""Customer segmentation that says how far it can be trusted."""

from importlib import import_module
from importlib.metadata import version

__version__ = version("seglib")
__all__ = ["StudyError", "judge", "segment"]


def __getattr__(name: str):
    """Import the public names when they are first used: `import seglib` alone stays light."""
    if name in __all__:
        return getattr(import_module("seglib.api"), name)
    raise AttributeError(f"module 'seglib' has no attribute {name!r}")
