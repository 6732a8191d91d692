// What Swift cannot import from <sqlite3.h> itself: macros that are casts, and variadic functions.
#ifndef LOCI_CSQLITE_SHIM_H
#define LOCI_CSQLITE_SHIM_H

#include <sqlite3.h>

/// SQLITE_TRANSIENT is a cast macro; Swift imports only literal macros.
static inline sqlite3_destructor_type loci_sqlite_transient(void) { return SQLITE_TRANSIENT; }

/// `sqlite3_db_config` is variadic. Closing must never checkpoint: see `SQLiteConnection`.
static inline int loci_sqlite_no_checkpoint_on_close(sqlite3 *db) {
    return sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, (int *)0);
}

/// `sqlite3_config` is variadic. Without statistics an allocation takes no lock that all
/// connections of the process share. Refused, without harm, once the library is in use.
static inline int loci_sqlite_no_memory_statistics(void) {
    return sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

#endif
