"""When, and for which month: stands above every other room."""
