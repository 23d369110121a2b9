"""Values that stand for one thing in several spellings, typing errors, and values that are not allowed."""
