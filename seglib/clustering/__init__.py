"""Segments of a table: made, judged against a null model, numbered, and assigned to newcomers."""

from seglib.clustering.encoding import Encoder
from seglib.clustering.null_model import NullModel
from seglib.clustering.segmenter import SegmentModel, assign
from seglib.clustering.sql import select as to_sql

__all__ = ["Encoder", "NullModel", "SegmentModel", "assign", "to_sql"]
