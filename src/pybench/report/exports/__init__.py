"""What a comparison is written as for other programs; nothing is computed here."""
