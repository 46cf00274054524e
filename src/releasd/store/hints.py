"""What was heard of each project: the pushes, and the last commit that was handled."""

from datetime import datetime

from sqlalchemy import Connection, bindparam, insert, select, update

from releasd.model import PushHint
from releasd.store import log
from releasd.store.rows import Part
from releasd.store.tables import project_head, push

_SAME = ("project", "ref", "new", "source")
_KNOWN = select(push.c.id).where(*(push.c[name] == bindparam(name) for name in _SAME))
_KEEP = insert(push)
_HEAD = select(project_head.c.commit).where(project_head.c.project == bindparam("of"))
_MOVE_HEAD = update(project_head).where(project_head.c.project == bindparam("of"))
_NEW_HEAD = insert(project_head)


class Hints(Part):
    """The heads of projects, for reconcile."""

    def head_of(self, project: str) -> str | None:
        """Return the last commit of the project that was handled, None before the first."""
        with self._db.read() as conn:
            return conn.execute(_HEAD, {"of": project}).scalar_one_or_none()

    def projects(self) -> tuple[str, ...]:
        """Return the names of all projects that were ever looked at, in order."""
        with self._db.read() as conn:
            return tuple(conn.execute(select(project_head.c.project).order_by(project_head.c.project)).scalars())

    def set_head(self, project: str, commit: str, now: datetime) -> None:
        """Note that `commit` is handled: reconcile makes a job when the branch's tip is another one."""
        with self._db.write() as conn:
            move_head(conn, project, commit, now)


def move_head(conn: Connection, project: str, commit: str, now: datetime) -> None:
    """Note the last commit of `project` that was handled."""
    values = {"commit": commit, "at": now}
    if not conn.execute(_MOVE_HEAD, values | {"of": project}).rowcount:
        conn.execute(_NEW_HEAD, values | {"project": project})


def keep_hint(conn: Connection, hint: PushHint, now: datetime) -> None:
    """Record a hint of a known project (its `repository` is the project's name), once: reconcile repeats itself."""
    same = {"project": hint.repository, "ref": hint.ref, "new": hint.new, "source": hint.source}
    if conn.execute(_KNOWN, same).one_or_none() is not None:
        return
    conn.execute(_KEEP, same | {"old": hint.old, "uid": hint.uid, "options": hint.options, "at": now})
    told = {"commit": hint.new, "ref": hint.ref, "source": hint.source, "options": hint.options}
    data = told if hint.uid is None else told | {"uid": hint.uid}
    log.append(conn, "push.received", now=now, project=hint.repository, data=data)
