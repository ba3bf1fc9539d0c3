"""Opens a source on an engine: files of every kind, Excel sheets, databases."""

from seglib.sources.describe import describe
from seglib.sources.source import Source, Sources

__all__ = ["Source", "Sources", "describe"]
