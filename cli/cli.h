/* What the files of `stoop` share. Layer: POSIX, jansson, libqrencode, proto, crypto, confine.
 *
 *   main.c       the table of commands
 *   errors.c     how a command says that it failed
 *   options.c    the options of one command, branches, what was meant
 *   term.c       the terminal: questions, passphrases, safe text
 *   home.c       folders, files, pins, the owner's key
 *   service.c    whose a system service's folders are
 *   places.c     the communities that this home is in, as it calls them
 *   reach.c      which of them a command is for
 *   siblings.c   each node told of the home's others
 *   room.c       a further community's room taken away again
 *   client.c     the conversation with the node
 *   facts.c      facts as lines or as JSON
 *   signers.c    the owners whose keys are at hand
 *   cameras.c    the owners' camera list
 *   members.c    who belongs, checked from signed bytes
 *   namesakes.c  homes that are called the same
 *   belongs.c    whether this home does still
 *   terms.c      the charter as a file, without I/O
 *   changes.c    what an act changes, in plain words
 *   treaties.c   treaties with other communities, in plain words
 *   gateways.c   who carries for them
 *   decisions.c  acts, proposals, and this owner's signature on one
 *   links.c      this home's links as a picture
 *   watch.c      requests as they come, wait and end
 *   hook.c       the owner's program that is told so
 *   sent.c       own requests: amended, withdrawn, what came of them
 *   amendments.c which request took the place of which
 *   checked.c    a request, and who called back about it, checked from signed bytes
 *   clip.c       a sealed clip, read and checked
 *   helper.c     children without keys, started before the walls
 *   player.c reader.c seals.c editor.c   four of them: show clips, read PDFs, check courts' seals,
 *                have ffmpeg edit clips
 *   breadth.c    how broad a request is, and how much of this home it touches, printed
 *   legal.c      rules of legal process, printed
 *   prompt.c     the decision about one clip, without I/O
 *   opened.c     one clip under review: opened, checked, read
 *   edit.c       what is to be taken away from it, without I/O
 *   edits.c      the same, done
 *   look.c       clip and document, looked at
 *   sign.c       the answer, signed
 *   show.c       what the prompt says
 *   pending.c    the requests that wait, in the owner's order
 *   meanwhile.c  what became of a clip while its prompt was open
 *   delivered.c  what came, and where it was collected to
 *   memory.c     what this owner's `stoop` remembers: counts, snoozes, mutes
 *   rules.c      the owner's rules, which may only hide and order
 *   cmd_*.c      one theme of commands each
 *
 * Every command answers an exit code and has printed its own error. */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>

#include "crypto/cms.h"
#include "crypto/keyfile.h"
#include "proto/control.h"
#include "proto/pins.h"

#define SYSTEM_HOME "/var/lib/stoop" /* of the system service */

enum exit_code {
    EXIT_DONE = 0,
    EXIT_FAILED = 1,
    EXIT_USAGE = 2,
    EXIT_PENDING = 3, /* declined, or left pending */
    EXIT_NO_TERMINAL = 5,
    EXIT_NO_NODE = 10,
    EXIT_LEFT_ALL =
        40, /* of one community's part: so are those that come after it. Never `stoop`'s */
};

enum {
    WRITABLE_MAX = OWNERS_MAX + 2 + COMMUNITIES_MAX
};

struct cli {
    char home[PATH_MAX];        /* data folder of the community that is meant */
    char base[PATH_MAX];        /* the home's, which is that of its first community */
    char place[SLUG_MAX_BYTES]; /* that community, as the home calls it; empty: the first */
    const char *community;      /* as it was named by option or environment; NULL: it was not */
    char owner_dir[PATH_MAX];   /* the owner's own folder */
    bool json;
    bool home_named;     /* by option or environment */
    const char *command; /* "camera", as its help is called */
    int argc;            /* of the command or its branch, itself first */
    char **argv;
    size_t writable_count; /* folders that stay writable when the walls have risen */
    const char *writable[WRITABLE_MAX];
    bool walled;
    bool among_several; /* this process does one community's part */
};

/* ---- errors.c ---- */
/* "stoop: TEXT" and, when not NULL, the line that says what to do next; answers EXIT_FAILED. With
 * --json the last of them is printed as an object too, unless facts were printed. */
int fail(const char *next, const char *format, ...) PRINTF_LIKE(2, 3);
int usage_error(const char *command, const char *format, ...) PRINTF_LIKE(2, 3);
const char *last_error(void); /* its TEXT, and the line below it; empty when there was none */
const char *last_advice(void);

/* ---- options.c ---- */
struct cli_option {
    const char *name; /* "--at"; without value when `flag` is set */
    const char **value;
    bool needed; /* `value` must be given */
    bool *flag;
    const char **list; /* may be repeated: up to list_max values */
    size_t list_max;
    size_t *list_count;
};
/* Takes options out of cli->argv; what is left are the operands, at cli->argv[1...]. `operands`
 * names them, "NAME" or "[CODE]" for one that may be left out. 0, or EXIT_USAGE after printing. */
int take_options(struct cli *cli, const struct cli_option *options, size_t count,
                 const char *operands);

/* Commands of commands: "camera add". */
struct cli_branch {
    const char *word;
    int (*run)(struct cli *cli); /* finds its word at cli->argv[0] */
};
int run_branch(struct cli *cli, const struct cli_branch *branches, size_t count);

int parse_number(const char *text, long low, long high, long *out); /* 0, or -1 */
/* The same for an option's value, NULL when it was not given: then *out stays. 0, or EXIT_USAGE
 * after printing. */
struct number_range {
    long low, high;
    const char *unit; /* in the error; NULL: none */
};
int number_option(const struct cli *cli, const char *text, struct number_range range, long *out);
/* A time as people write it; says what is wrong with it. */
int time_option(const struct cli *cli, const char *text, struct instant *out);
/* What the fence takes for a name; bad_name says so. */
bool name_good(const char *name);
int bad_name(const char *command, const char *name);

/* What was meant by a word that is none of those considered: the one that is a slip or two away, or
 * begins with it. */
struct nearest {
    const char *word; /* `len` bytes of it */
    size_t len;
    const char *best; /* NULL: nothing is near */
    size_t distance;
};
struct nearest nearest_to(const char *word, size_t len);
void nearest_consider(struct nearest *nearest, const char *candidate);

/* ---- term.c ---- */
enum {
    SAFE_MAX = 2048,
    PASSPHRASE_MAX = 1024,
    TERM_WIDTH_MIN = 40, /* below, the terminal breaks lines as it likes */
    TERM_WIDTH_MAX = 80, /* longer ones are hard to read */
    TERM_LABEL_COLUMNS = 9,
};
/* What others wrote, made harmless: control, bidirectional and invisible characters become visible,
 * cut to `columns` characters. */
const char *safe_text(const char *from, size_t columns, char out[SAFE_MAX]);
/* Bytes of safe text that fit, up to the end of a word where there is one, and not within a 'quoted
 * example' where that can be helped; at least a character, as long as `columns` has room for it. */
size_t safe_fit(const char *safe, size_t columns);
size_t term_columns(void); /* of the terminal, else $COLUMNS, else 80 */
size_t term_width(void); /* what lines are laid out for: the same, within TERM_WIDTH_MIN and MAX */
void term_text(const char *safe); /* our own words, on as many lines as it takes */
/* Safe text behind a label, on as many lines as it takes; the later ones are labelled `more`. No
 * line of text begins where a label would. */
void term_line(const char *label, const char *more, const char *safe);
/* The same, made of parts; those that others wrote have been cut to a length of their own. */
void term_put(const char *label, const char *format, ...) PRINTF_LIKE(2, 3);
/* On stderr, laid out for the terminal there: what goes along with a question, or where things are
 * while a person waits. The label takes `columns`, 0: there is none. */
void term_note(const char *label, size_t columns, const char *safe);
/* Can a person be asked? Questions go to the terminal itself, so that what a command prints may go
 * to a file. */
bool term_present(void);
/* One line from the terminal after dropping what was typed ahead. False when there is no answer:
 * end of input, Ctrl-C, Ctrl-\, a lost terminal, a quarter of an hour (or $TMOUT seconds) of
 * silence. Ctrl-Z stops the program; continued, it asks again. */
bool term_ask(const char *question, char *out, size_t room);
/* The same for a text that may come in several lines, as mail programs break it: reads on until it
 * is whole, or an empty line ends it, joins the lines without blanks around, and drops what was
 * pasted behind it. */
typedef bool term_whole(const char *text);
bool term_ask_text(const char *question, term_whole *whole, char *out, size_t room);
/* Without echo. `out` lies in secret memory. */
bool term_passphrase(const char *question, char *out, size_t room);
/* What is typed between these two is not seen: it may be a passphrase, typed too early. For a
 * moment only, as Ctrl-C waits too. */
void term_hush(void);
void term_unhush(void);
/* From here on Ctrl-C and its like end no longer the program but what it is at: questions answer
 * false, and long work asks term_stopped(). */
void term_guard(void);
bool term_stopped(void);
/* A bar on stderr where a person waits, gone when `done` reaches `total` bytes; on a terminal that
 * cannot redraw, one line at the start. term_busy: work without a measure; NULL ends it. */
void term_progress(const char *what, uint64_t done, uint64_t total);
void term_busy(const char *what);
void size_text(uint64_t bytes, char out[32]);
void span_text(int64_t ms, char out[32]);

/* ---- home.c ---- */
/* Reads a whole file; `secret`: must be closed to others. EXIT_FAILED after printing. */
int file_read(const char *path, size_t max, bool secret, struct buffer *out);
/* EXIT_FAILED after printing, with where such a file comes from: there is none. */
int file_there(const char *path, const char *next);
/* Temporary, fsync, rename. `mode` of the new file; with `fresh` it must not exist. */
int file_write(const char *path, struct bytes data, unsigned mode, bool fresh);
/* A new large file, written beside its place: a process that is killed leaves nothing there that
 * could pass for it. NULL with errno: cannot be made, or `path` exists. part_end() puts it in place
 * or, when `failed` is not 0, removes it; answers `failed`, or EXIT_FAILED after printing. */
FILE *part_open(const char *path, char part[PATH_MAX + 8]);
int part_end(const char *path, const char *part, int failed);
int folder_make(const char *path, unsigned mode);
void folder_of(const char *path, char out[PATH_MAX]); /* the one that a file lies in */
int pins_load(const struct cli *cli, struct pins *out);
int pins_save(const char *folder, const struct pins *pins, bool fresh);
/* The community that this owner founded or joined, out of the pins: the node's word is not taken
 * for it. EXIT_FAILED after printing when there is none. */
int pinned_community(const struct cli *cli, struct id *out);
/* The owner's secret, in locked memory; asks for the passphrase, three times. The caller destroys
 * it with secret_destroy. `why` is shown before the question. Raises the walls first. */
int owner_open(struct cli *cli, const char *owner_dir, const char *why,
               struct owner_secret **secret, struct keyfile_public *pub);
int owner_public_of(const char *owner_dir, struct keyfile_public *out);
struct instant now_wall(void);
/* Walls: no secret is opened or made before them. They leave the owner's own folder, the folders
 * that a command named before, and what is open already; no socket, no program can be added. */
void walls_allow(struct cli *cli, const char *folder); /* borrowed; it must exist */
int walls_raise(struct cli *cli);                      /* again: nothing */

/* ---- places.c ---- */
/* The communities of this home, as it calls them: the first, and those that have a folder of their
 * own (PROTOCOL 1.3). */
struct places {
    size_t count;
    char names[COMMUNITIES_MAX][SLUG_MAX_BYTES];
};
enum {
    PLACES_TEXT_MAX = COMMUNITIES_MAX * (SLUG_MAX_BYTES + 2)
};
void places_list(const struct cli *cli, struct places *out);
const char *places_text(const struct places *places, char out[PLACES_TEXT_MAX]); /* "first, elm" */
const char *place_of(const struct cli *cli); /* the one that is meant */
void place_home(const struct cli *cli, const char *name, char out[PATH_MAX]); /* data folder */
void place_choose(struct cli *cli, const char *name);
/* The one that was meant by what somebody typed. EXIT_USAGE after printing: there is none. */
int place_take(struct cli *cli, const struct places *places, const char *said);

/* ---- service.c ---- */
/* Hands a home that root made to its users: node's folders to `stoop`, ingest's to `stoop-ingest`,
 * the owner's folder to whoever owns the folder it was made in. A child without keys does it,
 * started before the walls, which forbid it; start it before any folder is made. */
struct settler;
int settler_start(struct cli *cli, struct settler **out);
int settler_settle(struct settler *settler);
void settler_stop(struct settler *settler); /* NULL is fine; unsettled: everything stays root's */
/* What root changes in an owner's folder stays the owner's. */
int pins_save_as_owner(const char *folder, const struct pins *pins);

/* ---- client.c ---- */
struct client;
int client_open(const struct cli *cli, struct client **out);
bool client_there(const struct cli *cli); /* does the node take connections? Says nothing */
/* Does a stoopd run for this home, as its lock shows? False also where that cannot be looked at. */
bool client_supervised(const struct cli *cli);
bool client_ended(struct client *client, int wait_ms); /* the node has hung up, or does by then */
void client_close(struct client *client);
int client_ask(struct client *client, const struct control_request *request);
/* The next answer; its bytes are good until the next call. False when the node hung up. */
bool client_next(struct client *client, struct control_reply *out);
/* Answers of `kind` one by one, after client_ask(): false at the end, or at once when *failed is
 * set. *failed is set after printing for a node that hangs up, answers with an error, or something
 * else. Whoever goes on with this client reads to the end first: the next answer would begin with
 * the rest of this one.
 */
bool client_each(struct client *client, enum control_kind kind, struct control_reply *out,
                 int *failed);
/* The same for requests, clips and what was delivered, which come in parts: it asks itself. The
 * list starts zeroed. */
struct client_list {
    uint64_t seen;
    bool asked;
    bool any; /* in this part */
};
bool client_each_part(struct client *client, enum control_op op, struct client_list *list,
                      struct control_reply *out, int *failed);
/* One question, one answer of `kind`; prints the node's error. */
int client_one(struct client *client, const struct control_request *request, enum control_kind kind,
               struct control_reply *out);
/* One question, DONE. */
int client_do(struct client *client, const struct control_request *request, const char *subject);
/* The same two, where the node's word for an error would not tell a person what is there or full:
 * the first that fits is told in its place, with what to do. */
struct told {
    enum err err;
    const char *said, *next;
};
struct told_list {
    size_t count;
    const struct told *list;
};
#define TOLD(array) ((struct told_list){COUNT_OF(array), array})
int client_one_told(struct client *client, const struct control_request *request,
                    enum control_kind kind, struct control_reply *out, struct told_list told);
int client_do_told(struct client *client, const struct control_request *request,
                   const char *subject, struct told_list told);
void client_forget(struct client *client); /* wipes the last answer: a secret was in it */
int client_status(struct client *client, struct control_reply *out);
int client_gone(void);                          /* says that the node hung up; EXIT_NO_NODE */
int client_in_community(struct client *client); /* EXIT_FAILED after saying how to get into one */
/* A charter's, kept: what was decoded borrows them. */
struct authorities {
    size_t count;
    size_t len[AUTHORITIES_MAX];
    uint8_t der[AUTHORITIES_MAX][AUTHORITY_MAX];
};
/* What the pinned community has come to. The node is not believed: charter and acts are checked
 * from the founding one on. EXIT codes after printing. Large. */
struct community_terms {
    struct governance governance; /* without authorities */
    struct authorities authorities;
};
int client_community(const struct cli *cli, struct client *client, struct community_terms *out);
/* The same, and tells of the founding charter and each act in turn: its signed bytes, which verify,
 * and what stood `before` (nothing before the charter) and `after` it. Answers EXIT codes. */
typedef int client_act_visit(void *context, const struct community_terms *before,
                             struct bytes bytes, const struct community_terms *after);
int client_acts(const struct cli *cli, struct client *client, client_act_visit *visit,
                void *context, struct community_terms *out);
/* Who holds this certificate: gathered from the node, checked up to the community's charter as it
 * stood at `at`. ERR_USER_NOT_FOUND when the node no longer holds the chain; PEER errors. */
enum err client_chain(struct client *client, const struct community_terms *community,
                      const struct id *certificate, struct instant at, struct member *out);

/* How this asker keeps the terms of what was granted to it, as the node could see. */
int client_keeping(struct client *client, const struct id *asker, struct asker_keeping *out);

/* ---- facts.c ---- */
/* A list is a table where its columns fit the terminal, else one block an item. A NULL label is for
 * JSON only. */
struct facts; /* an object or a list under way */
struct facts *facts_start(const struct cli *cli, bool list);
void facts_item(struct facts *facts); /* begins the next object of a list */
/* JSON only: the texts that follow are a list called `key`, until NULL. */
void facts_list(struct facts *facts, const char *key);
/* JSON only: the facts that follow are an object called `key`, until NULL; or items of a list. */
void facts_object(struct facts *facts, const char *key);
void facts_items(struct facts *facts, const char *key);
void facts_text(struct facts *facts, const char *key, const char *label, const char *value);
/* In a table it is cut to `columns`. */
void facts_cut(struct facts *facts, const char *key, const char *label, const char *value,
               size_t columns);
/* What is to be copied: in no table, on a line of its own that is never broken. */
void facts_whole(struct facts *facts, const char *key, const char *label, const char *value);
void facts_number(struct facts *facts, const char *key, const char *label, int64_t value);
/* `text` is how a person reads it. */
void facts_shown(struct facts *facts, const char *key, const char *label, int64_t value,
                 const char *text);
void facts_flag(struct facts *facts, const char *key, bool value); /* JSON only */
void facts_time(struct facts *facts, const char *key, const char *label, struct instant at);
void facts_bytes(struct facts *facts, const char *key, const char *label, struct bytes value);
void facts_end(struct facts *facts); /* prints */
/* A time as a person reads it: local, and in UTC too where that differs. */
enum {
    TIME_TEXT_MAX = 2 * INSTANT_TEXT_MAX + 4,
    DAY_BYTES = 11, /* "2026-11-24" */
};
void time_text(struct instant at, char out[TIME_TEXT_MAX]);
/* "Sat 28 Nov 2026 20:52:47 to 20:53:04 UTC"; the first has a zone of its own where it is another,
 * as between summer time and the rest. */
void times_text(struct instant from, struct instant to, char out[TIME_TEXT_MAX]);
void day_text(struct instant at, char out[DAY_BYTES]);
void facts_failure(int code, const char *text, const char *next); /* JSON, unless facts came */
/* What a command printed as JSON in each community, as one document. */
struct facts_part {
    const char *name;
    int exit;
    struct bytes document;
};
void facts_parts(const struct facts_part *parts, size_t count);

/* ---- signers.c ---- */
/* Owner folders of co-owners who sign too, as named by --co-sign; they borrow the arguments. */
struct co_signers {
    size_t count;
    const char *folders[OWNERS_MAX];
};
struct cli_option co_sign_option(struct co_signers *out); /* may be repeated */
/* This home's owners whose keys are at hand: --owner-dir first, then each --co-sign. */
enum {
    SIGNERS_MAX = OWNERS_MAX
};
struct signers {
    size_t count;
    const char *folders[SIGNERS_MAX]; /* borrowed */
    struct owner_secret *secrets[SIGNERS_MAX];
    struct keyfile_public publics[SIGNERS_MAX];
};
int signers_open(struct cli *cli, const struct co_signers *co_signers, struct signers *out);
void signers_close(struct signers *signers);
/* Before anybody types a passphrase: is the key of every owner whom `needed` names among those at
 * hand? Says who is missing. */
int signers_cover(const struct cli *cli, const struct co_signers *co_signers,
                  const struct pins *pins, const bool needed[OWNERS_MAX]);
enum err signers_sign(const struct signers *signers, struct signed_object *object);

/* ---- cameras.c ---- */
/* The owner's copy in clear of the camera list as it was signed last. */
struct cameras {
    bool there;   /* false: no camera was ever named */
    struct id id; /* of the signed list; zero when there is none */
    struct camera_list list;
};
/* Before anything that reads the list: one that the node was given by a `stoop` that did not live
 * to hear the answer is the list now, if ingest has taken it. EXIT codes after printing. */
int cameras_settle(struct cli *cli);
int cameras_load(const struct cli *cli, struct cameras *out);
/* A community may ask about them, by the node of that name. Where there is no room, communities
 * that are pinned no more and that no camera names give it. */
void cameras_admit(struct cameras *cameras, const struct pins *pins, const char *name,
                   const struct id *community);
/* Signs the changed list as the next one, seals it to ingest and to the owners, hands it over, and
 * keeps the copy in clear once ingest has taken it. */
int cameras_put(const struct cli *cli, struct client *client, const struct signers *signers,
                struct cameras *cameras);
/* Signs the camera list anew with this community in it; nothing when there is no list. */
int cameras_resign(const struct cli *cli, struct client *client, const struct signers *signers,
                   const struct id *community);

/* ---- links.c ---- */
/* Of a CONTROL_GOT_PEERS. Both pictures are stable: the same links give the same bytes, whose lines
 * fit 80 columns. */
enum {
    LINK_CODE_BYTES = 9
};
void links_sort(struct control_reply *peers); /* by name; first */
void links_picture(FILE *to, const struct control_reply *peers);
void links_dot(FILE *to, const struct control_reply *peers); /* for Graphviz */
/* The beginning of a certificate's id, as the node's journal has it. */
void link_code(const struct id *certificate, char out[LINK_CODE_BYTES]);

/* ---- document.c ---- */
enum {
    SEAL_TEXT_MAX = 192,
    SEAL_NAME_COLUMNS = 30, /* of a signer's name, so that a line holds it */
};
/* By what the bytes are: "application/pdf", "image/png", "text/plain", or NULL for anything else.
 * Static. */
const char *document_type(struct bytes bytes);
/* EXIT_FAILED after printing: cannot be read, empty, too large, or of no type that homes take. */
int document_read(const char *path, struct document *out, struct buffer *bytes);
int seal_read(const char *path, struct court_seal *out, struct buffer *bytes);

void authorities_keep(const struct charter *charter, struct authorities *out);
struct bytes authority_at(const struct authorities *authorities, size_t i);

/* The court's own signature, once both it and the document are here. Zeroed: not checked. */
struct seal_outcome {
    bool checked;
    enum cms_result result;
    char by[CMS_NAME_BYTES]; /* of CMS_SEALED */
};
enum legal_seal seal_evidence(const struct seal_outcome *outcome);
/* What became of it in plain words, to follow "the court's own signature:". */
const char *seal_text(const struct request *request, const struct seal_outcome *outcome,
                      char out[SEAL_TEXT_MAX]);

/* ---- checked.c ---- */
struct namesakes { /* homes that are called as another one */
    size_t count;
    struct id one; /* certificate of the first */
};

/* A request as the owner's side sees it: checked from its signed bytes. */
struct checked_request {
    struct id id;
    struct request request;
    struct charter charter; /* its authorities are gone */
    struct authorities authorities;
    struct member author;
    char code[LONG_CODE_BYTES];   /* the short one, but where who reads the list made it longer */
    char sponsor[NAME_MAX_BYTES]; /* who vouched for the author; empty: it founded the community */
    char abroad[NAME_MAX_BYTES];  /* the community that it came from by treaty; empty: this one */
    struct id here;               /* this one, in which it is asked */
    struct asker asker;
    char account[NAME_MAX_BYTES]; /* who asks: the author, or an officer's outsider */
    bool outside;                 /* an outsider: no member; and what acts say of it */
    struct outsider as;
    bool elsewhere; /* a treaty lets it be asked of another community besides (LP-17) */
    bool ours, document_here, seal_here;
    enum request_end {
        REQUEST_STANDS,
        REQUEST_WITHDRAWN,
        REQUEST_AMENDED,
        REQUEST_TAKEN_BACK, /* one of them: what did it is held no more; or its author left, or was
                               removed */
    } end;
    struct id end_id;                  /* of the request that amends it */
    struct id newest;                  /* the same; or the last in its place: amendments_tell() */
    char end_code[REQUEST_CODE_BYTES]; /* of that */
    bool amends_own;   /* it amends a request that the node holds, of the same author; set by who
                          reads the list */
    size_t call_count; /* homes that have called its agency back, the newest record first */
    struct checked_call {
        struct call_back call;
        char by[NAME_MAX_BYTES];
        bool alike; /* that home shares its name; as `namesakes` below */
    } calls[CALLS_SHOWN_MAX];
    uint32_t calls_more;      /* that the node has besides, by its own word */
    bool document_is_other;   /* not of the type that the request says; set by who reads it */
    struct seal_outcome seal; /* set by who reads it */
    uint32_t open_clips;
    uint64_t log_index;
    struct namesakes namesakes; /* homes here that are called as who asks; with sponsor_alike set by
                                   who reads the list: namesakes_tell() */
    bool sponsor_alike;         /* so is who vouched for it, and another one */
};
enum err check_request(const struct control_reply *reply, const struct community_terms *community,
                       struct instant now, struct checked_request *out);
/* `err`: what check_request() answered. Whoever asked was let in until a day that has come, is
 * suspended, or gone: what was asked for can be released no more, and goes by itself. That is no
 * lie of the node's. *out: the request. */
bool request_is_over(const struct control_reply *reply, enum err err, struct id *out);
/* "Ada"; "outsider Riverside PD"; "Ada (1561b505)" where another is called so. Not safe to print.
 */
enum {
    ASKER_MAX = NAME_MAX_BYTES + 16 + LINK_CODE_BYTES + 2
};
const char *asker_text(const struct checked_request *asked, char out[ASKER_MAX]);
/* "agency Riverside PD, by its officer Lee"; of an outsider alone. Safe to print. */
enum {
    OUTSIDE_TEXT_MAX = 512
};
const char *outside_text(const struct checked_request *asked, char out[OUTSIDE_TEXT_MAX]);
/* "no member: let in by 2 administrators on 2026-11-24". */
const char *let_in_text(const struct outsider *outsider, char out[OUTSIDE_TEXT_MAX]);
/* "withdrawn", "amended by 77AB-01", "ended with this home's membership"; NULL while it stands. */
enum {
    REQUEST_END_MAX = 48
};
const char *request_end_text(const struct checked_request *asked, char out[REQUEST_END_MAX]);
/* "state", for programs: open, ended (by itself), withdrawn, amended (then with the whole id of the
 * one in its place as "amended_by", of the last in its place as "newest"), taken_back (one of both;
 * which is no longer known). */
void request_state_facts(struct facts *facts, const struct checked_request *asked,
                         struct instant now);
/* When the records name a request that asks for secrecy (PROTOCOL 8.7), in the time zone of who
 * reads it. */
enum {
    SECRECY_TEXT_MAX = 128
};
const char *secrecy_text(const struct request *request, struct instant now,
                         char out[SECRECY_TEXT_MAX]);
/* "Ada rang +1 951 555 0100, 24 Nov 21:40: confirmed by Sgt. Lee", safe to print. */
const char *call_text(const struct checked_call *call, char out[SAFE_MAX]);
void call_facts(struct facts *facts, const struct call_back *call); /* for --json */
/* "3 more homes have called; only the newest are shown"; NULL where all are shown. */
enum {
    CALLS_MORE_MAX = 64
};
const char *calls_more_text(const struct checked_request *asked, char out[CALLS_MORE_MAX]);
/* How every rule comes out, by what is known of document and seal. */
void checked_law(const struct checked_request *asked, struct instant now, struct legal_report *out);
/* May it be put before a person? As legal_verdict_lasting(): a node that keeps to its fence has
 * none that may not. */
enum err checked_verdict(const struct checked_request *asked, struct instant now, size_t *rule);
/* The same of one that is not sent yet, by whoever would ask: as every home will. */
struct drafted {
    const struct request *request;
    const struct governance *governance;
    enum member_role role;
    uint32_t instruments; /* that who asks may use */
    const struct seal_outcome *seal;
};
enum err drafted_law(const struct drafted *draft, struct instant now, struct legal_report *out,
                     size_t *rule);

/* ---- amendments.c ---- */
/* Requests that were amended, and by which: each word of their author's, checked. Beyond the bound
 * one is not known, and the prompt says so of the rule (LP-34). */
enum {
    AMENDMENTS_MAX = 4096
};
struct amendments {
    size_t count;
    struct amendment {
        struct id request, by;
    } list[AMENDMENTS_MAX];
};
void amendments_note(struct amendments *amendments, const struct checked_request *asked);
/* Of all that the node lists. EXIT codes after printing. */
int amendments_load(struct client *client, const struct community_terms *community,
                    struct amendments *out);
/* Names that one in place of the next one, where `asked` was amended. */
void amendments_tell(const struct amendments *amendments, struct checked_request *asked);
/* Is one of them amended by this one? */
bool amendments_have(const struct amendments *amendments, const struct checked_request *by);

/* ---- commands ---- */
int cmd_init(struct cli *cli);
int cmd_key(struct cli *cli);
int cmd_status(struct cli *cli);
int cmd_communities(struct cli *cli);
int cmd_doctor(struct cli *cli);
int cmd_community(struct cli *cli);
int cmd_charter(struct cli *cli);
int charter_show(struct cli *cli); /* 'charter show' and 'community show' */
int cmd_members(struct cli *cli);
int cmd_remove(struct cli *cli);
int cmd_renew(struct cli *cli);
int cmd_outsider(struct cli *cli);
int outsider_apply(struct cli *cli);
int cmd_leave(struct cli *cli);
int cmd_treaty(struct cli *cli);
int cmd_peers(struct cli *cli);
int cmd_invite(struct cli *cli);
int cmd_meet(struct cli *cli);
int cmd_join(struct cli *cli);
int cmd_camera(struct cli *cli);
int cmd_request(struct cli *cli);
int cmd_process(struct cli *cli);
int cmd_requests(struct cli *cli);
int cmd_callback(struct cli *cli);
int cmd_review(struct cli *cli);
int cmd_mute(struct cli *cli);
int cmd_unmute(struct cli *cli);
int cmd_delivered(struct cli *cli);
int cmd_delete(struct cli *cli);
int cmd_overdue(struct cli *cli);
int cmd_collect(struct cli *cli);
int cmd_log(struct cli *cli);
int cmd_vault(struct cli *cli);

#endif
