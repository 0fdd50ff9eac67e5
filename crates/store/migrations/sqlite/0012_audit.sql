-- What an act was about, such as `host:tokyo-1`: a row for each, so that all that ever happened to something is
-- found without reading the trail.
CREATE TABLE audit_subjects (
    subject TEXT NOT NULL,
    audit   INTEGER NOT NULL REFERENCES audit (id),
    PRIMARY KEY (subject, audit)
) STRICT, WITHOUT ROWID;

CREATE INDEX audit_by_actor ON audit (actor, id);
CREATE INDEX audit_by_action ON audit (action, id);
CREATE INDEX audit_by_time ON audit (at);
