"""What every sandbox has: a memory, accounts, a clock, faults, a journal and a catalogue that can be edited.

A sandbox plays a remote.  It shares nothing with the client that speaks to it but the signing rule.
"""
