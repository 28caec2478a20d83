"""What a person reads: pure functions from plans and reports to text."""
