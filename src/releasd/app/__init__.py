"""The only place that joins configuration, adapters, store, engine and daemon.

`world` builds them from the settings, `serve` runs the daemon, `inspect` decides for a repository without a daemon,
`remote` asks a running daemon or reads its store. Each is imported only by the command that needs it.
"""
