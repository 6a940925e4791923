"""What an agent can do: tools, permissions, and a browser."""
