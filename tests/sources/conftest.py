"""Every kind of place that sources read from, as a fixture: what holds for one holds for all."""

from tests.sources.places import place  # noqa: F401  (a fixture)
