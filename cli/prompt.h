/* The prompt's decision about one clip, without I/O: an event in, one action out (P3).
 *
 * Invariants:
 *  1. PROMPT_DO_SIGN comes only after, in this order and with nothing between: a digest was shown;
 *     the request's code was typed, a whole line; what would leave was read and had that very
 *     digest; the passphrase opened the owner's key. Whatever else happens in between, it begins
 *     anew; so it does after each edit, whose result has a digest of its own.
 *  2. No answer, an empty line, an unknown word and a failure never lead there; an unknown word, of
 *     which a mistyped code is one, is asked about again, and what was edited stays.
 *  3. It ends once; after that every event is answered with PROMPT_DO_END.
 *
 * Whoever drives it does the action and says how it went. Memory: the caller's. */
#ifndef CLI_PROMPT_H
#define CLI_PROMPT_H

#include "node/base/attr.h"
#include "node/base/instant.h"
#include "proto/request.h"

enum {
    PROMPT_SNOOZE_MIN_MS = DURATION_MINUTE_MS,
    PROMPT_SNOOZE_MAX_DAYS = 30, /* no request lives that long */
    PROMPT_TEXT_MAX = 64,
};

enum prompt_do {
    PROMPT_DO_SHOW, /* all of the prompt; then PROMPT_EV_SHOWN */
    PROMPT_DO_ASK,  /* then PROMPT_EV_LINE, _NONE or _RESIZED */
    PROMPT_DO_PLAY, /* the rest: then PROMPT_EV_DONE or _FAILED, or _NONE to give up */
    PROMPT_DO_DOCUMENT,
    PROMPT_DO_DETAILS,
    PROMPT_DO_HELP,
    PROMPT_DO_UNKNOWN, /* say that the line means nothing here, and that nothing was done */
    PROMPT_DO_EDIT,    /* as `edit` and `text` say; when it is done, all is shown anew */
    PROMPT_DO_DECLINE,
    PROMPT_DO_CHECK,      /* read the clip; PROMPT_EV_DONE carries the digest that it has */
    PROMPT_DO_PASSPHRASE, /* done: it has just opened the key */
    PROMPT_DO_SIGN,
    PROMPT_DO_END,
};

enum prompt_edit {
    PROMPT_TRIM,
    PROMPT_REDACT,
    PROMPT_MUTE,
    PROMPT_UNDO
};

enum prompt_end {
    PROMPT_OPEN,
    PROMPT_SIGNED,
    PROMPT_DECLINED,
    PROMPT_LATER, /* `snooze` is how long it is hidden; 0: until the next review */
    PROMPT_QUIT,  /* and no other is to be asked about now */
    PROMPT_NO_ANSWER,
    PROMPT_ALREADY, /* this owner has signed before */
    PROMPT_FAILED,
};

struct prompt {
    char code[LONG_CODE_BYTES];
    bool already; /* what was shown last is signed by this owner */
    enum prompt_do doing;
    enum prompt_end end; /* when `doing` is PROMPT_DO_END */
    struct duration snooze;
    enum prompt_edit edit;
    char text[PROMPT_TEXT_MAX]; /* what follows its letter */
    bool shown;
    struct id digest; /* that was shown last */
};

struct prompt_event {
    enum prompt_event_kind {
        PROMPT_EV_SHOWN,   /* `digest` is before the owner, who has signed it `already` */
        PROMPT_EV_LINE,    /* `line` was typed, whole, after the question */
        PROMPT_EV_NONE,    /* end of input, Ctrl-C, time-out, a lost terminal, a lost node */
        PROMPT_EV_RESIZED, /* the window is not what the prompt was shown in */
        PROMPT_EV_DONE,
        PROMPT_EV_FAILED,
    } kind;
    const char *line;
    struct id digest;
    bool already;
};

/* `code` is what was shown: longer than the short one where another open request has that. The
 * first action is PROMPT_DO_SHOW. */
void prompt_start(struct prompt *prompt, const char *code);
/* Answers prompt->doing. */
enum prompt_do prompt_step(struct prompt *prompt, const struct prompt_event *event);

/* Whole, in either case; the hyphen may be left out. */
bool prompt_is_code(const char *answer, const char *code);

#endif
