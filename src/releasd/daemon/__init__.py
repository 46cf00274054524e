"""What wakes the engine: the inbox loop, and everything that puts hints into the inbox."""
