#include "search.h"

#include <math.h>
#include <string.h>

// MARK: The tokenizer
//
// SQLite's unicode61 (words by Unicode's letters and digits, case and diacritics folded, so that
// precomposed and decomposed text is the same), but for scripts that put no space between words:
// there each character is a token, and a word of them is the phrase of its characters. unicode61
// alone takes a Chinese sentence for one word; FTS5's trigram finds no word of two characters, and
// its index is several times as large.

typedef struct {
    fts5_tokenizer inner;
    Fts5Tokenizer *instance;
} Tokenizer;

static fts5_api *api_of(sqlite3 *db) {
    fts5_api *api = 0;
    sqlite3_stmt *statement = 0;
    if (sqlite3_prepare_v2(db, "SELECT fts5(?1)", -1, &statement, 0) == SQLITE_OK) {
        sqlite3_bind_pointer(statement, 1, (void *)&api, "fts5_api_ptr", 0);
        sqlite3_step(statement);
    }
    sqlite3_finalize(statement);
    return api;
}

static int tokenizer_create(
    void *context, const char **arguments, int count, Fts5Tokenizer **out
) {
    static const char *folding[] = {"remove_diacritics", "2"};
    fts5_api *api = context;
    void *inner = 0;
    Tokenizer *made = sqlite3_malloc(sizeof(Tokenizer));
    (void)arguments;
    (void)count;
    if (made == 0) return SQLITE_NOMEM;
    memset(made, 0, sizeof(Tokenizer));
    int code = api->xFindTokenizer(api, "unicode61", &inner, &made->inner);
    if (code == SQLITE_OK) code = made->inner.xCreate(inner, folding, 2, &made->instance);
    if (code != SQLITE_OK) {
        sqlite3_free(made);
        return code;
    }
    *out = (Fts5Tokenizer *)made;
    return SQLITE_OK;
}

static void tokenizer_delete(Fts5Tokenizer *tokenizer) {
    Tokenizer *made = (Tokenizer *)tokenizer;
    made->inner.xDelete(made->instance);
    sqlite3_free(made);
}

typedef struct {
    unsigned int first, last;
} Range;

/// Scripts without spaces between words, by rising first character.
static const Range unspaced[] = {
    {0x0E01, 0x0E3A}, {0x0E40, 0x0E4E}, {0x0E81, 0x0EDF},  // Thai, Lao
    {0x1000, 0x104A}, {0x1780, 0x17D3},                    // Burmese, Khmer
    {0x2E80, 0x2FDF}, {0x3005, 0x3007}, {0x3021, 0x3029},  // radicals, ideographic marks
    {0x3041, 0x3096}, {0x309D, 0x309F}, {0x30A1, 0x30FA},  // kana
    {0x30FC, 0x30FF}, {0x3105, 0x312F}, {0x31A0, 0x31BF},  // kana, bopomofo
    {0x31F0, 0x31FF}, {0x3400, 0x4DBF}, {0x4E00, 0x9FFF},  // kana, ideographs
    {0xF900, 0xFAFF}, {0xFF66, 0xFF9F}, {0x20000, 0x3FFFF},
};

static int is_unspaced(unsigned int character) {
    for (size_t i = 0; i < sizeof(unspaced) / sizeof(unspaced[0]); i++) {
        if (character < unspaced[i].first) return 0;
        if (character <= unspaced[i].last) return 1;
    }
    return 0;
}

/// The character at `at` of valid UTF-8 and its length; text that ends within it is one byte long.
static unsigned int decode(const unsigned char *text, int at, int length, int *size) {
    unsigned int first = text[at];
    int count = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : first >= 0xC0 ? 2 : 1;
    *size = 1;
    if (count == 1 || at + count > length) return first;
    unsigned int character = first & (0xFFu >> (count + 1));
    for (int i = 1; i < count; i++) character = character << 6 | (text[at + i] & 0x3Fu);
    *size = count;
    return character;
}

typedef struct {
    void *context;
    int (*token)(void *, int, const char *, int, int, int);
    int offset;
} Shift;

static int shifted(void *context, int flags, const char *token, int length, int start, int end) {
    Shift *shift = context;
    return shift->token(
        shift->context, flags, token, length, start + shift->offset, end + shift->offset
    );
}

/// A character of an unspaced script as a token. Kana and its sound mark are what both are together.
static int character_token(
    void *context, const unsigned char *text, int at, int *end, int length,
    int (*token)(void *, int, const char *, int, int, int)
) {
    int size = *end - at, next = 0;
    char own[4];
    memcpy(own, text + at, (size_t)size);
    if (size == 3 && text[at] == 0xE3 && *end < length) {
        unsigned int mark = decode(text, *end, length, &next);
        if (mark == 0x3099 || mark == 0x309A) {
            int character = (own[1] & 0x3F) << 6 | (own[2] & 0x3F);
            character += mark == 0x3099 ? 1 : 2;
            own[1] = (char)(0x80 | character >> 6);
            own[2] = (char)(0x80 | (character & 0x3F));
            *end += next;
        }
    }
    return token(context, 0, own, size, at, *end);
}

static int tokenizer_tokenize(
    Fts5Tokenizer *tokenizer, void *context, int flags, const char *text, int length,
    int (*token)(void *, int, const char *, int, int, int)
) {
    Tokenizer *made = (Tokenizer *)tokenizer;
    const unsigned char *bytes = (const unsigned char *)text;
    Shift shift = {context, token, 0};
    int code = SQLITE_OK, at = 0;
    while (at < length && code == SQLITE_OK) {
        // Nothing below U+0E00 is of an unspaced script.
        if (bytes[at] < 0xE0) {
            at++;
            continue;
        }
        int size = 1;
        if (!is_unspaced(decode(bytes, at, length, &size))) {
            at += size;
            continue;
        }
        if (at > shift.offset) {
            code = made->inner.xTokenize(
                made->instance, &shift, flags, text + shift.offset, at - shift.offset, shifted
            );
        }
        int end = at + size;
        if (code == SQLITE_OK) code = character_token(context, bytes, at, &end, length, token);
        at = end;
        shift.offset = at;
    }
    if (code == SQLITE_OK && length > shift.offset) {
        code = made->inner.xTokenize(
            made->instance, &shift, flags, text + shift.offset, length - shift.offset, shifted
        );
    }
    return code;
}

typedef struct {
    void *context;
    loci_token_callback callback;
} Receiver;

static int received(void *context, int flags, const char *token, int length, int start, int end) {
    Receiver *receiver = context;
    (void)flags;
    return receiver->callback(receiver->context, token, length, start, end);
}

int loci_search_tokens(
    sqlite3 *db, const char *text, int length, void *context, loci_token_callback callback
) {
    Fts5Tokenizer *tokenizer = 0;
    Receiver receiver = {context, callback};
    fts5_api *api = api_of(db);
    if (api == 0) return SQLITE_ERROR;
    int code = tokenizer_create(api, 0, 0, &tokenizer);
    if (code != SQLITE_OK) return code;
    code = tokenizer_tokenize(
        tokenizer, &receiver, FTS5_TOKENIZE_DOCUMENT, text, length, received
    );
    tokenizer_delete(tokenizer);
    return code;
}

// MARK: The rank
//
// Okapi BM25, as FTS5's own, but for how often a phrase occurs among all texts, which weighs it:
// FTS5 counts that by walking through every text that has it, for each query. This counts
// the first few thousand and takes the rest to be like them.

enum { counted_at_most = 4096 };

typedef struct {
    double average;
    double weights[];
} Weights;

typedef struct {
    sqlite3_int64 count, first, last;
} Sample;

static int sampled(const Fts5ExtensionApi *api, Fts5Context *fts, void *context) {
    Sample *sample = context;
    sample->last = api->xRowid(fts);
    if (sample->count == 0) sample->first = sample->last;
    sample->count++;
    return sample->count < counted_at_most ? SQLITE_OK : SQLITE_DONE;
}

static int weigh(const Fts5ExtensionApi *api, Fts5Context *fts, Weights **out) {
    int phrases = api->xPhraseCount(fts);
    sqlite3_int64 rows = 0, tokens = 0;
    int code = api->xRowCount(fts, &rows);
    if (code == SQLITE_OK) code = api->xColumnTotalSize(fts, -1, &tokens);
    Weights *made = sqlite3_malloc64(sizeof(Weights) + sizeof(double) * (size_t)phrases);
    if (made == 0) return SQLITE_NOMEM;
    made->average = rows > 0 && tokens > 0 ? (double)tokens / (double)rows : 1;
    for (int i = 0; i < phrases && code == SQLITE_OK; i++) {
        Sample sample = {0, 0, 0};
        code = api->xQueryPhrase(fts, i, &sample, sampled);
        double count = (double)sample.count;
        if (sample.count >= counted_at_most) {
            count *= (double)rows / (double)(sample.last - sample.first + 1);
            if (count < sample.count) count = (double)sample.count;
            if (count > (double)rows) count = (double)rows;
        }
        double weight = log(((double)rows - count + 0.5) / (count + 0.5));
        // A word that most texts have still says a little.
        made->weights[i] = weight > 0.000001 ? weight : 0.000001;
    }
    if (code != SQLITE_OK) {
        sqlite3_free(made);
        return code;
    }
    code = api->xSetAuxdata(fts, made, sqlite3_free);
    *out = made;
    return code;
}

static void rank(
    const Fts5ExtensionApi *api, Fts5Context *fts, sqlite3_context *context, int count,
    sqlite3_value **values
) {
    const double saturation = 1.2, lengthShare = 0.75;
    Weights *weights = api->xGetAuxdata(fts, 0);
    int size = 0, code = SQLITE_OK;
    (void)count;
    (void)values;
    if (weights == 0) code = weigh(api, fts, &weights);
    if (code == SQLITE_OK) code = api->xColumnSize(fts, -1, &size);
    if (code != SQLITE_OK) {
        sqlite3_result_error_code(context, code);
        return;
    }
    double norm = saturation * (1 - lengthShare + lengthShare * size / weights->average);
    double score = 0;
    for (int i = 0; i < api->xPhraseCount(fts); i++) {
        Fts5PhraseIter iterator;
        int column = 0, offset = 0;
        double frequency = 0;
        code = api->xPhraseFirst(fts, i, &iterator, &column, &offset);
        while (code == SQLITE_OK && column >= 0) {
            frequency++;
            api->xPhraseNext(fts, &iterator, &column, &offset);
        }
        score += weights->weights[i] * frequency * (saturation + 1) / (frequency + norm);
    }
    if (code == SQLITE_OK) {
        sqlite3_result_double(context, score);
    } else {
        sqlite3_result_error_code(context, code);
    }
}

int loci_search_register(sqlite3 *db) {
    static fts5_tokenizer tokenizer = {tokenizer_create, tokenizer_delete, tokenizer_tokenize};
    fts5_api *api = api_of(db);
    if (api == 0) return SQLITE_ERROR;
    int code = api->xCreateTokenizer(api, "loci", api, &tokenizer, 0);
    if (code == SQLITE_OK) code = api->xCreateFunction(api, "loci_rank", 0, rank, 0);
    return code;
}
