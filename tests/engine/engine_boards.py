"""Boards for tests of the engine, as source."""

from __future__ import annotations


def board(cores: dict[int, list[int]], lines: str = "24") -> str:
    """A tree with these pids in each cluster, wired to its IPI controller with each of `lines`."""
    cpus, controllers = [], []
    for cluster, pids in cores.items():
        wires = []
        for pid in pids:
            cpus.append(
                f'cpu@{cluster << 8 | pid:x} {{ device_type = "cpu"; compatible = "kalray,kv3-1-pe"; '
                f"reg = <{cluster << 8 | pid:#x}>; i{cluster}_{pid}: interrupt-controller {{ "
                'compatible = "kalray,kv3-1-intc"; interrupt-controller; #interrupt-cells = <1>; }; };'
            )
            wires += [f"<&i{cluster}_{pid} {line}>" for line in lines.split()]
        base = 0xAD0000 + 0x1000000 * (cluster + 1)
        controllers.append(
            f'ipi@{base:x} {{ compatible = "kalray,coolidge-ipi-ctrl"; reg = <{base:#x} 0x1000>; '
            f"interrupt-controller; #interrupt-cells = <0>; interrupts-extended = {', '.join(wires)}; }};"
        )
    return (
        "/dts-v1/;\n/ { #address-cells = <1>; #size-cells = <1>;\n"
        "cpus { #address-cells = <1>; #size-cells = <0>;\n" + "\n".join(cpus) + "\n};\n"
        "" + "\n".join(controllers) + "\n};\n"
    )
