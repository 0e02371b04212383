"""The command line: commands and what a person sees. Only here are click and rich known, and exit statuses."""
