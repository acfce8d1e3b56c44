"""Stands in for MemProcFS, with the names and shapes of its Python interface; copied as `memprocfs.py` for a child.

What it does is told by the environment: MODE. The image is not looked at.
"""

import os
import signal
import sys
import time
from types import SimpleNamespace

MODE = os.environ.get("MODE", "")
OPT_CONFIG_VMM_VERSION_MAJOR, OPT_CONFIG_VMM_VERSION_MINOR, OPT_CONFIG_VMM_VERSION_REVISION = 5, 19, 0
BASE = 0xFFFF_A300_0000_0000
FILES = {
    "time-create.txt": b"2021-03-02 02:00:00 UTC\n",
    "win-environment.txt": b"COMPUTERNAME=EX01\nPATH=C:\\Windows\nno pair\n",
    "win-curdir.txt": b"C:\\Windows\\System32\\\n",
}
LOG = b"ElfFile\0" + bytes(range(256)) * 8192
LOGS = "/sys/eventlog/eventlog_repaired/"


class Fails:
    """Calls that fail as the engine's do."""

    def __getattr__(self, name: str):
        def call():
            raise RuntimeError(f"{name}: Failed.")

        return call


def process(pid: int, parent: int, name: str):
    memory = SimpleNamespace(virt2phys=lambda address: address & 0xFFFF_F000)
    handle = {
        "pid": pid, "handle": 0x44, "type": "File", "tag": "\\Windows\\Temp\\lsass.dmp", "access": 0x12019F,
        "va-object": BASE + 0x5000,
    }  # fmt: skip
    return SimpleNamespace(
        pid=pid,
        ppid=parent,
        name=name,
        fullname=name,
        pathuser=f"C:\\Windows\\System32\\{name}",
        pathkernel=f"\\Device\\HarddiskVolume2\\Windows\\System32\\{name}",
        cmdline="x" * 100_000 if MODE == "long" else f"{name} -ap",
        eprocess=BASE + pid * 0x1000,
        dtb=0x1AD000,
        is_wow64=False,
        state=0,
        memory=memory,
        maps=Fails() if MODE == "parts fail" else SimpleNamespace(handle=lambda: [handle]),
        module_list=lambda: [
            SimpleNamespace(
                name="evil.dll", fullname="C:\\Temp\\evil.dll", base=0x7FF0_0000, image_size=0x5000
            )
        ],
    )


CONNECTIONS = [
    {"pid": 8, "pooltag": int.from_bytes(b"TcpE", "little"), "state": 4, "va": BASE + 0x9000,
     "time": 132591312000000000, "src-ip": "192.0.2.1", "src-port": 50000, "dst-ip": "203.0.113.7", "dst-port": 443},
    {"pid": 8, "pooltag": int.from_bytes(b"UdpA", "little"), "state": 0, "va": 0, "time": 0,
     "src-ip": "0.0.0.0", "src-port": 53, "dst-ip": "***", "dst-port": 0},
]  # fmt: skip
SERVICE = {
    "pid": 8, "name": "MSExchangeIS", "name-display": "Information Store", "dwCurrentState": 4, "dwStartType": 2,
    "dwServiceType": 0x110, "user-acct": "LocalSystem", "path": "C:\\store.exe", "path-image": '"C:\\store.exe" -s',
}  # fmt: skip


class Unread:
    """A value whose name is there and whose data is not."""

    type = 4

    def __init__(self, name: str) -> None:
        self.name = name

    @property
    def value(self) -> bytes:
        raise RuntimeError("RegValue.value: Failed.")


def value(name: str, kind: int, data: bytes):
    return SimpleNamespace(name=name, type=kind, value=data)


RUN = "HKLM\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Run"
KEYS = {
    "HKLM\\SYSTEM\\Select": [value("Current", 4, (2).to_bytes(4, "little"))],
    "HKLM\\SYSTEM\\ControlSet002\\Services\\evil": [
        value("ImagePath", 2, "C:\\evil.exe\0".encode("utf-16-le")),
        value("Secret", 3, b"not asked for"),
    ],
    "HKLM\\SYSTEM\\ControlSet002\\Services": [],
    RUN: [value("(Default)", 7, "a\0b\0\0".encode("utf-16-le")), value("odd", 3, b"\xff" * 300)],
    "HKLM\\SECURITY\\Policy\\Secrets": [value("key", 3, b"never")],
}


if MODE == "keys fail":
    LOST = (RUN, "HKLM\\SYSTEM\\ControlSet002\\Services\\worse")
    KEYS[LOST[1]] = []
    KEYS["HKLM\\SYSTEM\\ControlSet002\\Services\\evil"] += [
        Unread("Start"),
        value("Type", 4, b"\x10\0\0\0"),
    ]
else:
    LOST = ()


def key(path: str):
    names = {name[len(path) + 1 :].partition("\\")[0] for name in KEYS if name.startswith(path + "\\")}
    if (path not in KEYS and not names) or path.count("\\") < 1 or path in LOST:
        raise RuntimeError("Vmm.reg_key(): Failed.")
    below = [SimpleNamespace(name=name) for name in sorted(names)]
    return SimpleNamespace(
        values=lambda: KEYS.get(path, []), subkeys=lambda: below, time_int=132591312000000000
    )


class Vfs:
    def list(self, path: str):
        if path == LOGS:
            return {"../Security.evtx": {"size": len(LOG)}, "_summary.txt": {"size": 9}}
        return dict.fromkeys(FILES)

    def read(self, path: str, size: int, offset: int = 0) -> bytes:
        if path.startswith(LOGS):
            return LOG[offset : offset + size]
        return FILES[path.rpartition("/")[2]]


class Vmm:
    def __init__(self, words: list[str]) -> None:
        print("the engine talks")
        assert "-disable-symbolserver" in words
        assert "-disable-yara" in words
        if MODE == "refuses":
            raise TypeError("Vmm.init(): Initialization of vmm failed.")
        if MODE == "hangs":
            time.sleep(60)
        if MODE == "eats":
            bytearray(1 << 31)
        if MODE == "no build":
            self.kernel = SimpleNamespace(build=0)
        else:
            self.kernel = SimpleNamespace(build=17763)
        self.vfs = Vfs()
        self.reg_key = key
        self.maps = SimpleNamespace(net=lambda: CONNECTIONS, service=lambda: {0: SERVICE})
        if MODE == "parts fail":
            self.maps = Fails()

    def get_config(self, option: int) -> int:
        return option

    def process_list(self):
        if MODE == "dies":
            os.kill(os.getpid(), signal.SIGSEGV)
        if MODE == "none":
            return []
        return [process(4, 0, "System"), process(8, 4, "w3wp.exe"), process(12, 8, "cmd.exe")]

    def reg_hive_list(self):
        if MODE == "dies late":
            sys.stdout.flush()
            os.kill(os.getpid(), signal.SIGSEGV)
        return [object()]
