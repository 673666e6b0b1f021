"""Exchange: what leaves the application, drawn from the very data that the panels show."""
