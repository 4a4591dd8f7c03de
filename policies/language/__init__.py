"""The policy language: from a file's text to an executable policy, with every finding at its line and column."""
