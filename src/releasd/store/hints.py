"""What was heard of each project: the pushes, and the last commit that was handled."""

from datetime import datetime

from sqlalchemy import Connection, bindparam, insert, select, update

from releasd.model import PushHint
from releasd.store import log
from releasd.store.rows import Part
from releasd.store.tables import branch_head, push

_SAME = ("project", "ref", "new", "source")
_KNOWN = select(push.c.id).where(*(push.c[name] == bindparam(name) for name in _SAME))
_KEEP = insert(push)
_THE_BRANCH = (branch_head.c.project == bindparam("of"), branch_head.c.branch == bindparam("on"))
_HEAD = select(branch_head.c.commit).where(*_THE_BRANCH)
_MOVE_HEAD = update(branch_head).where(*_THE_BRANCH)
_NEW_HEAD = insert(branch_head)


class Hints(Part):
    """The heads of branches, for reconcile."""

    def head_of(self, project: str, branch: str) -> str | None:
        """Return the last commit of the project's branch that was handled, None before the first."""
        with self._db.read() as conn:
            return conn.execute(_HEAD, {"of": project, "on": branch}).scalar_one_or_none()

    def heads_of(self, project: str) -> dict[str, str]:
        """Return the last commit of each of the project's branches that was handled, the newest first."""
        query = select(branch_head.c.branch, branch_head.c.commit).where(branch_head.c.project == project)
        newest_first = query.order_by(branch_head.c.at.desc(), branch_head.c.branch)
        with self._db.read() as conn:
            return {row.branch: row.commit for row in conn.execute(newest_first)}

    def leaving(self, project: str) -> dict[str, str]:
        """Return where the project's branches may still be seen although a push of our own moves them on."""
        query = select(branch_head.c.branch, branch_head.c.leaving).where(branch_head.c.project == project)
        with self._db.read() as conn:
            return {row.branch: row.leaving for row in conn.execute(query) if row.leaving}

    def projects(self) -> tuple[str, ...]:
        """Return the names of all projects that were ever looked at, in order."""
        with self._db.read() as conn:
            names = select(branch_head.c.project).distinct().order_by(branch_head.c.project)
            return tuple(conn.execute(names).scalars())

    def set_head(self, project: str, branch: str, commit: str, now: datetime, *, leaving: str | None = None) -> None:
        """Note that `commit` is handled: reconcile makes a job when the branch's tip is another one.

        `leaving` is the tip that a push of our own is about to replace by it.
        """
        with self._db.write() as conn:
            move_head(conn, project, branch, commit, now, leaving=leaving)


def move_head(
    conn: Connection, project: str, branch: str, commit: str, now: datetime, *, leaving: str | None = None
) -> None:
    """Note the last commit of a project's branch that was handled."""
    values = {"commit": commit, "at": now, "leaving": leaving}
    if not conn.execute(_MOVE_HEAD, values | {"of": project, "on": branch}).rowcount:
        conn.execute(_NEW_HEAD, values | {"project": project, "branch": branch})


def keep_hint(conn: Connection, hint: PushHint, now: datetime) -> None:
    """Record a hint of a known project (its `repository` is the project's name), once: reconcile repeats itself."""
    same = {"project": hint.repository, "ref": hint.ref, "new": hint.new, "source": hint.source}
    if conn.execute(_KNOWN, same).one_or_none() is not None:
        return
    conn.execute(_KEEP, same | {"old": hint.old, "uid": hint.uid, "options": hint.options, "at": now})
    told = {"commit": hint.new, "ref": hint.ref, "source": hint.source, "options": hint.options}
    data = told if hint.uid is None else told | {"uid": hint.uid}
    log.append(conn, "push.received", now=now, project=hint.repository, data=data)
