"""Segments of a table: found, numbered, judged, and assignable as plain numbers or as SQL."""

from seglib.clustering.segmentation import Segmentation, assign, choose_method, judge, segment
from seglib.clustering.sql import select as to_sql
from seglib.clustering.verdict import labelled

__all__ = ["Segmentation", "assign", "choose_method", "judge", "labelled", "segment", "to_sql"]
