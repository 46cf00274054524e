"""What the daemon writes down: `operational` for people and their tools, `audit` for proof (DESIGN.md §5.6).

Two modules and nothing here: `releasd audit verify` has no use for structlog, which costs a tenth of a second.
"""
