"""The page of recall says what is measured now, and counts answers that were made by hand."""

import json
from pathlib import Path

import msgspec
import pytest
from bench import memory_images as images
from docs import memory_recall as recall

from postvakt.estate.memory import containers, damage, scenes
from postvakt.estate.memory.image import Image, build
from postvakt.estate.memory.truth import told
from postvakt.estate.plans import plan
from postvakt.memory import memprocfs

OF_MEMPROCFS = (3, 7)
"""Cells of a row that only MemProcFS can fill."""


@pytest.fixture(scope="module")
def image() -> Image:
    server = next(one for one in plan(6, recall.SEED, images.DAYS) if one.scenario == "attacked")
    return build(scenes.machine(server, build=recall.BUILD, more=True))


@pytest.fixture
def lab(image: Image, tmp_path: Path) -> recall.Lab:
    (tmp_path / f"{recall.WHOLE}.truth.json").write_bytes(msgspec.json.encode(told(image)))
    return recall.Lab(tmp_path)


def test_a_row_of_the_page_is_what_is_measured(image: Image, lab: recall.Lab) -> None:
    names = []
    for seed in images.SEEDS:
        names.append(f"{recall.WHOLE}-kernel-20-{seed}")
        damaged = damage.lose(image, 0.2, seed, among="kernel")
        containers.write(damaged, lab.folder / f"{names[-1]}.raw", "raw")
    hand = msgspec.json.decode(recall.FIGURES.read_bytes(), type=recall.Figures)
    measured = list(recall.row(lab, names, hand))
    (line,) = [
        one for one in recall.PAGE.read_text("utf-8").splitlines() if one.startswith("| 20 % | kernel |")
    ]
    printed = line.strip("| ").split(" | ")[2:]
    for cell, (now, then) in enumerate(zip(measured, printed, strict=True)):
        if memprocfs.available() or cell not in OF_MEMPROCFS:
            assert now == then, cell
    assert all(int(found) >= 30 for found in measured[2].split())


def test_answers_made_by_hand_are_counted(lab: recall.Lab, tmp_path: Path) -> None:
    answers = tmp_path / "answers" / recall.WHOLE
    answers.mkdir(parents=True)
    process = next(one for one in lab.truth(recall.WHOLE).processes if one.listed)
    right = {"PID": process.pid, "PPID": process.parent, "ImageFileName": process.name[:14], "__children": []}
    wrong = {**right, "PID": 99_999}
    (answers / "windows.pslist.json").write_text(json.dumps([{**right, "__children": [wrong]}]))
    (answers / "windows.psscan.json").write_text("Unsatisfied requirement")
    counted = recall.by_hand(lab, answers.parent, "2.0").agreement[recall.WHOLE]
    assert counted == {"listed": (1, 1), "pooled": (0, 0)}
