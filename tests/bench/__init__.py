"""`make bench`: the main job against one hand-written script of the same semantics. Not part of the test suite."""
