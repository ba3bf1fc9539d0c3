"""Notebooks 01 and 02: any source as a table, its columns by role, checked and counted."""
