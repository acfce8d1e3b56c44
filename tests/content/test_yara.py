"""Each YARA rule against its samples, the samples without what decides, and files that a clean server has."""

import functools
import json
from pathlib import Path

import pytest

from postvakt import detect, estate
from postvakt.content import library
from postvakt.content.encoded import ENDING
from postvakt.content.library import YARA_NAME
from postvakt.estate import shells
from tests.content.proofs import ROOT, plan

FOLDERS = library.children(ROOT / "yara")
QUIET = Path(__file__).with_name("quiet")


@functools.cache
def scanner():
    return detect.Scanner(plan())


def found(data, path=None):
    return {hit.rule for hit in scanner().scan(data, path)}


def rule_of(folder):
    text = library.data(library.beside(folder, "rule.yar"), folder.name).decode()
    return f"yara:{YARA_NAME.findall(text)[0]}"


def samples(kind):
    return [
        pytest.param(
            rule_of(folder),
            folder,
            file.name.removesuffix(ENDING),
            library.data(file, file.name),
            id=f"{folder.name}/{file.name.removesuffix(ENDING)}",
        )
        for folder in FOLDERS
        for file in library.children(folder / kind)
    ]


def without(data, texts):
    for text in texts:
        for encoding in ("latin-1", "utf-16-le"):
            data = data.replace(text.encode(encoding), ("#" * len(text)).encode(encoding))
    return data


@pytest.mark.parametrize(("rule", "folder", "name", "data"), samples("hit"))
def test_hit(rule, folder, name, data):
    assert rule in found(data)


@pytest.mark.parametrize(("rule", "folder", "name", "data"), samples("hit"))
def test_hit_without_what_decides(rule, folder, name, data):
    deciding = json.loads((folder / "deciding.json").read_text())[name]
    changed = without(data, deciding)
    assert changed != data
    assert rule not in found(changed)


@pytest.mark.parametrize(("rule", "folder", "name", "data"), samples("miss"))
def test_miss(rule, folder, name, data):
    assert rule not in found(data)


@pytest.mark.parametrize("path", sorted(QUIET.iterdir()), ids=lambda path: path.name)
def test_quiet(path):
    assert found(library.data(path, path.name), f"c:/programdata/{path.name}") == set()


def test_a_rule_of_a_folder_means_no_other():
    dump = next(s.values[3] for s in samples("hit") if s.values[0] == "yara:minidump_in_web_folder")
    assert found(dump, "c:/inetpub/wwwroot/aspnet_client/logo.gif") == {"yara:minidump_in_web_folder"}
    assert found(dump, "c:/programdata/microsoft/windows/wer/crash.mdmp") == set()


def test_the_estate_s_shell_is_a_shell():
    server = next(one for one in estate.plan(6, 1, 2) if one.scenario == "attacked")
    assert found(shells.oab_dump(server, server.actors[0]).encode()) == {"yara:oab_dump_script"}


def test_every_hit_of_ours_is_told_with_its_place():
    details = [hit.detail for sample in samples("hit") for hit in scanner().scan(sample.values[3])]
    assert [detail for detail in details if " at 0x" not in detail] == []
