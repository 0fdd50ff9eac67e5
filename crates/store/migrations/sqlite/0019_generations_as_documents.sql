-- A generation is one document, and the fleet in force is the newest. The rows
-- of hosts, groups, routes and keys said the same a second time, and writing
-- megabytes of them at each publication kept the disk from the decision log.

-- `fleet` is JSON with its secrets sealed, packed (zstd): alone, or when `base`
-- names an earlier generation as what it changes of that one's. Apart from
-- `generations`, so that listing those does not read through documents. One that is
-- forgotten stays as long as another is kept as changes of it.
CREATE TABLE generation_documents (
    generation INTEGER PRIMARY KEY REFERENCES generations (number),
    base       INTEGER REFERENCES generation_documents (generation),
    forgotten  INTEGER NOT NULL DEFAULT FALSE,
    fleet      BLOB NOT NULL
) STRICT;

INSERT INTO generation_documents (generation, fleet) SELECT generation, CAST(document AS BLOB) FROM generation_fleets;
DROP TABLE generation_fleets;

CREATE TABLE generation_diffs (
    generation INTEGER PRIMARY KEY REFERENCES generations (number),
    diff       BLOB NOT NULL
) STRICT;

INSERT INTO generation_diffs SELECT number, CAST(diff AS BLOB) FROM generations;
ALTER TABLE generations DROP COLUMN diff;

DROP TABLE routes;
DROP TABLE consumer_key_groups;
DROP TABLE consumer_keys;
DROP TABLE logical_groups;
DROP TABLE hosts;
