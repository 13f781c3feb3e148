"""Issued documents on their way into billing systems: one file each; `documents.py` says what all send."""
