"""How values are written: numbers with units, dates in several formats, odd patterns, spaces, damaged letters."""
