"""Snapshots: the rest of the run is what it would have been, and what does not fit is refused."""

from __future__ import annotations

import hashlib
import json
from copy import deepcopy
from random import Random

import pytest
from command import ROOT
from engine_boards import board
from snapshot_runs import Case, forged, same_from, state_of

from kvx_emu.dt.formats import write_tree
from kvx_emu.dt.load import load_tree, read_tree
from kvx_emu.engine.identity import board_digest
from kvx_emu.engine.snapshot import SnapshotError, load
from kvx_emu.errors import InputError, OutputError, UsageError
from kvx_emu.limits import LIMITS
from kvx_emu.machine.machine import build
from kvx_emu.script.bind import bind
from kvx_emu.script.load import load_script

SCRIPTS = sorted((ROOT / "scripts").glob("*.yaml"))

TIMES = "timing: {delivery: 5, entry: 3, service: 20}\n"

FABRIC = {
    "devices and messages": """version: 1
timing: {delivery: 30ns, entry: 20ns, service: 200ns}
steps:
  - raise: {device: serial@20210000}
  - wait: 100ns
  - raise: {device: serial@20211000}
  - wait: 1us
  - affinity: {device: serial@20210000, core: pe3}
  - pulse: {device: serial@20210000}
  - wait: 130
  - disable_irq: {device: serial@20210000}
  - raise: {device: serial@20210000}
  - repeat:
      count: 3
      every: 700
      steps:
        - enable_irq: {device: serial@20210000}
        - raise: {device: serial@20211000}
        - wait: 150
        - raise: {device: serial@20210000}
        - expect: {line: 4, handled: {min: 9}, within: 300}
  - wait: idle
  - msi: {mailbox: 3, value: 0x30, cluster: 0, from: c1.pe0}
  - wait: 77
  - disable_irq: {mailbox: 3, bit: 5}
  - affinity: {mailbox: 3, core: pe2}
  - msi: {mailbox: 3, value: 0x31, cluster: 0, from: c1.pe0}
  - wait: 600
  - enable_irq: {mailbox: 3, bit: 5}
  - wait: 50
  - raise: {controller: c0pe4, input: 24}
  - wait: 90
  - raise: {controller: c0pe4, input: 24}
  - lower: {controller: c0pe4, input: 24}
  - pulse: {controller: c0gic, input: 129}
""",
    "timers of Linux": """version: 1
timing: {delivery: 15ns, entry: 20ns, service: 130ns}
steps:
  - timer: {cores: pe0-3, value: 1us, every: 10us}
  - timer: {cores: pe0, timer: 1, value: 250ns, interrupt: false}
  - timer: {cores: pe5, value: 777}
  - watchdog: {cores: pe1, value: 50us, every: 1us}
  - mark: a
  - wait: 25us
  - mark: b
  - repeat:
      count: 3
      every: 8us
      steps:
        - send: {to: [pe0, pe1, pe2]}
        - mark: a
        - wait: 990
        - send: {to: pe1, op: call_func}
        - wait: idle
        - send: {to: pe1, op: reschedule}
  - expect: {core: pe0, line: 0, timers: 3, since: a}
  - expect: {core: pe0, line: 0, within: 10, since: b}
  - idle: {cores: [pe2, pe6]}
  - wait: 10us
  - send: {to: [pe2, pe6]}
  - wait: idle
""",
    "bare cores that preempt": """version: 1
software: bare
nesting: true
timing: {delivery: 5, entry: 3, service: {0: 9, default: 14}}
steps:
  - sfr: {core: all, register: PS, write: 0x01000010}
  - enable: {cores: all, lines: 0-31}
  - level: {cores: all, line: 0, value: 3}
  - level: {cores: all, line: 1, value: 2}
  - level: {cores: all, line: 24, value: 1}
  - level: {cores: all, line: 25, value: 2}
  - timer: {cores: [pe0, pe1, rm], value: 10, every: 23}
  - timer: {cores: [pe0, pe1], timer: 1, value: 17, every: 31}
  - watchdog: {cores: pe1, value: 300, every: 100}
  - random: {count: 30, seed: 3, every: 7, from: c0.all, targets: uniform, lines: [24, 25]}
  - timer: {cores: [pe0, pe1, rm], stop: true}
  - wait: idle
  - idle: {cores: pe4}
  - repeat:
      count: 2
      steps:
        - repeat: {count: 2, every: 50, steps: [{send: {to: [pe4, pe0]}}, {wait: 10}, {idle: {cores: pe4}}]}
        - random: {count: 10, seed: 9, every: 11, from: c0.pes, targets: one, lines: [24, 25]}
        - ipe: {from: pe0, event: 3}
        - sfr: {core: pe5, register: ILR, set: 0x2000000}
  - wait: 100
  - write: {addr: 0xad0004, value: 0x1ffff, from: pe2}
  - wait: 6
  - read: {addr: 0xad0020, equals: 5}
  - write: {addr: 0x3, value: 1, from: pe2}
""",
    "a full boot": """version: 1
boot: full
devices: all
driver_defects: [mailbox-mask]
timing: {delivery: 40, service: 90}
steps:
  - wait: 10
  - raise: {device: serial@20212000}
  - wait: 65
  - send: {to: pes}
  - wait: 45
  - stop: {cores: pe7}
  - send: {to: pe7}
  - wait: 33
  - start: {cores: pe7, from: pe0}
  - stop: {cores: pe9, reset: true}
  - wait: idle
  - start: {cores: pe9, pc: 0x4000}
  - send: {from: pe9, to: [pe0, pe9]}
  - wait: 61
""",
    "cores that start one by one": """version: 1
boot: reset
timing: {delivery: 12, entry: 7, service: 50}
steps:
  - start: {cores: pe1, from: rm}
  - wait: 20
  - send: {to: pe1}
  - raise: {device: serial@20210000}
  - wait: 20
  - start: {cores: [c1.pe0, c1.pe1], pc: 0x2000, from: pe1}
  - msi: {mailbox: 9, bit: 60, cluster: 1}
  - wait: 15
  - affinity: {mailbox: 9, core: c1.pe1}
  - msi: {mailbox: 9, bit: 60, cluster: 1}
  - wait: 15
  - send: {from: c1.pe0, to: c1.pe1}
  - wait: idle
  - watchdog: {cores: pe1, value: 30}
  - wait: 100
""",
}


@pytest.fixture(scope="module")
def trees():
    """The boards of ours, each read once."""
    return {path.stem: load_tree(str(path)) for path in (ROOT / "boards").glob("*.dts")}


def runs_on(tree, script):
    """Tell whether a board has all that a script names."""
    try:
        bind(load_script(str(script)), build(tree)[0])
    except InputError:
        return False
    return True


def drawn(case, points, seed):
    """Hold the run of a case against those that were saved at so many drawn points, and return it."""
    draw = Random(seed)
    straight = case.run()
    ticks = [row[0] for row in straight.rows] or [0]
    for _ in range(points):
        # Where something happens as well as anywhere, also after the end.
        first = draw.choice([draw.choice(ticks), draw.randrange(ticks[-1] + 2)])
        same_from(case, straight, first, draw.randrange(first, ticks[-1] + 2))
    return straight


def every_tick(case):
    """Hold the run of a case against those that were saved at each of its ticks, and return it."""
    straight = case.run()
    for tick in range(straight.outcome.tick + 1):
        one = case.run(tick)
        two = case.run(saved=one.saved)
        assert (one.rows[: one.before] + two.rows, two.outcome) == (straight.rows, straight.outcome), tick
    return straight


# The rest of the run


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_every_script_of_ours_goes_on_as_if_it_had_not_been_saved(tmp_path, trees, script):
    board, points = next(
        (board, points)
        for board, points in (("cluster", 4), ("coolidge", 3), ("stress64", 1))
        if runs_on(trees[board], script)
    )
    assert drawn(Case(tmp_path, script, trees[board]), points, script.stem).rows


@pytest.mark.parametrize("script", ["smoke", "tutorial"])
def test_so_it_does_on_five_clusters(tmp_path, trees, script):
    assert drawn(Case(tmp_path, ROOT / "scripts" / f"{script}.yaml", trees["coolidge"]), 1, script).rows


@pytest.mark.parametrize("script", ["linux-traffic", "nesting", "replay"])
def test_so_it_does_in_the_older_names_and_as_qemu_has_the_hardware(tmp_path, trees, script):
    path = ROOT / "scripts" / f"{script}.yaml"
    assert drawn(Case(tmp_path, path, trees["kvx-cluster"]), 1, script).rows
    assert drawn(Case(tmp_path, path, trees["kvx-cluster"], profile="qemu"), 1, script).rows


@pytest.mark.parametrize("name", FABRIC)
def test_the_fabric_goes_on_as_if_it_had_not_been_saved(tmp_path, trees, name):
    assert drawn(Case(tmp_path, FABRIC[name], trees["coolidge"]), 4, name).rows


def test_a_run_goes_on_from_wherever_it_is_in_nested_steps(tmp_path):
    """Each kind of step in which time moves, at every tick of the run."""
    head = f"version: 1\n{TIMES}steps:\n"
    steps = (
        "  - {at: 7, send: {to: pe1}}\n"
        "  - repeat:\n"
        "      count: 2\n"
        "      every: 90\n"
        "      steps:\n"
        "        - repeat: {count: 2, steps: [{send: {to: pe2}}, {wait: 9}]}\n"
        "        - random: {count: 4, seed: 5, every: 3, from: all, targets: one}\n"
        "        - wait: idle\n"
        "  - wait: 4\n"
        "  - send: {to: pes}\n"
    )
    case = Case(tmp_path, head + steps)
    assert every_tick(case).outcome.tick == 219


def test_drawn_sends_go_on_in_the_midst_of_their_stream(tmp_path):
    steps = "  - repeat: {count: 2, steps: [{random: {count: 50, every: 7, from: all, targets: all}}]}\n"
    case = Case(tmp_path, f"version: 1\nsteps:\n{steps}")
    saved = case.run(500).saved
    assert state_of(saved)["position"] == [0, 0, 1, 0, 350, 22]
    assert [row[3] for row in case.run(saved=saved).rows].count("send") == 28


EXPECTING = (
    "  - send: {from: pe0, to: [pe1, pe2]}\n"
    "  - wait: 3\n"
    "  - send: {from: pe2, to: pe1}\n"
    "  - wait-for: {core: pe1, delivered: 2, from: pe2, limit: 30}\n"
    "  - mark: m\n"
    "  - repeat:\n"
    "      count: 2\n"
    "      steps:\n"
    "        - send: {from: pe1, to: [pe0, pe2]}\n"
    "        - wait-for: {core: pe0-1, delivered: {min: 2}, since: m, limit: 45}\n"
    "        - expect: {core: pe2, event: exit, before: {core: pe0}, since: m}\n"
    "        - expect: {core: pe1, delivered: 1, from: pe2, within: 1, never: [coalesced, enter]}\n"
    "  - wait-for: {pending: 0, delivered: 9, limit: 5}\n"
    "  - wait: 20\n"
    "  - expect: {core: [pe0, pe1, pe2], delivered: 99}\n"
    "  - expect: {masked: 99}\n"
)


def test_a_run_goes_on_within_a_wait_for_what_is_expected(tmp_path):
    """At every tick: what rows there were, who sent them and which came last is not forgotten."""
    straight = every_tick(Case(tmp_path, f"version: 1\n{TIMES}steps:\n{EXPECTING}"))
    found = [(each.place.line, each.what, each.times, each.failed) for each in straight.outcome.expectations]
    assert found == [
        (7, "wait-for", 1, 1),  # pe1 is entered for pe2 once, at 31
        (13, "wait-for", 2, 1),  # pe0 is entered at 41 and 86, the limit of the first time is at 78
        (14, "before", 2, 2),
        (15, "delivered", 2, 0),
        (15, "within", 2, 2),
        (15, "never", 2, 2),
        (16, "wait-for", 1, 1),
        (18, "delivered", 1, 1),
        (19, "masked", 1, 1),
    ]
    assert straight.outcome.tick == 106
    assert len(straight.outcome.failures[-1].lines) == 7


def test_a_chain_of_snapshots_within_a_wait_is_that_of_the_whole_run(tmp_path):
    case = Case(tmp_path, f"version: 1\n{TIMES}steps:\n{EXPECTING}")
    straight = case.run()
    for first in range(0, straight.outcome.tick, 3):
        same_from(case, straight, first, first + 17)


def test_a_wait_is_saved_as_the_tick_that_it_lasts_to_at_most(tmp_path):
    case = Case(tmp_path, f"version: 1\n{TIMES}steps:\n{EXPECTING}")
    saved = case.run(10).saved
    assert state_of(saved)["position"] == [3, 33]
    state = state_of(saved)
    for until in (2, 41):
        state["position"] = [3, until]
        assert "position" in refused(case, forged(saved, state))


def test_a_core_that_is_to_sleep_after_its_handler_does_so(tmp_path):
    steps = (
        "  - send: {to: [pe1, pe2]}\n  - wait: 10\n  - idle: {cores: pe1}\n  - stop: {cores: pe2}\n"
        "  - wait: 30\n  - send: {to: [pe1, pe2]}\n"
    )
    straight = every_tick(Case(tmp_path, f"version: 1\n{TIMES}steps:\n{steps}"))
    assert [(row[2], row[3]) for row in straight.rows if row[3] in {"wake", "stop"}] == [
        (2, "stop"),
        (1, "wake"),
    ]


def test_what_an_ipi_asks_for_is_not_forgotten_on_its_way(tmp_path):
    steps = "  - send: {to: pe1, op: call_func}\n  - wait: 2\n  - send: {to: pe1, op: reschedule}\n"
    straight = every_tick(Case(tmp_path, f"version: 1\n{TIMES}steps:\n{steps}"))
    assert [row[7] for row in straight.rows if row[3] == "op"] == [0, 1]


def test_linux_knows_the_lines_of_its_drivers_on_cores_that_were_started(tmp_path):
    tree = read_tree(board({0: [0, 1, 2]}, lines="24 25").encode(), "board.dts")
    steps = (
        "  - start: {cores: pe1}\n  - wait: 5\n  - send: {from: pe1, to: pe1, line: 25}\n"
        "  - send: {from: pe1, to: pe1}\n"
    )
    straight = every_tick(Case(tmp_path, f"version: 1\nboot: reset\n{TIMES}steps:\n{steps}", tree))
    assert [finding.message for finding in straight.outcome.warnings if finding.code == "drained"] == [
        "line 25 has level 0: Linux handles it only with another line that causes the exception"
    ]


def test_a_wire_stays_high_while_one_of_two_devices_is(tmp_path, trees):
    """Lowered by the other one it does not fall: enabled then, the itgen sends its level."""
    text = (
        "version: 1\nsoftware: bare\nsteps:\n"
        "  - raise: {controller: interrupt-controller@27000000, input: 41}\n"
        "  - raise: {device: serial@20210000}\n  - wait: 9\n  - lower: {device: serial@20210000}\n"
        "  - write: {addr: 0x27000298, value: 1, from: c1.pe0}\n"
    )
    straight = every_tick(Case(tmp_path, text, trees["coolidge"]))
    assert [(row[0], row[4]) for row in straight.rows if row[3] == "msi"] == [(9, 41)]


def test_the_older_of_two_requests_of_a_line_enters_first(tmp_path):
    """One is taken and waits for its handler from 5 to 35, the other comes at 15 and enters at 85."""
    steps = (
        "  - send: {to: pe1}\n  - wait: 10\n  - send: {to: pe1}\n  - wait: idle\n  - expect: {within: 5}\n"
    )
    head = "version: 1\ntiming: {delivery: 5, entry: 30, service: 20}\n"
    straight = every_tick(Case(tmp_path, f"{head}steps:\n{steps}"))
    assert "within 5 ticks, found 70" in straight.outcome.failures[0].message


# The moment


def test_all_that_happens_at_the_tick_is_before_the_snapshot_and_all_else_after_it(tmp_path):
    send = "  - send: {to: pe1}\n"
    case = Case(tmp_path, f"version: 1\nsteps:\n  - wait: 10\n{send}  - mark: m\n{send}  - wait: 1\n{send}")
    one = case.run(10)
    assert [row[0] for row in one.rows[: one.before]] == [0] + [10] * 8
    assert [row[0] for row in case.run(saved=one.saved).rows] == [11] * 4
    assert one.ended is False


def test_while_nothing_happens_every_tick_has_the_same_snapshot(tmp_path):
    case = Case(tmp_path, f"version: 1\n{TIMES}steps:\n  - send: {{to: pe1}}\n  - wait: 1000\n  - wait: 1\n")
    assert case.run(28).saved == case.run(100).saved == case.run(999).saved != case.run(27).saved
    assert case.run(1000).saved != case.run(999).saved


def test_a_run_that_ends_before_the_tick_is_saved_at_its_end(tmp_path):
    case = Case(tmp_path, f"version: 1\n{TIMES}steps:\n  - send: {{to: pe1}}\n")
    straight, late = case.run(), case.run(1000)
    assert (late.ended, late.before) == (True, len(straight.rows))
    assert case.run(29).saved == late.saved
    again = case.run(5000, late.saved)
    assert again.rows == []
    assert (again.outcome, again.saved) == (straight.outcome, late.saved)


@pytest.mark.parametrize("limits", [{"limit_ticks": 14}, {"limit_events": 9}])
def test_a_run_that_a_limit_stopped_goes_on_from_there_without_the_limit(tmp_path, limits):
    steps = "  - send: {to: pes}\n  - wait: 9\n  - send: {to: pes}\n  - random: {count: 5, every: 4}\n"
    text = f"version: 1\n{TIMES}steps:\n{steps}"
    straight = Case(tmp_path, text).run()
    stopped = Case(tmp_path, text, **limits).run(10**6)
    assert stopped.outcome.stopped is not None
    assert stopped.ended
    rest = Case(tmp_path, text).run(saved=stopped.saved)
    assert stopped.rows + rest.rows == straight.rows
    assert rest.outcome == straight.outcome


def test_limits_are_about_the_whole_run(tmp_path):
    text = f"version: 1\n{TIMES}steps:\n  - random: {{count: 50, every: 4}}\n"
    saved = Case(tmp_path, text).run(60).saved
    for limits in ({"limit_ticks": 90}, {"limit_events": 70}, {"limit_ticks": 50}, {"limit_events": 5}):
        case = Case(tmp_path, text, **limits)
        straight, rest = case.run(), case.run(saved=saved)
        assert rest.outcome.stopped == straight.outcome.stopped, limits
        if max(limits.values()) > 60:
            assert rest.outcome == straight.outcome, limits


def test_a_storm_that_is_stopped_in_the_midst_of_a_tick_leaves_no_snapshot(tmp_path, trees, monkeypatch):
    monkeypatch.setattr("kvx_emu.engine.cpu.LIMITS", LIMITS._replace(takes=50))
    steps = (
        "  - raise: {controller: interrupt-controller@27000000, input: 41}\n"
        "  - raise: {device: serial@20210000}\n"
    )
    ran = Case(tmp_path, f"version: 1\nsteps:\n{steps}", trees["coolidge"]).run(100)
    assert ran.outcome.stopped == "50 interrupts of pe0 within tick 0"
    assert ran.saved is None


TIMER = (
    "version: 1\nsoftware: bare\ntiming: {service: 40}\nsteps:\n"
    "  - sfr: {core: all, register: PS, write: 0x01000010}\n"
    "  - enable: {cores: all, lines: [0, 24]}\n"
    "  - level: {cores: all, line: 24, value: 1}\n"
)


def test_a_wait_for_idle_that_is_saved_rings_the_same_timers(tmp_path):
    """The bite at tick 20 ends the handler that was waited for; the timers run on to where it would end."""
    text = (
        TIMER
        + "  - watchdog: {cores: pe1, value: 10, interrupt: false}\n"
        + "  - timer: {cores: pe0, value: 7, every: 7, interrupt: false}\n"
        + "  - send: {to: pe1}\n  - wait: idle\n  - send: {to: pe2}\n"
    )
    case = Case(tmp_path, text)
    straight = case.run()
    assert [row[0] for row in straight.rows if row[3] == "reset"] == [20]
    for tick in range(60):
        same_from(case, straight, tick, tick + 3)


def test_a_wait_for_idle_ends_though_a_core_that_wakes_up_lets_its_timer_run_on(tmp_path):
    """TCR.T0SI stops the timer in AWAIT; so there is none on when the wait begins."""
    text = (
        TIMER
        + "  - sfr: {core: pe1, register: T0R, write: 99}\n"
        + "  - sfr: {core: pe1, register: TCR, write: 0x410000}\n"
        + "  - send: {to: pe0}\n  - idle: {cores: pe1}\n  - wait: 10\n  - send: {to: pe1}\n"
    )
    case = Case(tmp_path, text.replace("service: 40", "service: 40, delivery: 5"), limit_ticks=10**6)
    assert case.run().outcome.tick == 55


def test_what_timers_do_before_a_limit_is_in_the_trace_also_in_a_wait_for_idle(tmp_path):
    text = TIMER + "  - timer: {cores: pe0, value: 7, every: 7, interrupt: false}\n  - send: {to: pe1}\n"
    assert [row[0] for row in Case(tmp_path, text, limit_ticks=30).run().rows if row[3] == "timer"] == [
        7,
        14,
        21,
        28,
    ]


# The form


@pytest.fixture
def case(tmp_path):
    """A run with writes under way, a batch, a warning, a failure, marks and times."""
    steps = (
        "  - send: {to: [pe1, pe2]}\n"
        "  - mark: m\n"
        "  - disable: {cores: pe2, lines: 24}\n"
        "  - wait: 20\n"
        "  - send: {to: pes}\n"
        "  - expect: {core: pe1, delivered: 3, since: m}\n"
        "  - repeat:\n"
        "      count: 2\n"
        "      every: 30\n"
        "      steps: [{send: {to: pes}}, {wait: 4}, {send: {to: pe1, line: 25}}]\n"
        "  - expect: {core: pe1, within: 5}\n"
    )
    return Case(tmp_path, f"version: 1\n{TIMES}steps:\n{steps}")


SAVED_AT = 52


def test_a_snapshot_is_one_line_of_json_with_sorted_keys_and_the_digest_of_all_else(case):
    text = case.run(SAVED_AT).saved
    content = json.loads(text)
    assert text == json.dumps(content, sort_keys=True, separators=(",", ":")) + "\n"
    assert text.isascii()
    digest = content.pop("digest")
    rest = json.dumps(content, sort_keys=True, separators=(",", ":"))
    assert digest == hashlib.sha256(rest.encode()).hexdigest()
    assert (content["format"], content["version"], content["profile"]) == ("kvx-emu snapshot", 2, "hardware")
    assert sorted(content) == ["board", "format", "profile", "program", "state", "version"]


def test_a_snapshot_holds_where_the_run_is_in_words(case):
    state = state_of(case.run(SAVED_AT).saved)
    assert state["position"] == [6, 20, 1, 1, 54]  # the wait in the second iteration, until tick 54
    assert state["run"]["now"] == 51
    assert state["run"]["arrivals"] == [[55, 5, 24, 0, 0b111, 0, 0, [6, 0]]]
    ((step, what, message, rows, times),) = state["judge"]["failures"]
    assert (step, what, times) == ([5], "delivered", 1)
    assert message == "pe1 since m: expected delivered 3, found 1"
    assert rows[0] == "the last rows of pe1:"
    assert [(key, code, step) for key, code, _, step in state["judge"]["warnings"]] == [
        (["stuck", 2, 24], "never-taken", [0]),
        (["stuck", 1, 25], "never-taken", [6, 2]),
    ]
    assert state["judge"]["tally"]["asked"] == [[0, 1, 25, [29]], [0, 2, 24, [5]]]
    assert state["cpus"]["pe1"]["frames"] == []
    assert [frame["until"] for frame in state["cpus"]["pe0"]["frames"]] == [71]
    assert state["machine"]["cores"]["pe2"]["ilr"] == 1 << 24


def test_a_tree_as_source_and_as_a_blob_is_one_board(tmp_path, case):
    saved = case.run(SAVED_AT).saved
    text = case.text
    blob = read_tree(write_tree(read_tree(board({0: [0, 1, 2]}).encode(), "b.dts"), "dtb"), "b.dtb")
    assert Case(tmp_path, text, blob).run(SAVED_AT).saved == saved


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("<1000000000>", "<900000000>"),
        ("reg = <0 0x1a44180 0 0x8>; clocks = <&core_clk>", "reg = <0 0x1a44180 0 0x8>; clocks = <&ref_clk>"),
        ("reg = <0 0x10181000 0 0x418>", "reg = <0 0x10181000 0 0x420>"),
        ("interrupts = <41 4>", "interrupts = <41 1>"),
        ("msi-parent = <&c0mailbox>", "msi-parent = <&c1mailbox>"),
        ("<&c0pe14 24>, <&c0pe15 24>, <&c0rm 24>", "<&c0pe14 24>, <&c0pe15 24>"),
        ("reg = <0x410>;", "reg = <0x410>; power-controller = <&{/soc/power-controller@2a40000}>;"),
        ("reg = <0x410>;", "reg = <0x410>; status = \"disabled\";"),
    ],
    ids=["clock", "rate", "size", "wire", "msi-parent", "IPI line", "power", "core"],
)  # fmt: skip
def test_a_board_with_any_other_hardware_is_another_board(trees, old, new):
    text = (ROOT / "boards" / "coolidge.dts").read_text()
    assert old in text
    changed = read_tree(text.replace(old, new, 1).encode(), "changed.dts")
    assert board_digest(build(changed)[0]) != board_digest(build(trees["coolidge"])[0])


def test_a_board_with_another_clock_is_another_board():
    text = board({0: [0, 1, 2]})
    slower = text.replace("cpus {", "cpus { clock-frequency = <900000000>;")
    machines = [build(read_tree(each.encode(), "board.dts"))[0] for each in (text, slower)]
    assert [machine.clock_hz for machine in machines] == [1_000_000_000, 900_000_000]
    assert len({board_digest(machine) for machine in machines}) == 2


def test_what_a_tree_says_besides_the_hardware_does_not_make_another_board(trees):
    text = (ROOT / "boards" / "coolidge.dts").read_text()
    other = text.replace("model = ", "/* a remark */ model = ").replace("c0pe1:", "first: c0pe1:")
    moved = "\n".join(["", *other.splitlines()])
    changed = read_tree(moved.encode(), "elsewhere.dts")
    assert board_digest(build(changed)[0]) == board_digest(build(trees["coolidge"])[0])


def test_a_script_is_what_it_does_not_how_it_is_written(tmp_path, case):
    saved = case.run(SAVED_AT).saved
    other = "# A remark.\nname: another\n" + case.text.replace("wait: 4", "wait: 4ns")
    moved = Case(tmp_path, other)
    assert moved.run(SAVED_AT).saved == saved
    # What is told of steps is told where they stand now.
    assert [warning.place.line for warning in moved.run(saved=saved).outcome.warnings] == [6, 15]


def test_a_table_is_its_rows_not_its_file(tmp_path):
    (tmp_path / "a.csv").write_text("tick,addr,value,from\n0,0xad0000,2,pe0\n9,0xad0000,4,pe1\n")
    (tmp_path / "b.csv").write_text("tick,addr,value\n0,11337728,0x2\n9,11337728,4\n")
    (tmp_path / "c.csv").write_text("addr,tick,value,from\n11337728,0,0x2,pe0\n11337728,9,4,pe1\n")
    saved = {}
    for name in "abc":
        script = tmp_path / f"{name}.yaml"
        script.write_text(f"version: 1\nsteps:\n  - replay: {{file: {name}.csv}}\n")
        saved[name] = Case(tmp_path, script).run(5).saved
    assert saved["a"] == saved["c"]
    assert json.loads(saved["a"])["program"] != json.loads(saved["b"])["program"]


# What is refused


def refused(case, saved):
    """Return the message with which a snapshot is refused, after its name."""
    with pytest.raises(SnapshotError) as error:
        case.restored(saved)
    name, _, message = str(error.value).partition(": ")
    assert name == str(case.file)
    return message


def test_a_snapshot_of_another_board_is_refused(tmp_path, case):
    saved = case.run(SAVED_AT).saved
    for other in (board({0: [0, 1, 2, 3]}), board({0: [0, 1, 2]}, lines="24 25")):
        tree = read_tree(other.encode(), "other.dts")
        assert refused(Case(tmp_path, case.text, tree), saved) == "the snapshot is of another board"


def test_a_snapshot_of_another_script_or_seed_is_refused(tmp_path):
    text = (
        "version: 1\nsteps:\n  - random: {count: 50, every: 4}\n  - mark: a\n  - {at: 900, send: {to: pe1}}\n"
    )
    saved = Case(tmp_path, text).run(60).saved
    message = "the snapshot is of another script, or of another --set or --seed"
    for other in (
        text.replace("every: 4", "every: 5"),
        text.replace("mark: a", "mark: b"),
        text.replace("at: 900", "at: 901"),
        text.replace("steps:", "timing: {entry: 1}\nsteps:"),
        text + "  - wait: 0\n",
    ):
        assert refused(Case(tmp_path, other), saved) == message
    assert refused(Case(tmp_path, text, seed=1), saved) == message
    Case(tmp_path, text, seed=0).restored(saved)


def test_a_snapshot_of_another_profile_is_refused(tmp_path, case):
    saved = case.run(SAVED_AT).saved
    qemu = Case(tmp_path, case.text, profile="qemu")
    assert refused(qemu, saved) == "the snapshot is of another profile than qemu (--profile)"


def test_a_snapshot_of_another_version_is_refused(case):
    saved = case.run(SAVED_AT).saved
    newer = saved.replace('"version":2}', '"version":3}')
    assert refused(case, newer) == "found a snapshot of another version; expected version 2"


def test_a_damaged_snapshot_is_refused_whatever_the_damage(case):
    saved = case.run(SAVED_AT).saved.encode()
    draw = Random(1)
    for _ in range(300):
        at, bit = draw.randrange(len(saved)), draw.randrange(8)
        assert refused(case, saved[:at] + bytes([saved[at] ^ 1 << bit]) + saved[at + 1 :])
    for _ in range(50):
        at = draw.randrange(len(saved))
        assert refused(case, saved[:at])
        assert refused(case, saved[:at] + b" " + saved[at:])
    assert refused(case, saved + b"\n")


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"\n",
        b"null\n",
        b"[]\n",
        b"{}\n",
        b'{"format":"kvx-emu snapshot"}\n',
        b"\xff\xfe",
        b"[" * 10**5,
        b"9" * 5000,
        b"version: 1\nsteps:\n",
    ],
)
def test_what_is_no_snapshot_is_refused(case, text):
    assert refused(case, text)


def test_a_file_that_is_too_large_is_refused_before_it_is_understood(case, monkeypatch):
    monkeypatch.setattr("kvx_emu.engine.snapshot.LIMITS", LIMITS._replace(snapshot=100))
    assert refused(case, b"1" * 200) == "found more than 100 bytes; expected a smaller snapshot"


def test_a_snapshot_that_would_be_too_large_to_be_read_is_not_written(case, monkeypatch):
    monkeypatch.setattr("kvx_emu.engine.snapshot.LIMITS", LIMITS._replace(snapshot=100))
    with pytest.raises(OutputError, match="at most 100 could be read again"):
        case.run(SAVED_AT)


def test_a_file_that_can_not_be_opened_is_a_matter_of_usage(case):
    engine, _ = case.engine()
    with pytest.raises(UsageError, match="No such file"):
        load(str(case.file) + ".not", engine.parts.machine, engine.parts.program)


FORGERIES = [
    (("run", "now"), -1, "run.now: expected 0..0x7fffffffffffffff, found -1"),
    (("run", "now"), True, "run.now: expected a whole number, found true"),
    (("run", "now"), 56, "run.arrivals[0][0]: expected 56..0x"),
    (("run", "now"), 1 << 63, "run.now: expected 0..0x7fffffffffffffff"),
    (("run", "last"), 52, "run.last: expected 0..0x33, found 52"),
    (("run", "place"), [9], "run.place: expected the path of a step"),
    (("run", "writer"), [0, 17], "run.writer[1]: expected 0..0x10, found 17"),
    (("run", "arrivals", 0, 0), 49, "run.arrivals[0][0]: expected 51..0x"),
    (("run", "arrivals", 0, 2), 32, "run.arrivals[0][2]: expected 0..0x1f, found 32"),
    (("run", "arrivals", 0, 4), 8, "run.arrivals[0]: expected cores of the board"),
    (("run", "arrivals", 0, 4), 0, "run.arrivals[0][4]: expected 1..0x1ffff, found 0"),
    (("run", "arrivals", 0), [], "run.arrivals[0]: expected a list of 8, found a list of 0"),
    (("position",), [], "the position ends too early"),
    (("position",), [8, 0], "position[0]: expected 0..0x7, found 8"),
    (("position",), [9], "position[0]: expected 0..0x8, found 9"),
    (("position",), [0, 3], "position[0]: expected a step that a run can be inside of so, found 0"),
    (("position",), [6, 20, 1, 1, 49], "position[4]: expected 51..0x"),
    (("position",), [6, 20, 2, 1, 54], "position[2]: expected 0..0x1, found 2"),
    (("position",), [6, 20, 0], "position[2]: expected an iteration that is still to begin, found 0"),
    (("machine", "cores", "pe1", "ilr"), 1 << 32, "machine.cores.pe1: a core: ILR can not be [4294967296]"),
    (("machine", "cores", "pe1", "ilr"), 1 << 3, "the counts do not add up"),
    (
        ("machine", "cores", "pe1", "ilr"),
        0.5,
        "machine.cores.pe1: a core: ilr is neither a number nor a list",
    ),
    (
        ("machine", "blocks", "/ipi@1ad0000", "mask", 3),
        1 << 17,
        "machine.blocks./ipi@1ad0000.mask[3]: expected 0..0x1ffff",
    ),
    (
        ("machine", "high"),
        [["/x", 0, False, []]],
        "machine.high[0]: expected an interrupt input of the board",
    ),
    (("cpus", "pe1", "due"), 3, "cpus.pe1.due: expected 51..0x"),
    (("cpus", "pe3"), {}, "cpus: expected pe0, pe1, pe2, found pe0, pe1, pe2, pe3"),
    (("probed",), [1], "probed: expected clusters of the board, each once"),
    (("cause",), [0, 3], "cause: expected a core of the board"),
    (("driven",), None, "driven: expected a whole number, found null"),
    (("writes", "0", 0, 0), 23, "writes.0[0][0]: expected 24..0x1f, found 23"),
    (("writes", "0", 0, 2), 2, "the counts do not add up"),
    (("judge", "checked"), [], "judge.checked: expected at least as many expectations as failed"),
    (
        ("judge", "warnings", 0, 0),
        [[[[[0]]]]],
        "judge.warnings[0][0][0][0][0][0]: expected the key of a warning",
    ),
    (("judge", "tally", "asked"), [], "pe1 line 25: the requests that wait are not those that were asked"),
    (("judge", "tally", "intervals", 0, "since"), "m", "judge.tally.intervals[0].since: expected null"),
    (
        ("judge", "tally", "intervals", 0, "rows", 0, 2),
        "no",
        "judge.tally.intervals[0].rows[0][2]: expected an event",
    ),
    (("judge", "lookout"), {}, "judge.lookout: expected null, for no row is looked for"),
    (("judge", "tally", "intervals"), [], "judge.tally.intervals: expected an interval from the start"),
]


@pytest.mark.parametrize(("path", "value", "message"), FORGERIES, ids=lambda part: None)
def test_what_no_run_can_be_in_is_refused_though_the_digest_fits(case, path, value, message):
    saved = case.run(SAVED_AT).saved
    state = state_of(saved)
    *way, last = path
    part = state
    for key in way:
        part = part[key]
    part[last] = value
    assert refused(case, forged(saved, state)).removeprefix("snapshot.state.").startswith(message)


LOOKING = (
    "version: 1\nsteps:\n"
    "  - send: {to: pe1}\n"
    "  - wait: 20\n"
    "  - expect: {core: pe1, never: coalesced, from: pe0, delivered: 1}\n"
)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (None, "judge.recent: expected"),
        ([[0, 0, 1, "no", 24, 0, 0, 0]], "judge.recent[0]"),
    ],
    ids=["none", "no event"],
)
def test_last_rows_that_can_not_be_are_refused(tmp_path, value, message):
    case = Case(tmp_path, LOOKING)
    saved = case.run(10).saved
    state = state_of(saved)
    state["judge"]["recent"] = value
    assert refused(case, forged(saved, state)).removeprefix("snapshot.state.").startswith(message)


def test_last_rows_of_a_run_that_expects_nothing_are_refused(tmp_path):
    case = Case(tmp_path, "version: 1\nsteps:\n  - send: {to: pe1}\n  - wait: 20\n")
    saved = case.run(10).saved
    state = state_of(saved)
    state["judge"]["recent"] = []
    told = refused(case, forged(saved, state)).removeprefix("snapshot.state.")
    assert told.startswith("judge.recent: expected null, for nothing is expected")


@pytest.mark.parametrize("name", ["driven", "affinity"])
def test_what_linux_alone_has_is_refused_without_it(tmp_path, name):
    case = Case(tmp_path, "version: 1\nsoftware: bare\nsteps:\n  - send: {to: pe1}\n  - wait: 20\n")
    saved = case.run(10).saved
    state = state_of(saved)
    state[name] = 0 if name == "driven" else []
    told = refused(case, forged(saved, state)).removeprefix("snapshot.state.")
    assert told.startswith(f"{name}: expected null, for there is no Linux")


def test_a_first_row_without_a_count_is_refused(tmp_path):
    case = Case(tmp_path, LOOKING)
    saved = case.run(10).saved
    state = state_of(saved)
    found = [entry for entry in _lists(state["judge"]["lookout"]) if len(entry) == 4 and entry[0] == 0]
    found[0][2] = [1, 0, 1, "coalesced", 24, 0, 0, 0]
    assert "expected the first of the rows that were counted" in refused(case, forged(saved, state))


def _lists(value):
    if isinstance(value, list):
        yield value
    for part in value if isinstance(value, list) else value.values() if isinstance(value, dict) else ():
        yield from _lists(part)


def _paths(value, path=()):
    yield path
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in parts:
        yield from _paths(part, (*path, key))


@pytest.mark.parametrize("expecting", [False, True])
def test_a_snapshot_with_any_change_is_refused_or_runs_but_never_fails(tmp_path, case, expecting):
    """With a digest that fits, so that all the other checks are needed."""
    if expecting:
        case = Case(tmp_path, f"version: 1\n{TIMES}steps:\n{EXPECTING}")
    saved = case.run(SAVED_AT).saved
    whole = state_of(saved)
    paths = [path for path in _paths(whole) if path]
    draw = Random(2)
    outcomes = {"refused": 0, "ran": 0}
    odd = [None, True, 1.5, "x", [], {}, -1, 1 << 64, 1 << 200, [None], {"a": 1}, float("nan")]
    for _ in range(400):
        state = deepcopy(whole)
        way = draw.choice(paths)
        part = state
        for key in way[:-1]:
            part = part[key]
        if draw.random() < 0.2:
            del part[way[-1]]
        elif isinstance(part[way[-1]], int) and draw.random() < 0.5:
            part[way[-1]] += draw.choice([-1, 1, 2, 1 << 31])
        else:
            part[way[-1]] = draw.choice(odd)
        try:
            engine, _ = case.restored(forged(saved, state))
        except SnapshotError:
            outcomes["refused"] += 1
        else:
            engine.run()
            outcomes["ran"] += 1
    assert min(outcomes.values()) > 20


WITH_DRIVERS = """version: 1
timing: {delivery: 10, entry: 5, service: 100}
steps:
  - disable: {core: pe2, line: 24}
  - send: {to: pe2, op: call_func}
  - raise: {device: serial@20210000}
  - wait: 50
  - send: {to: pe1}
  - wait: 1000
"""
"""At tick 50 pe0 serves the UART, and what pe2 was asked for waits in its word."""


@pytest.mark.parametrize(
    ("key", "change", "message"),
    [
        (
            "affinity",
            lambda d: d["boot"].clear(),
            "affinity.boot: expected a core of each cluster whose drivers run",
        ),
        (
            "affinity",
            lambda d: d["inputs"][0].__setitem__(2, 40),
            "affinity.inputs[0]: expected a core of the board",
        ),
        (
            "affinity",
            lambda d: d["inputs"].clear(),
            "affinity.inputs: expected the GIC inputs that the drivers",
        ),
        ("operations", lambda w: w.append(w[0]), "operations[1]: expected a core of the board, each once"),
        ("machine", lambda m: m["high"].append(["/soc/serial@20210000", 0, 1, []]), "true or false"),
        (
            "machine",
            lambda m: m["high"].extend([["/soc/serial@20211000", 0, False, []]] * 2),
            "expected each input once",
        ),
        (
            "cpus",
            lambda c: c["pe0"]["frames"][0].__setitem__("until", 3),
            "cpus.pe0: expected an exception that goes on at tick 15 or later",
        ),
    ],
    ids=lambda part: None,
)
def test_what_no_driver_can_have_is_refused(tmp_path, trees, key, change, message):
    case = Case(tmp_path, WITH_DRIVERS, trees["coolidge"])
    saved = case.run(20).saved
    state = state_of(saved)
    assert key in state, sorted(state)
    change(state[key])
    assert message in refused(case, forged(saved, state))
