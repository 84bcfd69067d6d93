"""The leaderboard as static pages: the same bytes for the same records, from a folder or from any host."""
