"""The command line of duly: one small module for each group of commands; heavy libraries load inside commands."""
