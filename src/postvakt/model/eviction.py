"""What an intruder could have taken or left, and in what order to rotate, remove and rebuild it."""

from typing import Literal

import msgspec

EvictionKind = Literal[
    "account", "service-account", "machine-account", "key", "certificate", "machine-keys", "persistence", "tool",
    "rebuild", "disconnect",
]  # fmt: skip


class EvictionRow(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to rotate, remove or rebuild. `order` says after what it comes (1 first); `sure` whether the evidence
    shows it exposed or it was merely within reach; `findings` say why."""

    order: int
    kind: EvictionKind
    what: str
    do: str
    why: str
    sure: Literal["shown", "within-reach"]
    findings: tuple[str, ...] = ()
