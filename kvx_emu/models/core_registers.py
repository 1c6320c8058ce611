"""The special function registers (SFRs) of a kvx core: what they are called, hold and who says so.

`offset` is the SFR's number.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from kvx_emu.hw.register import Field, Register, registers_of

if TYPE_CHECKING:
    from collections.abc import Mapping

PRIVILEGE_LEVELS = 4
"""PL0 is the most privileged, PL3 the least."""

SRC = "QEMU target/kvx/gen/registers.inc.h; Linux arch/kvx/include/asm/sfr_defs.h"


def _row(words: str, width: int) -> tuple[Field, ...]:
    """Return fields of `width` bits side by side from bit 0."""
    return tuple(Field(name, place * width, width) for place, name in enumerate(words.split()))


class PerLevel(Register):
    """A bank of one register a privilege level: `NAME_PL0` to `NAME_PL3`.

    `alias` is the number of the SFR `NAME`, which stands for the one of the current level.
    """

    def __init__(self, offset: int, *, alias: int, **rest: Any) -> None:
        super().__init__(offset, size=8, count=PRIVILEGE_LEVELS, stride=1, **rest)
        self.alias = alias

    def label(self, index: int = 0) -> str:
        """Return the name as people write it: `SPS_PL1`."""
        return f"{self.name}_PL{index}"


class Owners(Register):
    """Which privilege level owns each of some resources: two bits a resource, resource n at bits 2n+1:2n.

    Instructions read it, but write it only through the SFR `NAME` + `W` of number `alias`, whose fields
    count from the current level: 1 gives to the next less privileged one.
    """

    def __init__(self, offset: int, *, alias: int, owned: str = "", **rest: Any) -> None:
        fields = _row(owned, 2)
        width = 2 * len(fields) or 64
        super().__init__(offset, size=8, width=width, fields=fields, **rest)
        self.alias = alias


class Sfr(NamedTuple):
    """A name that software or a debugger may use for a special register.

    `number` is the SFR's number, `register` its declaration, `place` the place in a bank (None: the
    current privilege level's); `relative` marks the write-only names of the owners.
    """

    name: str
    number: int
    register: Register
    place: int | None = 0
    relative: bool = False

    @property
    def width(self) -> int:
        """How many bits exist, from bit 0."""
        return self.register.width

    @property
    def access(self) -> str:
        """What a debugger may do: R, W or RW."""
        return "W" if self.relative else self.register.access


_PS_FIELDS = (
    Field("PL", 0, 2, "privilege level, 0 = most privileged (in SPS: less that of the handler)"),
    Field("ET", 2, 1, "exception taken: one more at the same level is a double exception"),
    Field("HTD", 3, 1, "hardware traps disabled"),
    Field("IE", 4, 1, "interrupts of this level enabled"),
    Field("HLE", 5, 1, "hardware loops enabled"),
    Field("SRE", 6),
    Field("DAUS", 7),
    Field("ICE", 8, 1, "instruction cache enabled"),
    Field("USE", 9),
    Field("DCE", 10, 1, "data cache enabled"),
    Field("MME", 11, 1, "memory management enabled"),
    Field("IL", 12, 2, "interrupt level: lines of this privilege level must be above it"),
    Field("VS", 14, 2),
    Field("V64", 16),
    Field("L2E", 17, 1, "second level cache enabled"),
    Field("SME", 18, 1, "step mode enabled"),
    Field("SMR", 19, 1, "step mode ready"),
    Field("PMJ", 20, 4),
    Field("MMUP", 24),
)

_ES_FIELDS = (
    Field("EC", 0, 4, "1 hardware trap, 2 interrupt, 3 syscall; plus 8 for a double exception"),
    Field("OAPL", 4, 2, "level that was interrupted"),
    Field("ORPL", 6, 2, "the same, less the level of the handler"),
    Field("PTAPL", 8, 2, "level that the exception was meant for at first"),
    Field("PTRPL", 10, 2, "the same, less the level of the handler"),
    Field("ITN", 12, 5, "line of the interrupt; for a hardware trap the same bits are HTC, its cause"),
    Field("ITL", 17, 2, "level of the line"),
    Field("ITI", 19, 10, "more on the line: for 16 (DAME) what MES held"),
)


class CoreRegisters:
    """The declarations, and the values under the lower-case names."""

    PS = Register(1, size=8, width=25, reset=0x01000004, fields=_PS_FIELDS, src=SRC, doc="processor state")
    PCR = Register(
        2,
        size=8,
        width=54,
        access="R",
        reset=0x0010000000000000,
        fields=(
            Field("PID", 0, 8, "the core in its cluster: 0 to 15, and 16 for the RM"),
            Field("CID", 8, 8, "the cluster"),
            Field("MID", 16, 8),
            Field("CAR", 24, 4, "0 for kv3-1"),
            Field("COE", 52),
            Field("L1CE", 53),
        ),
        src=SRC + "; reset PID and CID: Linux arch/kvx/include/asm/smp.h",
        doc="which core this is",
    )
    IPE = Register(
        10,
        size=8,
        fields=(
            Field("FE", 0, 16, "forward events that came, bit n: event n"),
            Field("BE", 16, 16, "backward events that came"),
            Field("FM", 32, 16, "forward events to pass on"),
            Field("BM", 48, 16, "backward events to pass on"),
        ),
        src=SRC,
        doc="inter-processor events",
    )
    TCR = Register(
        18,
        size=8,
        width=32,
        writable=0x1FFF0000,
        fields=(
            Field("T0CE", 16, 1, "timer 0 counts"),
            Field("T1CE", 17, 1, "timer 1 counts"),
            Field("T0IE", 18, 1, "an underflow of timer 0 requests line 0"),
            Field("T1IE", 19, 1, "an underflow of timer 1 requests line 1"),
            Field("T0ST", 20, 1, "timer 0 has underflowed since software cleared it"),
            Field("T1ST", 21, 1, "timer 1 has underflowed since software cleared it"),
            Field("T0SI", 22, 1, "timer 0 stops while the core is idle"),
            Field("T1SI", 23, 1, "timer 1 stops while the core is idle"),
            Field("WCE", 24, 1, "the watchdog counts"),
            Field("WIE", 25, 1, "an underflow of the watchdog requests line 2"),
            Field("WUI", 26, 1, "an underflow of the watchdog while WUS is set resets the core"),
            Field("WUS", 27, 1, "the watchdog has underflowed since software cleared it"),
            Field("WSI", 28, 1, "the watchdog stops while the core is idle"),
        ),
        src=SRC + "; what the fields do: QEMU target/kvx/timers.c",
        doc="timer control",
    )
    T0V = Register(19, size=8, src=SRC, doc="value of timer 0, counting down")
    T1V = Register(20, size=8, src=SRC, doc="value of timer 1, counting down")
    T0R = Register(21, size=8, src=SRC, doc="what timer 0 starts again from after an underflow")
    T1R = Register(22, size=8, src=SRC, doc="what timer 1 starts again from after an underflow")
    WDV = Register(23, size=8, src=SRC, doc="value of the watchdog, counting down")
    WDR = Register(24, size=8, src=SRC, doc="what the watchdog starts again from after an underflow")
    ILE = Register(25, size=8, width=32, src=SRC, doc="enabled lines")
    ILL = Register(26, size=8, src=SRC, doc="level of each line, 0 to 3, line n at bits 2n+1:2n")
    ILR = Register(27, size=8, width=32, src=SRC, doc="requested (pending) lines")

    SYO = Owners(32, alias=96, owned="Q0 Q1 Q2 Q3", src=SRC + ", privilege.h", doc="owners of the syscalls")
    HTO = Owners(
        33,
        alias=97,
        owned="OPC DMIS PSYS DSYS DECCG SECCG NOMAP PROT W2CL A2CL DE VSFR PLO",
        src=SRC,
        doc="owners of the hardware traps; DE: of double exceptions, PLO: of privilege level overflows",
    )
    ITO = Owners(34, alias=98, src=SRC, doc="owners of the interrupt lines")
    DO = Owners(35, alias=99, src=SRC + " (its fields are in neither)", doc="owners of the debug resources")
    MO = Owners(
        36,
        alias=100,
        owned="MMI RFE STOP SYNC PCR MSG MEN MES CSIT T0 T1 WD PM0 PM1 PM2 PM3 PMIT",
        src=SRC,
        doc="owners of instructions and peripherals of the core",
    )
    PSO = Owners(37, alias=101, src=SRC + " (its fields are in neither)", doc="owners of the fields of PS")

    MES = Register(
        45,
        size=8,
        width=10,
        fields=_row("PSE PILSY PILDE PILPA DSE DILSY DILDE DILPA DDEE DSYE", 1),
        src=SRC,
        doc="memory errors since software cleared it",
    )
    WS = Register(
        46,
        size=8,
        width=3,
        reset=0x7,
        fields=(
            Field("WU0", 0, 1, "ends await"),
            Field("WU1", 1, 1, "ends sleep"),
            Field("WU2", 2, 1, "ends stop; no interrupt sets it"),
        ),
        src=SRC,
        doc="wake-up status; software clears it",
    )

    SPC = PerLevel(64, alias=128, src=SRC, doc="saved PC")
    SPS = PerLevel(68, alias=132, width=25, fields=_PS_FIELDS, src=SRC, doc="saved PS")
    EA = PerLevel(72, alias=136, src=SRC, doc="exception address")
    EV = PerLevel(
        76,
        alias=140,
        writable=(1 << 64) - 0x100,
        src=SRC + "; alignment of 256: Linux Documentation/arch/kvx/kvx-exceptions.rst",
        doc="base of the exception vectors",
    )
    SR = PerLevel(80, alias=144, src=SRC, doc="free for software")
    ES = PerLevel(84, alias=148, reset=0x4, fields=_ES_FIELDS, src=SRC, doc="exception syndrome")

    ps: int
    pcr: int
    ile: int
    ill: int
    ilr: int
    syo: int
    hto: int
    ito: int
    do: int
    mo: int
    pso: int
    mes: int
    ws: int
    spc: list[int]
    sps: list[int]
    ea: list[int]
    ev: list[int]
    sr: list[int]
    es: list[int]


def _names() -> Mapping[str, Sfr]:
    """Return every special register under each of its names, the write-only ones of owners included."""
    found = []
    for register in registers_of(CoreRegisters):
        name = register.name
        if isinstance(register, PerLevel):
            found += [Sfr(register.label(pl), number, register, pl) for number, pl in register.places()]
            found.append(Sfr(name, register.alias, register, None))
        else:
            found.append(Sfr(name, register.offset, register))
            if isinstance(register, Owners):
                found.append(Sfr(name + "W", register.alias, register, relative=True))
    return {sfr.name: sfr for sfr in sorted(found, key=lambda sfr: sfr.number)}


SFRS = _names()
"""Every special register under each of its names."""
