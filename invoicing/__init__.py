"""What leaves the house: ledger, close gate, documents, exports."""
