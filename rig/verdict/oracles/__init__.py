"""Passive oracles: what is wrong in any capture, without a scenario and without an inventory.

Each oracle watches one part of SIP, keeps bounded state, and gives findings with clause, packets
and remedy. Their words stand in ``texts/*.yaml``. Must not know: files, clocks, how a capture
was taken; events come in by :meth:`rig.verdict.oracles.engine.OracleEngine.feed`.
"""
