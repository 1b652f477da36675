"""Darkroom's consumer: takes jobs from the queue, draws, stores, settles."""

__version__ = "0.1.0"
