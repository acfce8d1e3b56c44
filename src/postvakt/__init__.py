"""Postvakt answers an emergency directive about Exchange servers from collected evidence."""

__version__ = "0.1.0"
