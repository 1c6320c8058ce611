"""What every registered model does, whatever it is a model of: none is named here but the core.

A core is reached by instructions, not over the bus, so it has tests of its own, of the same things.
"""

from __future__ import annotations

import json
from random import Random

import pytest

from kvx_emu import models
from kvx_emu.hw import registry
from kvx_emu.hw.model import BusError, Model
from kvx_emu.hw.port import Port, Site
from kvx_emu.models.core import Core

assert models.__all__, "importing the package registers the models"

REGISTERED = {
    (registry.find([compatible], profile) or ("", object))[1]
    for compatible in registry.known()
    for profile in registry.PROFILES
}
MODELS = sorted((cls for cls in REGISTERED if issubclass(cls, Model)), key=lambda cls: cls.__name__)

SITES = {
    "nothing known": Site(),
    "as a tree may say": Site(size=0x1000, outputs=2, levels=frozenset({0, 1, 41}), hz=3, core_hz=7),
}

MORE_THAN_ALL = 0x22000
"""An offset behind the registers of every block of the chip."""

STEPS = 150

every = pytest.mark.parametrize("model", MODELS, ids=lambda cls: cls.__name__)
anywhere = pytest.mark.parametrize("site", SITES.values(), ids=SITES.keys())
seeds = pytest.mark.parametrize("seed", range(3))


class World(Port):
    """A world that answers everything, and keeps all that a model does to it."""

    def __init__(self):
        self.tick = 0
        self.heard = []
        self.up = set()

    def pulse(self, *what):
        self.heard.append(("pulse", *what))

    def drive(self, *what):
        self.heard.append(("drive", *what))

    def write(self, address, size, value):
        self.heard.append(("write", address, size, value))
        if address >> 24 & 1:
            raise BusError("nothing is there")

    def start(self, pid, pc, cluster=None):
        self.heard.append(("start", pid, pc, cluster))
        self.up.add((pid, cluster))

    def hold(self, pid, cluster=None):
        self.heard.append(("hold", pid, cluster))
        self.up.discard((pid, cluster))

    def running(self, pid, cluster=None):
        return (pid, cluster) in self.up

    def now(self):
        return self.tick

    def tell(self, *what, output=None):
        self.heard.append(("tell", *what, output))

    def lost(self, number, why):
        self.heard.append(("lost", number))

    def stored(self, register, index, written):
        self.heard.append(("stored", register.label(index), written))

    def odd(self, code, message):
        assert code
        assert message


def built(model, site):
    return model(World(), site)


def places(model):
    """Return every (register, offset, index) of a model; of many groups the first and the last."""
    found = []
    for register in model.registers:
        all_of = list(register.places())
        if register.groups is not None:
            assert register.count is not None
            all_of = all_of[: register.count] + all_of[-register.count :]
        found += [(register, offset, index) for offset, index in all_of]
    return found


def number(random, width):
    every = (1 << width) - 1
    return random.choice([0, every, 1 << random.randrange(width), random.randrange(1 << width)])


def use(block, random, steps=STEPS):
    """Do something with a block, as the random numbers say; return what it gave."""
    there = places(type(block))
    given = []
    for _ in range(steps):
        register, offset, _ = random.choice(there)
        kind = random.randrange(4)
        block.port.tick += random.randrange(3)
        if kind == 3 and block.inputs:
            block.input(random.randrange(block.inputs), random.random() < 0.7)
        elif kind == 2:
            given.append(block.read(offset, register.size))
        else:
            block.write(offset, register.size, number(random, 8 * register.size))
    return given


def shown(block):
    """Return what a reader finds in all registers; reading may change the block."""
    return [block.read(offset, register.size) for register, offset, _ in places(type(block))]


def test_there_are_models_of_all_profiles():
    assert len(MODELS) >= 12
    assert Core in REGISTERED
    assert {Core} == {cls for cls in REGISTERED if not issubclass(cls, Model)}


# Reset


@every
@anywhere
@seeds
def test_reset_is_as_construction_at_any_time_and_twice_over(model, site, seed):
    block = built(model, site)
    use(block, Random(seed))
    for _ in range(2):
        block.reset()
        assert block.state() == built(model, site).state()
    block.port = World()
    assert shown(block) == shown(built(model, site))


@every
@anywhere
def test_a_register_that_holds_something_reads_as_its_reset_value_after_reset(model, site):
    block = built(model, site)
    for register, offset, _ in places(model):
        if register.held and register.read_hook is None:
            assert block.read(offset, register.size) == register.reset, register.label()


# Snapshot


@every
@anywhere
@seeds
def test_a_snapshot_goes_round_by_json_and_what_follows_is_the_same(model, site, seed):
    block = built(model, site)
    use(block, Random(seed))
    saved = json.dumps(block.state())
    other = built(model, site)
    other.restore(json.loads(saved))
    assert json.dumps(other.state()) == saved
    assert other.port.heard == []
    other.port.tick, other.port.up = block.port.tick, set(block.port.up)
    block.port.heard.clear()
    later = Random(seed + 1000)
    again = Random(seed + 1000)
    assert use(block, later) == use(other, again)
    assert block.port.heard == other.port.heard
    assert block.state() == other.state()


@every
@anywhere
@seeds
def test_nothing_changes_in_a_model_that_its_state_does_not_have(model, site, seed):
    block, new = built(model, site), built(model, site)
    use(block, Random(seed))
    kept = {*block.state(), "port"}
    assert set(block.state()) <= set(vars(block))
    for name in set(vars(block)) | set(vars(new)):
        assert name in kept or vars(block)[name] == vars(new)[name], name


@every
def test_a_state_is_shared_with_nobody(model):
    block = built(model, SITES["nothing known"])
    use(block, Random(7))
    saved = block.state()
    kept = json.dumps(saved)
    for value in saved.values():
        if isinstance(value, list):
            value[:] = [1] * len(value)
    assert json.dumps(block.state()) == kept
    saved = json.loads(kept)
    block.restore(saved)
    for value in saved.values():
        if isinstance(value, list):
            value[:] = [1] * len(value)
    assert json.dumps(block.state()) == kept


def spoiled(state, spare):
    """Yield states that are none: each differs from `state` in one thing."""
    yield {**state, spare: 0}
    for name, value in state.items():
        yield {each: state[each] for each in state if each != name}
        wrong = [-1, True, 0.0, "0", None, {}]
        if isinstance(value, list):
            yield {**state, name: 0}
            yield {**state, name: value[:-1] if value else [0]}
            for bad in [*wrong, []]:
                yield {**state, name: [bad, *value[1:]]}
        else:
            for bad in [*wrong, [value]]:
                yield {**state, name: bad}


@every
def test_what_is_no_state_of_it_is_refused_and_changes_nothing(model):
    block = built(model, SITES["nothing known"])
    use(block, Random(8))
    kept = json.dumps(block.state())
    for wrong in spoiled(block.state(), "nobody"):
        with pytest.raises(ValueError, match=model.__name__):
            block.restore(wrong)
        assert json.dumps(block.state()) == kept


# Registers


@every
@anywhere
@seeds
def test_bits_that_do_not_exist_read_as_0(model, site, seed):
    block = built(model, site)
    for register, offset, _ in places(model):
        block.write(offset, register.size, (1 << 8 * register.size) - 1)
    use(block, Random(seed))
    for register, offset, index in places(model):
        found = block.read(offset, register.size)
        assert 0 <= found <= register.mask, register.label(index)


@every
@seeds
def test_a_register_for_writing_alone_reads_as_0_and_reading_it_does_nothing(model, seed):
    block = built(model, SITES["nothing known"])
    use(block, Random(seed))
    block.port.heard.clear()
    for register, offset, index in places(model):
        if register.access == "W":
            before = block.state()
            assert block.read(offset, register.size) == 0, register.label(index)
            assert block.state() == before
    assert block.port.heard == []


@every
@seeds
def test_a_register_for_reading_alone_is_not_changed_by_writes_and_neither_is_another(model, seed):
    random = Random(seed)
    block = built(model, SITES["nothing known"])
    use(block, random)
    block.port.heard.clear()
    before = block.state()
    for register, offset, _ in places(model):
        if register.access == "R":
            block.write(offset, register.size, number(random, 8 * register.size))
    assert block.state() == before
    assert block.port.heard == []


@every
@seeds
def test_a_write_to_a_register_changes_nothing_that_another_holds(model, seed):
    random = Random(seed)
    block = built(model, SITES["nothing known"])
    use(block, random)
    held = [register.attribute for register in model.registers if register.held]
    for register, offset, index in places(model):
        if not register.held or register.access != "RW":
            continue
        before = block.state()
        block.write(offset, register.size, number(random, 8 * register.size))
        after = block.state()
        for name in held:
            if name != register.attribute:
                assert after[name] == before[name], (register.label(index), name)
        mine, old = after[register.attribute], before[register.attribute]
        if isinstance(mine, list):
            assert [n for n in range(len(mine)) if mine[n] != old[n]] in ([], [index])


@every
def test_each_register_can_be_reached_and_says_who_says_so(model):
    for register in model.registers:
        assert register.size in model.access_sizes, register.name
        assert register.src, register.name
        assert register.doc, register.name
        assert register.width <= 8 * register.size, register.name
        assert all(offset % register.size == 0 for offset, _ in register.places()), register.name


# Accesses and inputs


@every
@anywhere
@seeds
def test_an_access_of_any_size_anywhere_gives_a_value_or_a_bus_error_that_does_nothing(model, site, seed):
    random = Random(seed)
    block = built(model, site)
    use(block, random, 30)
    offsets = [offset for _, offset, _ in places(model)]
    outcomes = set()
    for _ in range(1000):
        near = random.choice([0, offsets[-1], random.choice(offsets), random.randrange(MORE_THAN_ALL)])
        offset = max(0, near + random.randrange(-8, 9))
        size = random.choice([1, 2, 3, 4, 5, 7, 8, 12, 16])
        before, heard = None, len(block.port.heard)
        wrong = size not in model.access_sizes or offset % size
        if wrong:
            before = block.state()
        try:
            if random.random() < 0.5:
                assert 0 <= block.read(offset, size) < 1 << 8 * size
            else:
                block.write(offset, size, number(random, 8 * size))
            outcomes.add(True)
            assert not wrong, (offset, size)
        except BusError:
            outcomes.add(False)
            if wrong:
                assert block.state() == before
                assert len(block.port.heard) == heard
    assert outcomes == {True, False}


@every
@anywhere
@seeds
def test_inputs_take_any_level_at_any_time_and_there_are_no_others(model, site, seed):
    random = Random(seed)
    block = built(model, site)
    for _ in range(3):
        use(block, random, 30)
        for _ in range(2 * block.inputs):
            assert block.input(random.randrange(block.inputs), random.random() < 0.5) is None
        json.dumps(block.state())
        kept = block.state()
        for wrong in (-1, block.inputs, block.inputs + 100):
            with pytest.raises(IndexError, match="has no input"):
                block.input(wrong, True)
        assert block.state() == kept


# The core


def use_core(core, random, steps=STEPS):
    """Do something with a core, as the random numbers say; return what it gave."""
    names = [name for name, sfr in Core.sfrs().items() if not sfr.relative]
    given = []
    for _ in range(steps):
        kind = random.randrange(9)
        name = random.choice(names)
        if core.state.held:
            core.start(random.randrange(1 << 20))
        if kind == 0:
            core.request(random.randrange(32))
        elif kind == 1:
            given.append(core.step())
        elif kind == 2:
            given.append(core.rfe())
        elif kind == 3:
            given.append(core.wfxl(name, number(random, 64)))
        elif kind == 4:
            given.append(core.read_sfr(name))
        elif kind == 5:
            random.choice([core.await_, core.sleep, core.stop, lambda: core.waitit(number(random, 64))])()
        elif kind == 6:
            given.append(core.syncgroup(number(random, 64)))
        elif kind == 7:
            given.append(core.receive(random.randrange(16), random.random() < 0.5))
        else:
            core.poke(name, number(random, 64))
        given.append((core.candidate(), core.open, core.take_notifications()))
    return given


@seeds
def test_a_core_is_as_new_after_a_reset_at_any_time_and_twice_over(seed):
    core = Core(1, 3)
    use_core(core, Random(seed))
    for _ in range(2):
        core.reset()
        assert core.save() == Core(1, 3).save()
        assert core.open == 0


@seeds
def test_a_core_goes_on_from_a_snapshot_as_it_would_have(seed):
    core = Core(1, 3)
    use_core(core, Random(seed))
    saved = json.dumps(core.save())
    other = Core(1, 3)
    other.restore(json.loads(saved))
    assert json.dumps(other.save()) == saved
    assert use_core(core, Random(seed + 1000)) == use_core(other, Random(seed + 1000))
    assert core.save() == other.save()


def test_what_is_no_state_of_a_core_is_refused_and_changes_nothing():
    core = Core(1, 3)
    use_core(core, Random(8))
    kept = json.dumps(core.save())
    for wrong in spoiled(core.save(), "nobody"):
        if wrong == core.save():
            continue
        with pytest.raises(ValueError, match="core"):
            core.restore(wrong)
        assert json.dumps(core.save()) == kept


def test_a_state_of_a_core_is_shared_with_nobody():
    core = Core(1, 3)
    use_core(core, Random(9))
    saved = core.save()
    kept = json.dumps(saved)
    for value in saved.values():
        if isinstance(value, list):
            value[:] = [1] * len(value)
    assert json.dumps(core.save()) == kept


@seeds
def test_registers_of_a_core_are_as_wide_as_they_are_and_read_only_ones_stay(seed):
    random = Random(seed)
    core = Core(1, 3)
    core.start()
    for name, sfr in Core.sfrs().items():
        before = core.peek(name)
        core.poke(name, (1 << 64) - 1)
        found = core.peek(name)
        assert 0 <= found <= sfr.register.mask, name
        if sfr.access == "R":
            assert found == before, name
        core.poke(name, number(random, 64))
        assert 0 <= core.peek(name) <= sfr.register.mask, name


def test_a_name_for_writing_alone_reads_as_0():
    core = Core(1, 3)
    for name in ("SYOW", "HTOW", "ITOW", "DOW", "MOW", "PSOW"):
        assert core.read_sfr(name) == 0
