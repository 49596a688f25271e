"""Brings a folder of schema version 1 to version 2: announcements move into the store.

Version 1 kept them as ``greetings/<owner>/<name>.wav``, the plus of a number written ``p``, the
administrator's under ``site``. Their files are copied first and the version is raised last, in one
transaction: an upgrade that is cut short begins anew. The old folder stays and is not read again.
"""

from __future__ import annotations

import os
import secrets
import sqlite3
from pathlib import Path

from rig.mailbox_platform.embedded.store.private_files import create_file, sync_folder, write_all


def upgrade_from_1(db: sqlite3.Connection, folder: Path, announcement_table: str) -> None:
    """Upgrade an open database of version 1.

    Args:
        db: the database, outside of a transaction.
        folder: of the store.
        announcement_table: the statement that makes the table.

    Raises:
        OSError: a file cannot be read or written; nothing has changed.
        sqlite3.Error: the same.
    """
    audio = folder / "audio"
    rows = []
    for path in sorted((folder / "greetings").glob("*/*.wav")):
        owner = "" if path.parent.name == "site" else path.parent.name.replace("p", "+")
        audio_id = secrets.token_hex(8)
        file = create_file(audio / f"{audio_id}.wav")
        try:
            write_all(file, path.read_bytes())
            os.fsync(file)
        finally:
            os.close(file)
        rows.append((owner, path.stem, audio_id))
    sync_folder(audio)
    db.execute("BEGIN IMMEDIATE")
    try:
        db.execute(announcement_table)
        db.executemany("INSERT INTO announcement VALUES (?, ?, ?)", rows)
        db.execute("PRAGMA user_version = 2")
        db.execute("COMMIT")
    except sqlite3.Error:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise
