"""Which collector made a hand-in, told by what it leaves beside the files that it collected."""

import re
from collections.abc import Iterable

MARKS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"(?:^|/)(?:uploads\.json|client_info\.json|collection_context\.json)$"), "Velociraptor"),
    (re.compile(r"(?:^|/)uploads/(?:auto|ntfs|mft|lazy_ntfs|ntfs_vss|file)/"), "Velociraptor"),
    (re.compile(r"(?:^|/)generic\.client\.info/"), "Velociraptor"),
    (re.compile(r"_copylog(?:_[^/]*)?\.csv$|(?:^|/)kape[^/]*\.log$|_skiplog(?:_[^/]*)?\.csv$"), "KAPE"),
    (re.compile(r"(?:^|/)fs/(?:[a-z]:|[a-z]%3a|sysvol|\$fs\$)/"), "acquire"),
    (re.compile(r"(?:^|/)getthis\.csv$"), "DFIR-ORC"),
    (re.compile(r"(?:^|/)collectionsummaryreport\.xls$"), "Defender for Endpoint"),
    (re.compile(r"(?:^|/)uac\.log$"), "UAC"),
    (re.compile(r"(?:^|/)test-proxylogonlogs/"), "Test-ProxyLogon"),
)
ENCRYPTED = re.compile(r"(?:^|/)data\.zip$")


def recognised(paths: Iterable[str], encrypted: Iterable[str]) -> str:
    """Return the names of the collectors whose marks are among the members, `, ` between; empty for none."""
    found: set[str] = set()
    waiting = list(MARKS)
    for path in paths:
        low = path.lower().replace("!/", "/")
        hits = [mark for mark in waiting if mark[0].search(low)]
        found.update(name for _, name in hits)
        waiting = [mark for mark in waiting if mark[1] not in found]
        if not waiting:
            break
    if any(ENCRYPTED.search(path.lower().replace("!/", "/")) for path in encrypted):
        found.add("Velociraptor (encrypted)")
    return ", ".join(sorted(found))
