"""What docs/script-language.md shows is true."""

import re
from pathlib import Path

import pytest
from script_board import FakeBoard, read

from kvx_emu.core_id import CoreId
from kvx_emu.errors import Place
from kvx_emu.script.actions import Random
from kvx_emu.script.bind import bind
from kvx_emu.script.language import Top
from kvx_emu.script.record import REQUIRED, layout
from kvx_emu.script.splitmix import random_sends
from kvx_emu.script.steps import STEPS

TEXT = (Path(__file__).parents[2] / "docs" / "script-language.md").read_text(encoding="utf-8")
SCRIPTS = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)


def test_the_first_script_is_valid():
    bound = bind(read(re.search(r"```yaml\n(.*?)```", TEXT, re.DOTALL)[1]), FakeBoard())
    assert len(bound.actions) == 3


@pytest.mark.parametrize("number", range(len(SCRIPTS)))
def test_every_script_that_is_shown_is_valid(number):
    assert bind(read(SCRIPTS[number]), FakeBoard()).actions


def test_every_step_of_the_fabric_is_shown():
    shown = {step for text in SCRIPTS for step in re.findall(r"^  - (\w+):", text, re.MULTILINE)}
    announced = list(STEPS)[list(STEPS).index("raise") :]
    assert len(announced) == 14
    assert set(announced) <= shown


def test_every_top_level_key_is_named():
    for key in layout(Top).keys:
        assert f"| `{key.name}` |" in TEXT


def test_every_step_and_every_key_is_named():
    for name, record in STEPS.items():
        assert f"`{name}`" in TEXT
        for key in layout(record).keys:
            assert record.bare or f"`{key.name}`" in TEXT, (name, key.name)
            if key.default not in (None, REQUIRED) and not isinstance(key.default, list):
                assert str(key.default).lower() in TEXT


def test_the_code_and_the_numbers_of_random_are_what_the_generator_does():
    blocks = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    space = {"seed": 7, "path": [3]}
    exec("".join(blocks), space)
    state, gamma = space["state"], 0x9E3779B97F4A7C15
    assert f"{state:#x}" in TEXT
    for k in (1, 2, 3):
        assert f"{space['mix']((state + k * gamma) % 2**64):#x}" in TEXT
    senders = tuple(CoreId(0, pid) for pid in range(17))
    action = Random(Place("t"), None, 4, 0, senders, "one", (24, 25), 7, (3,))
    rows = [
        f"| {core} | {line} | pe{mask.bit_length() - 1} | {mask:#x} |"
        for core, line, mask in random_sends(action, {0: range(17)})
    ]
    assert "\n".join(rows) in TEXT
