"""Registry hives: replayed to the state that Windows would recover, every key and value, and what they tell."""

from postvakt.artifacts.registry.reader import READER

__all__ = ["READER"]
