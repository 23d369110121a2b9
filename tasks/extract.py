"""Extract: read the source into staging as the text it was, and quarantine what cannot be read."""
