-- What came last of each kind of work on a host (`try`, `probe`, `sync`, `reconcile`), as whoever did it wrote it down. A host
-- need not be in the fleet any more.
CREATE TABLE host_results (
    host_id  TEXT    NOT NULL,
    work     TEXT    NOT NULL,
    at       INTEGER NOT NULL,
    actor    TEXT    NOT NULL,
    document TEXT    NOT NULL,
    PRIMARY KEY (host_id, work)
) STRICT, WITHOUT ROWID;
