"""Where studies are kept, and what they hold."""
