"""Our content over files that other people made: what is clean stays quiet, and text about attacks is no attack."""

import csv
import lzma

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from postvakt import detect, engines
from postvakt.commands import triage
from postvakt.model.rule import LEVELS
from postvakt.tables.rows import schema
from tests.content.proofs import matcher, plan, spec

pytestmark = pytest.mark.shared
EXCHANGE = "c:/program files/microsoft/exchange server/v15/"


def scanned(folder):
    scanner = detect.Scanner(plan())
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return len(files), {
        (path.name, hit.rule)
        for path in files
        for hit in scanner.scan(path.read_bytes(), path.as_posix().lower())
    }


@pytest.mark.parametrize(
    "folder",
    [
        "exchange-config",
        "exchange-logs",
        "cisa",
        "sigma-rules",
        "evtx-json",
        "iis",
        "memory/minidumps",
        "hosts",
        "m365",
    ],
)
def test_quiet(shared_evidence, folder):
    count, hits = scanned(shared_evidence / folder)
    assert count
    assert hits == set()


@pytest.mark.parametrize(
    "path",
    [
        "plaso/test_data/regf/SAM",
        "registry/dfwinreg/test_data/SECURITY",
        "collections/velociraptor/artifacts/testdata/files/SAM",
        "registry/regipy/regipy_tests/data/SAM.xz",
        "registry/regipy/regipy_tests/data/SECURITY.xz",
    ],
)
def test_hive_of_secrets(shared_evidence, path):
    data = (shared_evidence / path).read_bytes()
    data = lzma.decompress(data) if path.endswith(".xz") else data
    assert {hit.rule for hit in detect.Scanner(plan()).scan(data)} == {"yara:saved_hive"}


@pytest.mark.parametrize("build", ["15.0.1497.2", "15.1.2176.2", "15.2.792.3"])
def test_product_files(shared_evidence, build):
    """Microsoft's list of a build's files: none is a trace of an attack, by path or by hash."""
    with (shared_evidence / "baselines" / f"baseline_{build}.csv").open(encoding="utf-8-sig") as lines:
        rows = [file_row(sha256, path) for sha256, _, path in csv.reader(lines)]
    batch = pa.RecordBatch.from_pylist(rows, schema=schema(spec("file"), stamped=True))
    assert len(rows) > 9000
    assert [(rows[hit.row]["path"], hit.rule) for hit in matcher().match("file", batch)] == []


def file_row(sha256, path):
    path = EXCHANGE + path.strip().replace("\\", "/").lower().lstrip("/")
    folder, _, name = path.rpartition("/")
    extension = name.rpartition(".")[2]
    return {"path": path, "folder": folder, "name": name, "extension": extension, "sha256": sha256.lower()}


@pytest.mark.parametrize("folder", ["hosts/win10-clean", "exchange-config/css-exchange-e19"])
def test_clean_host(shared_evidence, tmp_path, folder):
    """A clean host's whole triage: no finding above medium, and none that would make it compromised."""
    request = triage.Request(
        evidence=(str(shared_evidence / folder),), case=str(tmp_path / "case"), started="2026-01-01T00:00:00Z"
    )
    triage.triage(request, engines.watch(quiet=True, log="text"))
    rules = {rule.id: rule for rule in plan().rules}
    found = {rules[name] for name in pq.read_table(tmp_path / "case" / "matches.parquet")["rule"].to_pylist()}
    assert [rule.title for rule in found if LEVELS.index(rule.level) > LEVELS.index("medium")] == []
    assert [rule.title for rule in found if rule.stage not in ("", "context")] == []
