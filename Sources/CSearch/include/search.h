// What full-text search needs in C, since SQLite's FTS5 is extended by tables of C functions: the
// tokenizer `loci`, and the ranking function `loci_rank`.
#ifndef LOCI_CSEARCH_H
#define LOCI_CSEARCH_H

#include <sqlite3.h>

/// Makes the tokenizer `loci` and the function `loci_rank(table)` known to a connection.
///
/// Tables that name the tokenizer cannot be read or written by a connection without it.
int loci_search_register(sqlite3 *db);

/// One token of a text: its folded bytes, and where it stands in the text. Returns 0 to go on.
typedef int (*loci_token_callback)(void *context, const char *token, int length, int start, int end);

/// Hands over the tokens of a text as the index has them; no connection is needed for long.
int loci_search_tokens(
    sqlite3 *db, const char *text, int length, void *context, loci_token_callback callback
);

#endif
