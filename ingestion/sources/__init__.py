"""One module per feed: which files are one delivery, and what rows they hold."""
