"""Replays what was decided: the same inputs, today's code, a process without clock, environment, network or chance."""
