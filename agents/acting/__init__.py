"""What a worker may do and claim on a page in a step."""
