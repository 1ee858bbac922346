"""A user and a password, and the htpasswd file that knows them."""

from pathlib import Path
from typing import NamedTuple

import bcrypt


class Credentials(NamedTuple):
    """What a client logs in with."""

    user: str
    password: str


def write_htpasswd(file: Path, *credentials: Credentials) -> Path:
    """Writes the file, with bcrypt at the cost that Apache's htpasswd -B chooses; gives `file` back."""
    hashed = ((user, bcrypt.hashpw(password.encode(), bcrypt.gensalt(5))) for user, password in credentials)
    file.write_text("".join(f"{user}:{digest.decode()}\n" for user, digest in hashed))
    return file
