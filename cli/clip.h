/* A sealed clip as `stoop` gets it from its node, which it does not believe: every piece is held
 * against the root, every chunk opened, size and SHA-256 of the plaintext compared (PROTOCOL 6). */
#ifndef CLI_CLIP_H
#define CLI_CLIP_H

#include "cli/cli.h"
#include "cli/helper.h"
#include "crypto/age.h"
#include "node/media/media.h"

struct clip_from {
    enum control_op op; /* CONTROL_PAYLOAD: `clip`; CONTROL_DELIVERED_DATA: `id` of the grant */
    struct clip_id clip;
    struct id id;
};

struct clip_claim {
    uint64_t payload_size;
    struct id payload_root;
    uint64_t size; /* of the plaintext */
    struct id sha256;
};

/* Reads the whole clip. `file` NULL: only checked; else its content is good only when 0 is
 * answered. `key` NULL: the sealed payload itself, held against its root. `what` goes before the
 * progress. EXIT_FAILED after printing. */
int clip_read(struct client *client, const struct clip_from *source, const struct clip_claim *claim,
              const struct age_file_key *key, const char *what, FILE *file);

/* A private folder in memory for what an owner looks at, and a child without keys that empties and
 * removes it when this process ends, however it ends: a look must not stay behind because its
 * review was killed. `folder` gets the path. EXIT_FAILED after printing. */
struct scratch;
int scratch_open(char folder[PATH_MAX], struct scratch **out);
void scratch_close(struct scratch *scratch); /* NULL is fine; the folder is gone on return */

/* What shows clips to the owner. It is handed each clip as a file in memory, and runs `command`
 * with that file's name after it; what it shows goes on when it is stopped. */
int player_start(const char *command, struct helper **out);
/* A file to write a clip to, NULL when there is no memory. player_show() hands it over and closes
 * it. */
FILE *player_file(void);
bool player_show(struct helper *player, FILE *take_file);

/* What gets a PDF's text for the owner. Each document it gives to pdftotext, behind the walls of
 * media work: nothing but the document, no network, at most 10 s of the processor and
 * READER_TEXT_MAX bytes of text. */
enum {
    READER_TEXT_MAX = 256 * 1024
};
bool reader_installed(void);
int reader_start(struct helper **out);
/* Bytes of anybody's making, appended. False when there is no text to be had. */
bool reader_text(struct helper *reader, struct bytes pdf, struct buffer *out);

/* What checks courts' seals: cms_check() of anybody's bytes, in a child behind the same walls for
 * each. What makes that child fail is malformed. EXIT_FAILED after printing. */
int seals_start(struct helper **out);
/* The same with other work, and less patience: to be tried. */
typedef enum cms_result seals_work(struct bytes seal, struct bytes document,
                                   const struct bytes *anchors, size_t anchor_count,
                                   struct instant now, char by[CMS_NAME_BYTES]);
struct seals_terms {
    seals_work *work;
    int wall_ms; /* for one answer */
};
int seals_start_on(const struct seals_terms *terms, struct helper **out);
void seal_check(struct helper *seals, struct bytes seal, struct bytes document,
                const struct authorities *authorities, struct instant now,
                struct seal_outcome *out);

/* What has ffmpeg edit clips, by stoop-media, which lies beside `stoop` or where it is installed.
 * NULL without an error where it is not. */
int editor_start(struct helper **out);
/* media_edit() of files in memory, which are read and written from their beginning. Says that it is
 * busy; Ctrl-C stops it: ERR_USER_NOT_FOUND. */
enum err editor_run(struct helper *editor, const struct media_edit *edit, uint64_t most, FILE *clip,
                    FILE *out, struct media_edited *edited);

#endif
