"""Publishing a model on the Hub: its files, its records, and a card that says what was measured and how."""
