"""What all tests share: Hypothesis without a deadline, which a busy machine would miss."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("scalefit", deadline=None)
settings.load_profile("scalefit")
