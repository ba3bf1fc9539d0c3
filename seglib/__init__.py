"""Customer segmentation that says how far it can be trusted."""

from importlib.metadata import version

__version__ = version("seglib")
