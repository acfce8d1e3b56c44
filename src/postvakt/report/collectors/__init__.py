"""One file per collector: its own input, written from a Plan. A new one is a line here."""

from collections.abc import Callable, Mapping

from postvakt.model.collecting import Batch, Collector, Plan
from postvakt.report.collectors import acquire, kape, powershell, velociraptor

WRITERS: Mapping[Collector, Callable[[Plan, Batch], bytes]] = {
    "kape": kape.write,
    "velociraptor": velociraptor.write,
    "acquire": acquire.write,
    "powershell": powershell.write,
}
