"""Properties are judged by their truth, not by the clock of a busy machine, and leave no files behind."""

from hypothesis import settings

settings.register_profile("releasd", deadline=None, database=None)
settings.load_profile("releasd")
