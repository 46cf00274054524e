"""One outside thing per file: each satisfies a port, and only here do its libraries live."""
