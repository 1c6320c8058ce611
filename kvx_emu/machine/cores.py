"""The cores of a tree, their interrupt controllers and their clock."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from kvx_emu.core_id import PIDS, CoreId
from kvx_emu.errors import ERROR, NOTE, WARNING
from kvx_emu.machine.facts import CpuFacts
from kvx_emu.models.core import Core

if TYPE_CHECKING:
    from kvx_emu.dt.tree import Node
    from kvx_emu.machine.survey import Survey

DEFAULT_CLOCK = 1_000_000_000
"""Hz of the core clock where the tree has none: what Kalray's trees say."""

_CLOCKED = {"core timer", "DSU clock"}

ONE_CELL = (1).to_bytes(4, "big")
"""The `#interrupt-cells` of a core's interrupt controller: a specifier is the line. Source: bindings."""


class Cores(NamedTuple):
    """The enabled cores, ascending, all and by cluster.

    `own` finds one by the path of the interrupt controller in its node; `shared` is the node that stands
    for the controllers of all cores that have none of their own, `sharing` these cores by cluster.
    """

    cpus: tuple[CpuFacts, ...]
    by_cluster: dict[int, list[CoreId]]
    own: dict[str, CpuFacts]
    shared: Node | None
    sharing: dict[int, list[CoreId]]

    @property
    def dialect(self) -> str:
        """`coolidge` (an interrupt controller in each cpu node) or `kvx` (one for all)."""
        return "coolidge" if self.own or self.shared is None else "kvx"

    def with_intc(self, cluster: int) -> list[CoreId]:
        """Return the cores of a cluster that an interrupt can reach."""
        cores = [cpu.core for cpu in self.own.values() if cpu.core.cluster == cluster]
        return sorted(cores + (self.sharing.get(cluster, []) if self.shared is not None else []))

    def behind(self, path: str, cluster: int | None) -> list[CoreId] | None:
        """Return the cores whose controller a node is, those of `cluster` (None: all) if it is everybody's.

        None if it stands for no core: one that was refused, or a second one.
        """
        if path in self.own:
            return [self.own[path].core]
        if self.shared is not None and path == self.shared.path:
            return [core for at, cores in self.sharing.items() for core in cores if cluster in {None, at}]
        return None


def read_cores(survey: Survey) -> Cores:
    """Return the cores of a tree, and tell what is wrong with them."""
    cpus = _cpus(survey)
    own = {cpu.intc.path: cpu for cpu in cpus if cpu.intc is not None}
    cores = Cores(cpus, {}, own, _shared(survey), {})
    for cpu in cpus:
        cores.by_cluster.setdefault(cpu.core.cluster, []).append(cpu.core)
        if cpu.intc is None:
            cores.sharing.setdefault(cpu.core.cluster, []).append(cpu.core)
    for cpu in cpus:
        if cpu.intc is None and cores.shared is None and (own or _is_newer(survey, cpu.node)):
            message = f"{cpu.core} has no interrupt controller; expected a kalray,kv3-1-intc in its cpu node"
            survey.say(ERROR, "cpu-intc", message, cpu.node)
        if own and cpu.node.raw("device_type") != b"cpu\0":
            message = 'a cpu node needs device_type = "cpu": without it Linux does not see the cpu'
            survey.say(WARNING, "cpu-device-type", message, cpu.node, "device_type")
    return cores


def _is_newer(survey: Survey, node: Node) -> bool:
    """Whether a cpu is one of the generation that has its interrupt controller in the cpu node."""
    return any(text.startswith("kalray,kv3-") for text in survey.compatible(node))


def _cpus(survey: Survey) -> tuple[CpuFacts, ...]:
    parent = survey.tree.node("/cpus")
    if parent is not None and parent.enabled:
        _check_cells(survey, parent)
    found: dict[CoreId, CpuFacts] = {}
    for node in parent.children if parent is not None else ():
        is_cpu = node.raw("device_type") == b"cpu\0" or node.name.partition("@")[0] == "cpu"
        if not node.enabled or not is_cpu:
            continue
        core = _core_id(survey, node)
        if core is None:
            continue
        if core in found:
            first = found[core].node
            message = f"two cpus are {core}: {first.path} and {node.path} have the same reg"
            for guilty in (first, node):
                survey.say(ERROR, "cpu-reg", message, guilty, "reg", guilty.cell_place("reg", 0))
            continue
        found[core] = CpuFacts(core, node, _own_intc(survey, node))
    return tuple(found[core] for core in sorted(found))


def _check_cells(survey: Survey, cpus: Node) -> None:
    """See that a cpu's reg is one cell by what /cpus says as well."""
    for name, expected in (("#address-cells", 1), ("#size-cells", 0)):
        raw = cpus.raw(name)
        if cpus.children and raw is not None and raw != expected.to_bytes(4, "big"):
            message = f"expected {name} = <{expected}> in /cpus: the reg of a cpu is one cell"
            survey.say(ERROR, "cpu-reg", message, cpus, name)


def _core_id(survey: Survey, node: Node) -> CoreId | None:
    """Return the core that a cpu node's reg names: cluster << 8 | pid, as in the register PCR."""
    raw = node.raw("reg") or b""
    if len(raw) != 4:
        found = "none" if not raw else f"{len(raw)} bytes" if len(raw) % 4 else f"{len(raw) // 4} cells"
        message = f"a cpu needs a reg of one cell, cluster << 8 | pid; found {found}"
        survey.say(ERROR, "cpu-reg", message, node, "reg")
        return None
    reg = int.from_bytes(raw, "big")
    cluster, pid = divmod(reg, 0x100)
    if pid >= PIDS or cluster > 0xFF:
        message = f"reg {reg:#x} is no core: the pid (its low byte) goes to 16, the cluster to 255"
        survey.say(ERROR, "cpu-reg", message, node, "reg", node.cell_place("reg", 0))
        return None
    _check_unit_address(survey, node, reg)
    return CoreId(cluster, pid)


def _check_unit_address(survey: Survey, node: Node, reg: int) -> None:
    unit = node.unit_address
    if unit is None or unit.lower() == f"{reg:x}":
        return
    if unit == str(reg):
        message = f"the unit address {unit} is reg {reg:#x} in decimal; the specification says hexadecimal"
        survey.say(NOTE, "cpu-reg", message, node)
    else:
        survey.say(WARNING, "cpu-reg", f"the unit address {unit} is not reg {reg:#x}", node)


# Interrupt controllers


def _own_intc(survey: Survey, node: Node) -> Node | None:
    intcs = [child for child in node.children if child.enabled and survey.is_core_intc(child)]
    if len(intcs) > 1:
        for intc in intcs:
            message = f"{node.path} has {len(intcs)} core interrupt controllers; a core has one"
            survey.say(ERROR, "cpu-intc", message, intc)
    for intc in intcs[:1]:
        _check_intc(survey, intc)
        return intc
    return None


def _shared(survey: Survey) -> Node | None:
    """Return the intc outside of any cpu node: it stands for the controllers of all cores."""
    first: Node | None = None
    for node in survey.nodes_of(Core):
        if _in_cpu(node):
            continue
        found = survey.model(node)
        if found is not None and found[0] == "kalray,kv3-1-intc":
            message = "a kalray,kv3-1-intc belongs inside the node of its cpu"
            survey.say(ERROR, "cpu-intc", message, node)
        elif first is not None:
            message = f"two interrupt controllers for all cores: {first.path} and {node.path}"
            for guilty in (first, node):
                survey.say(ERROR, "cpu-intc", message, guilty)
        else:
            _check_intc(survey, node)
            first = node
    return first


def _in_cpu(node: Node) -> bool:
    """Whether a node is in that of a cpu; one of a cpu that was refused stands for nothing else."""
    above = node.parent.parent if node.parent is not None else None
    return above is not None and above.path == "/cpus"


def _check_intc(survey: Survey, node: Node) -> None:
    if node.raw("#interrupt-cells") != ONE_CELL:
        message = "a core interrupt controller needs #interrupt-cells = <1>: a specifier is the line"
        survey.say(ERROR, "intc-cells", message, node, "#interrupt-cells")


# Power controllers


def read_powers(survey: Survey, cpus: tuple[CpuFacts, ...]) -> dict[CoreId, str]:
    """Return the path of the power controller that each cpu names, of those that name one."""
    name = "power-controller"
    powers = {}
    for core, node, _ in cpus:
        raw = node.raw(name)
        if raw is None:
            continue
        target = survey.tree.by_phandle(int.from_bytes(raw[:4], "big")) if len(raw) >= 4 else None
        if target is None:
            code, message = "phandle-dangling", f"the {name} of {node.path} is the phandle of no node"
        elif survey.title(target) != "power controller":
            code, message = "cpu-power", f"{target.path}, the {name} of {node.path}, is no power controller"
        elif not target.enabled:
            code, message = "phandle-dangling", f"{target.path}, the {name} of {node.path}, is disabled"
        else:
            powers[core] = target.path
            continue
        survey.say(WARNING, code, message, node, name, node.cell_place(name, 0))
    return powers


# The clock


def read_clock(survey: Survey, cpus: tuple[CpuFacts, ...]) -> int:
    """Return the core clock in Hz: of the first cpu that tells one, or of /cpus, or 1 GHz.

    A cpu tells it by its clock-frequency, or by that of the clock that its clocks name.
    """
    for node in [cpu.node for cpu in cpus] + [cpu.node.parent for cpu in cpus[:1] if cpu.node.parent]:
        frequency = _frequency(survey, node)
        if frequency is None:
            clock = _clock_of(survey, node)
            frequency = None if clock is None else _frequency(survey, clock)
        if frequency is not None:
            return frequency
    return DEFAULT_CLOCK


def read_rates(survey: Survey) -> dict[str, int]:
    """Return the Hz of the clocks of core timers and DSU clocks, by path, where the tree tells them."""
    rates = {}
    for node in survey.tree.nodes():
        title = survey.title(node)
        if title not in _CLOCKED or not node.enabled:
            continue
        raw = node.raw("clocks") or b""
        clock = survey.tree.by_phandle(int.from_bytes(raw[:4], "big")) if len(raw) >= 4 else None
        if clock is None and len(raw) >= 4:
            continue  # told, as any phandle of no node
        rate = None if clock is None else _frequency(survey, clock)
        if rate is not None:
            rates[node.path] = rate
        elif clock is None or not clock.has("clock-frequency"):
            what = (
                "has no clocks" if clock is None else f"has the clock {clock.path}, which tells no frequency"
            )
            message = f"{node.path} {what}: it is taken to run with the core clock"
            survey.say(NOTE, "clock-unknown", message, node, "clocks", node.cell_place("clocks", 0))
    return rates


def _clock_of(survey: Survey, node: Node) -> Node | None:
    """Return the first clock that a node's `clocks` name."""
    cells = survey.cells(node, "clocks") if node.has("clocks") else None
    if cells is None:
        return None
    clock = survey.tree.by_phandle(cells[0]) if cells else None
    if clock is None:
        found = f"phandle {cells[0]:#x}" if cells else "nothing"
        message = f"clocks names no node: found {found}"
        place = node.cell_place("clocks", 0)
        survey.say(ERROR, "phandle-dangling", message, node, "clocks", place)
    return clock


def _frequency(survey: Survey, node: Node) -> int | None:
    """Return clock-frequency, of one cell or two; None if the node has none or a wrong one, which is told."""
    name = "clock-frequency"
    if not node.has(name):
        return None
    cells = survey.cells(node, name)
    if cells is None:
        return None
    if len(cells) not in {1, 2}:
        message = f"a clock-frequency is a number of one cell or two; found {len(cells)} cells"
        survey.say(ERROR, name, message, node, name)
        return None
    value = cells[-1] if len(cells) == 1 else cells[0] << 32 | cells[1]
    if not value:
        survey.say(ERROR, name, "a clock of 0 Hz", node, name, node.cell_place(name, 0))
        return None
    return value
