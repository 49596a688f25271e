"""The host side of the lamp board: light on real lamps, told over a serial line.

``line`` is the protocol's codec, ``host_clock`` pairs the board's clock with ours,
``calibration`` finds levels and thresholds, ``channels`` knows what each input sees,
``requests`` and ``session`` are the state machine: all of them sans-IO. ``sensor`` tells from
the light what a lamp does; ``serial_board`` owns the port and the threads.
"""
