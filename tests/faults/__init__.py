"""What happens when something breaks: the table of faults in docs/operating.md, line by line."""
