"""Why a core does not take a line."""

from __future__ import annotations

from kvx_emu.models.core import Core, State

_PS = Core.PS.fields
_PL = _PS["PL"].mask
_IE = _PS["IE"].mask


def why_not(core: Core, line: int, ps: int) -> str:
    """Return why a core that runs with `ps` never takes a line, as things stand."""
    pl, owner, level = ps & _PL, core.owner(line), core.level(line)
    if core.state in (State.RESETTING, State.STOPPED):
        return f"the core is {core.state.value}"
    if not core.ile >> line & 1:
        return "it is not enabled (ILE)"
    if owner > pl:
        return f"it belongs to PL{owner}, which is less privileged than PL{pl} that runs"
    if not level:
        return "its level is 0 (ILL)"
    if not ps & _IE:
        return "interrupts are off (PS.IE is 0)"
    return f"its level {level} is not above PS.IL, {_PS['IL'].get(ps)}"
