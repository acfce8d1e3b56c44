"""Test servers by someone who knows how the attacks look, and not how Postvakt looks for them.

Their evidence follows public reports and the formats' own documentation only. Whoever changes them does not read
the rules before.
"""
