"""Labelled synthetic servers in real file formats; only `estate`, `demo` and tests use them."""

from postvakt.estate.plans import ServerPlan, Truth, plan, truth
from postvakt.estate.servers import write

__all__ = ["ServerPlan", "Truth", "plan", "truth", "write"]
