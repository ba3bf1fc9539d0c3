"""Segments of a table: made, judged against a null model, numbered, and assigned to newcomers."""

from seglib.clustering.encoding import Encoder
from seglib.clustering.null_model import NullModel
from seglib.clustering.scoring import select as to_sql
from seglib.clustering.segmenter import SegmentModel, assign

__all__ = ["Encoder", "NullModel", "SegmentModel", "assign", "to_sql"]
