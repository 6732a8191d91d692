extension Store {
    /// What `README.txt` says: how to get everything out without this program.
    static let readme = #"""
        This directory is a store of Loci. Do not change anything in it by hand.

        If you have no loci program, everything can be had with sqlite3 and sh. Stop what mounts
        the store (or copy the store and work on the copy), then, for the tenant "main":

            OUT=/where/the/files/go
            cd main
            sqlite3 -readonly catalog.db "
              WITH RECURSIVE
                listed(bit, root) AS (SELECT 1 << slot, root FROM layout WHERE listed = 1),
                walk(node, path) AS (
                  SELECT root, '' FROM listed
                  UNION ALL
                  SELECT e.node, walk.path || '/' || CAST(e.name AS TEXT)
                  FROM walk JOIN entry e ON e.directory = walk.node, listed
                  WHERE e.layouts & listed.bit),
                file(source, target, folder) AS (
                  SELECT r.blob_key, walk.path,
                         substr(walk.path, 1,
                                length(rtrim(walk.path, replace(walk.path, '/', ''))))
                  FROM walk JOIN memory m ON m.node = walk.node
                  JOIN revision r ON r.memory = m.id AND r.number = m.revision)
              SELECT 'mkdir -p \"\$OUT\"'
                     || char(39) || replace(folder, char(39), char(39, 92, 39, 39)) || char(39)
                     || ' && cp data/'
                     || char(39) || replace(source, char(39), char(39, 92, 39, 39)) || char(39)
                     || ' \"\$OUT\"'
                     || char(39) || replace(target, char(39), char(39, 92, 39, 39)) || char(39)
              FROM file" | OUT="$OUT" sh

        What the paths do not show is in the tables of catalog.db:

            memory      every memory; one with a number in "trashed" was deleted
            attribute   its attributes
            revision    its versions; blob_key is a path below data/
            change      who did what, when and why
            entry       which directory holds which name, in which layouts

        Files that tools keep beside memories (names that begin with a dot) are in foreign/, each
        under the number of its node.

        """#
}
