"""The main job as a user runs it: inbox, command, marts. Money figures come from the design pages and from outside."""
