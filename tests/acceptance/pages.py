"""The tables of pages as frames of text."""

import pandas as pd
from bs4 import BeautifulSoup


def tables(run, glob="*/*.html"):
    """Return the tables of the pages of a run that match, first cells as the index.

    `.attrs["page"]` is the name of the page.
    """
    return [table for page in sorted(run.reports.glob(glob)) for table in _of(page)]


def _of(page):
    for table in BeautifulSoup(page.read_text(), "html.parser").find_all("table"):
        lines = [
            [" ".join(cell.get_text(" ").split()) for cell in row.find_all(["th", "td"])]
            for row in table.find_all("tr")
        ]
        heads, *rows = [line for line in lines if line]
        frame = pd.DataFrame([row for row in rows if len(row) == len(heads)], columns=heads)
        frame = frame.set_index(heads[0])
        frame.attrs["page"] = page.name
        yield frame
