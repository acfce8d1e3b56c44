"""What a peer does with the same file: `python bench/peer_reads.py NAME PATH [RULES]`, run by the peers' own Python.

Each reads everything as its own documentation says and does nothing with it: of an event all that it says, of a
registry key its name and time, of a value its name, type and data. The last line says how much was read, and the CPU
seconds of the reading without the start. Nothing of Postvakt is imported here.
"""

import json
import sys
import time
from collections import Counter
from pathlib import Path


def evtx(path):
    from evtx import PyEvtxParser

    reader = PyEvtxParser(path).records_json()
    found = Counter()
    while True:
        try:
            next(reader)
            found["records"] += 1
        except StopIteration:
            return found
        except RuntimeError:
            found["unreadable"] += 1


def python_evtx(path):
    from Evtx.Evtx import Evtx

    found = Counter()
    with Evtx(path) as log:
        for record in log.records():
            try:
                record.xml()
                found["records"] += 1
            except Exception:
                found["unreadable"] += 1
    return found


def dissect_eventlog(path):
    from dissect.eventlog.evtx import Evtx

    with open(path, "rb") as stream:
        return Counter(records=sum(1 for _ in Evtx(stream)))


def libevtx(path):
    import pyevtx

    file = pyevtx.file()
    file.open(path)
    found = Counter()
    for record in file.records:
        try:
            record.get_xml_string()
            found["records"] += 1
        except OSError:
            found["unreadable"] += 1
    return found


def regrs(path):
    from regrs import Hive

    found = Counter()
    waiting = [Hive.open(path).root_key()]
    while waiting:
        key = waiting.pop()
        found["keys"] += 1
        key.name()
        key.last_written_timestamp()
        for value in key.values():
            value.name()
            value.value_type()
            try:
                value.data()
                found["values"] += 1
            except ValueError:
                found["unreadable"] += 1
        waiting += key.subkeys()
    return found


def regipy(path):
    from regipy.registry import RegistryHive

    return _by_regipy(RegistryHive(path))


def regipy_rs(path):
    from regipy.registry_rs import RegistryHive

    return _by_regipy(RegistryHive(path))


def _by_regipy(hive):
    found = Counter()
    for key in hive.recurse_subkeys(fetch_values=True):
        found["keys"] += 1
        found["values"] += len(key.values)
    return found


def dissect_regf(path):
    from dissect.regf.regf import RegistryHive

    found = Counter()
    with open(path, "rb") as stream:
        waiting = [RegistryHive(stream).root()]
        while waiting:
            key = waiting.pop()
            found["keys"] += 1
            key.name, key.timestamp  # noqa: B018
            for value in key.values():
                value.name, value.type, value.value  # noqa: B018
                found["values"] += 1
            waiting += key.subkeys()
    return found


def libregf(path):
    import pyregf

    file = pyregf.file()
    file.open(path)
    found = Counter()
    waiting = [file.get_root_key()]
    while waiting:
        key = waiting.pop()
        found["keys"] += 1
        key.name, key.get_last_written_time_as_integer()
        for value in key.values:
            value.name, value.type, value.data  # noqa: B018
            found["values"] += 1
        waiting += list(key.sub_keys)
    return found


def python_registry(path):
    from Registry import Registry

    found = Counter()
    waiting = [Registry.Registry(path).root()]
    while waiting:
        key = waiting.pop()
        found["keys"] += 1
        key.name()
        key.timestamp()
        for value in key.values():
            try:
                value.name()
                value.value_type()
                value.value()
                found["values"] += 1
            except Exception:
                found["unreadable"] += 1
        waiting += key.subkeys()
    return found


def _files(path):
    return sorted(one for one in Path(path).rglob("*") if one.is_file())


def yara_python(path, rules):
    import yara

    compiled = yara.compile(rules)
    found = Counter()
    for file in _files(path):
        found["matches"] += len(compiled.match(str(file)))
        found["files"] += 1
    return found


def yara_x(path, rules):
    import yara_x

    compiler = yara_x.Compiler(relaxed_re_syntax=True)
    compiler.add_source(Path(rules).read_text())
    scanner = yara_x.Scanner(compiler.build())
    found = Counter()
    for file in _files(path):
        found["matches"] += len(scanner.scan_file(str(file)).matching_rules)
        found["files"] += 1
    return found


READS = {
    "evtx": evtx,
    "python-evtx": python_evtx,
    "dissect.eventlog": dissect_eventlog,
    "libevtx-python": libevtx,
    "regrs": regrs,
    "regipy": regipy,
    "regipy-rs": regipy_rs,
    "dissect.regf": dissect_regf,
    "libregf-python": libregf,
    "python-registry": python_registry,
    "yara-python": yara_python,
    "yara-x": yara_x,
}

if __name__ == "__main__":
    name, *given = sys.argv[1:]
    begun = time.process_time()
    counted = READS[name](*given)
    taken = time.process_time() - begun
    print(json.dumps({**counted, "seconds": round(taken, 4)}))
