"""`make bench`: the main job against a script of the same semantics, written by hand. Not part of the test suite."""
