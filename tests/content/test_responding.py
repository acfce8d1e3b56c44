"""Faults in what is said of collecting and eviction are told with their file, each of them."""

from pathlib import Path

import pytest

from postvakt import content

SOUND = {
    "collecting/a.yaml": """collect:
  - id: logs
    title: Logs
    covers: [iis]
    turn: 1
    kept: a while
    spots: [{folder: "C:\\\\x"}]
  - id: memory
    title: Memory
    covers: [memory]
    turn: 0
    kept: a while
    by: {velociraptor: X}
""",
    "collectors/kape.yaml": "id: kape\ntitle: KAPE\nsuffix: tkape\nuse: []\ncannot: {memory: never}\n",
    "eviction/a.yaml": """measures:
  - {id: m, turn: 1, kind: key, what: w, do: d, why: y, source: s, reach: shell-used}
remnants:
  - {id: r, turn: 2, kind: tool, techniques: [T1105], tables: [file], fields: [path], do: d, doubt: e, source: s}
""",
}
FAULTS = [
    ("collecting/a.yaml", "covers: [memory]", "covers: [iis]", "covers iis: collecting/a.yaml logs has it already"),
    ("collecting/a.yaml", "id: memory", "id: logs", "id logs: collecting/a.yaml logs has it already"),
    ("collecting/a.yaml", "    by: {velociraptor: X}\n", "", "memory: neither where it lies nor what collects it"),
    ("collecting/a.yaml", "    by:", "    moved_by: x\n    by:", "moved_by and moved"),
    ("collecting/a.yaml", "    by:", "    includes: [x]\n    by:", "memory includes x: nothing of that id"),
    ("collecting/a.yaml", "folder:", "place:", "unknown field `place`"),
    ("collectors/kape.yaml", "id: kape", "id: acquire", "id acquire is not the file's name"),
    ("collectors/kape.yaml", "{memory: never}", "{disk: never}", "cannot disk: nothing of that id is collected"),
    ("collectors/kape.yaml", "title: KAPE\n", "title: KAPE\ntitle: K\n", "the key 'title' stands twice"),
    ("eviction/a.yaml", ", reach: shell-used", "", "m: neither reach nor techniques"),
    ("eviction/a.yaml", "T1105", "X1105", "r: X1105 is no technique"),
    ("eviction/a.yaml", "id: r", "id: m", "m: stands twice"),
    ("eviction/a.yaml", "source: s}", "source: s, pattern: '('}", "is no pattern"),
    ("eviction/a.yaml", "shell-used", "shell-seen", "Invalid enum value 'shell-seen'"),
]  # fmt: skip


def laid(root: Path, files: dict[str, str]) -> Path:
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")
    return root


def test_what_is_sound_has_no_fault(tmp_path: Path) -> None:
    assert content.check(laid(tmp_path, SOUND)) == []


@pytest.mark.parametrize(("path", "old", "new", "told"), FAULTS)
def test_each_fault_is_told_with_its_file(path: str, old: str, new: str, told: str, tmp_path: Path) -> None:
    assert old in SOUND[path]
    found = content.check(laid(tmp_path, {**SOUND, path: SOUND[path].replace(old, new)}))
    assert any(problem.path == path and told in problem.what for problem in found), found
