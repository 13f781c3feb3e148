"""`make bench`: the main job against a script of the same semantics, written by hand. The suite has `test_ratios`."""
