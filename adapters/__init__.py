"""How a message leaves, and what comes back."""
