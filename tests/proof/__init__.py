"""Proofs of promises about failure.

`python -m tests.proof.NAME` makes real things fail and counts what was lost.  Its last line is the figure; it ends with
0 where the promise holds, 1 where it does not, and 70 where the proof itself broke.  `--control` puts a known-bad
variant in the place of ours and must end with 1: a proof that never caught anything proves nothing.  `--seed` replays.
"""
