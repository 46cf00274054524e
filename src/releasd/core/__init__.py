"""Pure decisions: no I/O, no clock, no log. The same input always gives the same value."""
