"""What git says of a commit beside its message, as semantic-release's core reads it from `git log`."""

_BLANKS = " \t\n\r"  # what git takes for white space


def subject_of(message: str) -> str:
    """Return git's `%s` of a message: the lines of its first paragraph, joined by spaces."""
    lines: list[str] = []
    for line in message.split("\n"):
        text = line.rstrip(_BLANKS)
        if text:
            lines.append(text)
        elif lines:
            break
    return " ".join(lines)
