# ruff: noqa: E501 - fragments stand as they are shown
"""Explanations of what can be wrong with a script, and odd while it runs."""

from __future__ import annotations

from kvx_emu.check.explained.fragment import SCRIPT
from kvx_emu.check.explained.fragment import Explained as _Explained


def _about(text: str, wrong: str, right: str) -> _Explained:
    return _Explained(text, wrong, right, SCRIPT)


EXPLAINED = {
    "script-alias": _about(
        "Aliases of YAML (*name) can make a small file stand for a huge one; write the value out, or use params.",
        "- wait: *long",
        "- wait: 1us",
    ),
    "script-anchor": _about(
        "Anchors of YAML (&name) serve aliases, which are refused.",
        "- wait: &long 1us",
        "- wait: 1us",
    ),
    "script-core": _about(
        "A core is pe0 to pe15 or rm, with c2. before it in cluster 2, and the board must have it.",
        "- send: {to: pe9}",
        "- send: {to: pe1}",
    ),
    "script-depth": _about(
        "No step needs lists and mappings nested deeper than 16.",
        "- send: {to: [[[[[[[[[[[[[[[[[[pe1]]]]]]]]]]]]]]]]]]}",
        "- send: {to: [pe1]}",
    ),
    "script-document": _about(
        "A script is one document of YAML, a mapping with version and steps.",
        "- wait: 1us\n---\n- wait: 1us",
        "- wait: 1us",
    ),
    "script-duplicate": _about(
        "Of a key that stands twice YAML would silently keep one.",
        "- send: {to: pe1, to: pe0}",
        "- send: {to: [pe1, pe0]}",
    ),
    "script-encoding": _about(
        "A script is text in UTF-8.",
        "# caf\udce9\n- wait: 1us",
        "# café\n- wait: 1us",
    ),
    "script-expansion": _about(
        "With all repeats unrolled, a script may stand for 10^11 steps: weeks of running.",
        "- repeat: {count: 1000000000000, steps: [{wait: 1}]}",
        "- repeat: {count: 1000, steps: [{wait: 1}]}",
    ),
    "script-key": _about(
        "The step has no such key; the message names those that it has.",
        "- send: {to: pe1, lin: 24}",
        "- send: {to: pe1, line: 24}",
    ),
    "script-line": _about(
        "A core has the lines 0 to 31; send and mask take those of the IPI controller, 24 to 31.",
        "- send: {to: pe1, line: 3}",
        "- send: {to: pe1, line: 25}",
    ),
    "script-many": _about(
        "So much is wrong that only the first thousand of it is told.",
        "- frob: 1  # repeated 1001 times",
        "- wait: 1  # repeated 1001 times",
    ),
    "script-mark": _about(
        "since counts from a mark, which must be reached before.",
        "- expect: {core: pe1, delivered: 0, since: start}",
        "- mark: start\n- expect: {core: pe1, delivered: 0, since: start}",
    ),
    "script-missing": _about(
        "The step needs this key.",
        "- send: {from: pe0}",
        "- send: {from: pe0, to: pe1}",
    ),
    "script-node": _about(
        "A node is named by its path, its label, or a name that only one node has, and must have the interrupt, input\n"
        "or mailbox of that number.",
        "- pulse: {device: serial@20210001}",
        "- pulse: {device: serial@20210000}",
    ),
    "script-param": _about(
        "${n} stands for a number of params, by its name.",
        "- wait: ${n}",
        "- wait: 5",
    ),
    "script-register": _about(
        "The message names the registers that a script can set, and what can be done with each.",
        "- sfr: {core: pe0, register: ILX, set: 1}",
        "- sfr: {core: pe0, register: ILE, set: 1}",
    ),
    "script-size": _about(
        "A script has 64 MiB at most; random and repeat make long ones of short files.",
        "# 64 MiB are so many lines of 64 characters, which is too many ..  # repeated 1100000 times",
        "- repeat: {count: 1000000, steps: [{send: {to: pe1}}]}",
    ),
    "script-step": _about(
        "A step is a mapping with exactly one of the names of steps, and optionally at.",
        "- wiat: 1us",
        "- wait: 1us",
    ),
    "script-syntax": _about(
        "The text is no YAML. What is told is where the reader gave up.",
        "- send: {to: [pe1}",
        "- send: {to: [pe1]}",
    ),
    "script-table": _about(
        "A table to replay is CSV with the columns tick, addr, value and perhaps from in any order, a cell for each in\n"
        "every row; or the same as a structured array of integers (.npy), or as Parquet. It stays as it is until the run\n"
        "is over.",
        "- replay: {file: short.csv}   # tick,addr,value, and then a row 5,0xad0000",
        "- replay: {file: writes.csv}   # tick,addr,value, and then a row 5,0xad0000,0x2",
    ),
    "script-tag": _about(
        "Tags of YAML (!!name) ask for objects, which a script has no use for.",
        "- wait: !!int 5",
        "- wait: 5",
    ),
    "script-time": _about(
        "A duration is a number of ticks, or a number with ns, us, ms, s or clk that is a whole number of ticks. at\n"
        "is never in the past, and a body is never longer than every.",
        "- wait: 0.3ns",
        "- wait: 3ns",
    ),
    "script-value": _about(
        "The key takes other values; the message says which.",
        "- write: {addr: 0xad0000, value: 2, size: 3}",
        "- write: {addr: 0xad0000, value: 2, size: 4}",
    ),
    "script-version": _about(
        "The version of the language is 1.",
        "version: 2\nsteps:\n- wait: 1us",
        "version: 1\nsteps:\n- wait: 1us",
    ),
    "bus-error": _about(
        "Nothing answers at the address, or not with this size. The trace has a row, and the run goes on.",
        "- write: {addr: 0xb00000, value: 1}",
        "- write: {addr: 0xad0000, value: 1}",
    ),
    "core-reset": _about(
        "Out of reset PS.ET is 1: an exception counts as inside another one, and a second one resets the core, as\n"
        "the hardware does. Software clears ET (bit 2) before it allows interrupts (IE, bit 4).",
        "version: 1\nsoftware: bare\nsteps:\n- enable: {cores: pe1, lines: [24]}\n"
        "- level: {cores: pe1, line: 24, value: 1}\n- sfr: {core: pe1, register: PS, set: 0x10}\n- send: {to: pe1}",
        "version: 1\nsoftware: bare\nsteps:\n- enable: {cores: pe1, lines: [24]}\n"
        "- level: {cores: pe1, line: 24, value: 1}\n- sfr: {core: pe1, register: PS, clear: 0x4}\n"
        "- sfr: {core: pe1, register: PS, set: 0x10}\n- send: {to: pe1}",
    ),
    "drained": _about(
        "Kalray's Linux clears all enabled pending lines in one exception, those without a driver too.",
        "- enable: {cores: pe1, lines: [26]}\n- level: {cores: pe1, line: 26, value: 1}\n- send: {to: pe1, line: 26}",
        "- send: {to: pe1, line: 24}",
    ),
    "expectation": _about(
        "What the script expects and what happened differ. The run goes on; its status is 1.",
        "- send: {to: pe1}\n- expect: {core: pe1, delivered: 2}",
        "- send: {to: pe1}\n- expect: {core: pe1, delivered: 1}",
    ),
    "ipi-operation": _about(
        "Linux has the operations 0 to 2 (reschedule, call_func, irq_work) and reports any other as a bug of the sender.",
        "- send: {to: pe1, op: unknown}",
        "- send: {to: pe1, op: reschedule}",
    ),
    "lost": _about(
        "The trace has a row of it. The message says where it ended: an input that is disabled, or enabled nowhere,\n"
        "a mailbox that nobody hears, an address at which nothing answers, a message that a driver drops.",
        "version: 1\nsoftware: bare\nsteps:\n- pulse: {controller: gic, input: 129}",
        "version: 1\nsoftware: bare\nsteps:\n- write: {addr: 0xa20081, size: 1, value: 1}\n- pulse: {controller: gic, input: 129}",
    ),
    "no-driver": _about(
        "The interrupt is acknowledged, and nothing else is done; or Linux is asked to switch one that it does not\n"
        "have: the tree does not lead it to a mailbox, or no Linux runs yet in its cluster.",
        "version: 1\nboot: reset\nsteps:\n- disable_irq: {mailbox: 0, bit: 1}",
        "version: 1\nsteps:\n- disable_irq: {mailbox: 0, bit: 1}",
    ),
    "not-running": _about(
        "A core executes STOP or AWAIT only while it runs. `start` wakes it up.",
        "- stop: {cores: pe1}\n- idle: {cores: pe1}",
        "- stop: {cores: pe1}\n- start: {cores: pe1}\n- idle: {cores: pe1}",
    ),
    "software-reset": _about(
        "The FTU can reset the whole chip. Here it can not: begin another run.",
        "- write: {addr: 0x10181050, value: 1}",
        "- stop: {cores: pe1, reset: true}",
    ),
    "never-taken": _about(
        "The core keeps the request and does not take it: the line is disabled, its level is 0 or not above PS.IL,\n"
        "interrupts are off, or the line belongs to a more privileged level. The message says which.",
        "version: 1\nsoftware: bare\nsteps:\n- send: {to: pe1}",
        "- send: {to: pe1}",
    ),
    "no-such-core": _about(
        "A controller has a bit for each of 17 cores; one that the board lacks has no effect.",
        "- write: {addr: 0xad0000, value: 0x8}",
        "- write: {addr: 0xad0000, value: 0x2}",
    ),
    "read-only-register": _about(
        "The register can only be read: what is written has no effect.",
        "- write: {addr: 0xa44180, size: 8, value: 1}",
        "- read: {addr: 0xa44180, size: 8}",
    ),
    "register-bits": _about(
        "Bits that a register does not have are ignored, as the hardware does: INTERRUPT and MASK have 17.",
        "- write: {addr: 0xad0000, value: 0x80000002}",
        "- write: {addr: 0xad0000, value: 0x2}",
    ),
    "reserved-register": _about(
        "Nothing is documented at this offset: a read gives 0, a write is ignored.",
        "- read: {addr: 0xad0040}",
        "- read: {addr: 0xad0020}",
    ),
}
