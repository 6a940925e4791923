"""What a result must satisfy, and how a page is asked whether it does."""
