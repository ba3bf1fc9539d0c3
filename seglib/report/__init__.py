"""From executed notebooks to pages: exhibits, pages, cards and the summary."""
