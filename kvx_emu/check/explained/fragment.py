"""What the explanations are made of, and the examples that their fragments are added to."""

from __future__ import annotations

from typing import NamedTuple

TREE, FILE, SCRIPT, OVERLAY, BLOB, PLAIN = "tree", "file", "script", "overlay", "blob", "plain"
TRACE = "trace"

REPEATED = r"(?:/\*|#) repeated (\d+) times(?: \*/)?$"
"""At the end of a line of a fragment: it stands for so many such lines."""


class Explained(NamedTuple):
    """Why something is wrong, and a wrong and a right fragment.

    `kind` says what a fragment is: source that stands after the example board, a whole source file, the
    steps of a script (or a whole one), an overlay, bytes of a blob, a tree in YAML, or a trace.
    """

    text: str
    wrong: str
    right: str
    kind: str = TREE


EXAMPLE_BOARD = """\
/dts-v1/;
/ {
	compatible = "kalray,coolidge";
	#address-cells = <2>;
	#size-cells = <2>;
	chosen { stdout-path = "serial0"; };
	aliases: aliases { serial0 = &uart; };
	memory: memory@100000000 { device_type = "memory"; reg = <1 0 0 0x8000000>; };
	clk: clock { compatible = "fixed-clock"; #clock-cells = <0>; clock-frequency = <1000000000>; };
	cpus: cpus {
		#address-cells = <1>;
		#size-cells = <0>;
		cpu0: cpu@0 {
			device_type = "cpu"; compatible = "kalray,kv3-1-pe", "kalray,kv3-pe"; reg = <0>; clocks = <&clk>;
			pe0: interrupt-controller {
				compatible = "kalray,kv3-1-intc"; interrupt-controller; #interrupt-cells = <1>;
			};
		};
		cpu1: cpu@1 {
			device_type = "cpu"; compatible = "kalray,kv3-1-pe", "kalray,kv3-pe"; reg = <1>; clocks = <&clk>;
			pe1: interrupt-controller {
				compatible = "kalray,kv3-1-intc"; interrupt-controller; #interrupt-cells = <1>;
			};
		};
	};
	soc: soc {
		compatible = "simple-bus";
		#address-cells = <2>;
		#size-cells = <2>;
		ranges;
		gic: apic_gic@a20000 {
			compatible = "kalray,coolidge-apic-gic"; reg = <0 0xa20000 0 0x12000>;
			interrupt-controller; #interrupt-cells = <1>; interrupts-extended = <&pe0 4>, <&pe1 4>;
		};
		mailbox: apic_mailbox@a00000 {
			compatible = "kalray,coolidge-apic-mailbox"; reg = <0 0xa00000 0 0x10000>;
			interrupt-controller; msi-controller; #interrupt-cells = <0>;
			interrupt-parent = <&gic>; interrupts = <0>, <1>;
		};
		ipi: ipi_ctrl@ad0000 {
			compatible = "kalray,coolidge-ipi-ctrl"; reg = <0 0xad0000 0 0x1000>;
			interrupt-controller; #interrupt-cells = <0>; interrupts-extended = <&pe0 24>, <&pe1 24>;
		};
		itgen: itgen@27000000 {
			compatible = "kalray,coolidge-itgen"; reg = <0 0x27000000 0 0x1104>;
			interrupt-controller; #interrupt-cells = <2>; msi-parent = <&mailbox>;
		};
		uart: serial@20210000 {
			compatible = "snps,dw-apb-uart"; reg = <0 0x20210000 0 0x100>;
			interrupt-parent = <&itgen>; interrupts = <41 4>;
		};
	};
};
"""
"""The board that fragments of trees are added to: a later block changes what stands before it."""

EXAMPLE_SCRIPT = "version: 1\nsteps:\n"
"""What stands before a fragment of steps."""

EXAMPLE_BYTES = bytes.fromhex(
    "d00dfeed 00000048 00000038 00000048 00000028 00000011 00000010 00000000 00000000 00000010"
    "0000000000000000 0000000000000000 00000001 00000000 00000002 00000009"
)
"""The smallest blob: a root without anything. The bytes of a fragment replace some of it."""
