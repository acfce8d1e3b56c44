"""Labelled synthetic servers in real file formats; only `estate`, `demo` and tests use them."""

from postvakt.estate.organisation import ServerTruth, organisation
from postvakt.estate.plans import ServerPlan, mitigated, plan, planted
from postvakt.estate.servers import write, write_traced
from postvakt.estate.truths import Truth, truth

__all__ = [
    "ServerPlan",
    "ServerTruth",
    "Truth",
    "mitigated",
    "organisation",
    "plan",
    "planted",
    "truth",
    "write",
    "write_traced",
]
