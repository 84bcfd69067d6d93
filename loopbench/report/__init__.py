"""What a sweep says: its figures and tables, from the records alone."""
