"""What a client asks: a server alone, or one node of a replicated group, by LMC_TARGET.

A group must answer as a server alone does, whichever of its nodes is asked. What differs, all of it:

- Statistics are each node's own: a node counts what it executed. What a client of a backup changes is executed, and counted, at the
  primary, so only the sums over the group's nodes are those of a server alone (stats()).
- Whether an item was read since it was stored, and when (meta `h` and `l`, `fetch=` and `la=` of `me`): a node knows of what it
  answered itself. Reads are not sent to the primary.
- A backup forwards no datagrams, and decides nothing by itself: `stats items`, dumps and watchers show its copy.
"""

from . import settings
from .group import Group
from .server import Server

_BACKUPS = 2


class Member:
    """A node of a group of its own, to be used as a Server. Ends with the group."""

    def __init__(self, role, options=()):
        self.group = Group(_BACKUPS, [str(option) for option in options])
        node = self.group.primary if role == "primary" else self.group.nodes[1]
        self.server = node.server

    def __getattr__(self, name):
        return getattr(self.server, name)

    def stats(self, what=b""):
        """The sums over the group, of what is a number everywhere; else as the asked node says."""
        answers = [node.server.stats(what) for node in self.group.nodes]
        own = self.server.stats(what)
        return {name: str(sum(int(answer[name]) for answer in answers))
                if all(answer.get(name, "").isdigit() for answer in answers) else value for name, value in own.items()}

    def finish(self):
        self.group.stop()

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        self.group.stop()


def start(*options):
    """The server under test with these options, as LMC_TARGET wants it."""
    role = settings.target()
    return Server(*options) if role == "alone" else Member(role, options)
