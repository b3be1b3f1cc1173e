"""The whole on one machine: the command, the demo network, the simulator."""
