/* Ingest's own state: what the cameras have recorded, which requests wait to be matched, which
 * clips lie in the vault. SQLite, WAL, synchronous=FULL; schema versioned with forward migrations.
 * Each write is a transaction of its own.
 *
 * Memory: what a read hands out is good until the next call. Errors: ERR_HOST_DATABASE,
 * ERR_HOST_DISK, ERR_HOST_SCHEMA; ERR_USER_NOT_FOUND from the reads. */
#ifndef NODE_INGEST_INDEX_H
#define NODE_INGEST_INDEX_H

#include "node/media/media.h"
#include "proto/clip.h"

struct index;

MUST_USE enum err index_open(const char *path, struct index **out);
void index_close(struct index *index); /* NULL is fine */

/* ---- the camera list in force ---- */
MUST_USE enum err index_list_get(struct index *index, struct bytes *signed_list);
MUST_USE enum err index_list_put(struct index *index, struct bytes signed_list);

/* ---- segments: one camera file each ---- */
struct segment {
    char camera[NAME_MAX_BYTES];
    char path[MEDIA_PATH_MAX]; /* relative to the camera's folder */
    struct instant from, to;
    uint64_t size;
    int64_t modified_ns;
    uint64_t inode;
    struct id sha256;
    enum media_format format;
    enum time_source time_source;
    uint32_t width, height;
    bool audio;
    bool tagged;
    bool hidden;
};
/* True when this very file (size, time, inode) is known, whether it was taken or refused. */
bool index_segment_known(struct index *index, const char *camera, const char *path, uint64_t size,
                         int64_t modified_ns, uint64_t inode);
MUST_USE enum err index_segment_put(struct index *index, const struct segment *segment);
/* Remembers a file that is no video, so that it is not probed again and again. */
MUST_USE enum err index_refused_put(struct index *index, const struct segment *segment);
/* Segments of a camera that overlap [from, to), oldest first. `visit` answers ERR_OK to go on. */
typedef enum err segment_visit(void *context, const struct segment *segment);
MUST_USE enum err index_segments(struct index *index, const char *camera, struct instant from,
                                 struct instant to, segment_visit *visit, void *context);
MUST_USE enum err index_segment_count(struct index *index, uint64_t *out);

/* ---- periods: what was recorded, committed to the log (PROTOCOL 6.6) ---- */
struct period {
    struct instant closed;
    uint8_t salt[32];
    struct id commitment;
};
/* Makes one of all segments that are in none yet, in one transaction. */
MUST_USE enum err index_period_close(struct index *index, struct instant now,
                                     const uint8_t salt[32], struct period *out);
MUST_USE enum err index_period_last(struct index *index, struct period *out);

/* ---- jobs: requests that wait to be matched ---- */
struct job {
    struct id request;
    struct instant due;
    bool done;
    struct id author;     /* on whose account: the requester's certificate, or its outsider's */
    struct instant until; /* the request's end: it counts as live, and is remembered, until then */
    char node[SLUG_MAX_BYTES]; /* who handed it over, and is told what came of it */
    struct bytes frame;        /* the INGEST_REQUEST message as it came */
};
MUST_USE enum err index_job_put(struct index *index, const struct job *job); /* known: nothing */
MUST_USE enum err index_job_next(struct index *index, struct job *out);      /* not done, soonest */
MUST_USE enum err index_job_done(struct index *index, const struct id *request);
MUST_USE enum err index_job_later(struct index *index, const struct id *request,
                                  struct instant due);
MUST_USE enum err index_job_get(struct index *index, const struct id *request, struct job *out);
/* How many there are of this node, and how many of them are this requester's and live. Forgets
 * those that are done and over. */
struct jobs_of {
    const char *node;
    const struct id *author;
};
MUST_USE enum err index_jobs_count(struct index *index, struct jobs_of whose, struct instant now,
                                   uint64_t *all, uint64_t *live);

/* ---- clips in the vault ---- */
struct vault_clip {
    struct clip_id clip;
    struct id request;
    char camera[NAME_MAX_BYTES];
    char node[SLUG_MAX_BYTES]; /* the one that asked; no other has to do with it */
    bool told;                 /* it has it on record */
    struct bytes match;        /* the INGEST_MATCH message; empty while the clip is being made */
};
MUST_USE enum err index_clip_put(struct index *index, const struct vault_clip *clip);
/* Nothing where the clip is another node's; so is index_clip_remove(). */
MUST_USE enum err index_clip_told(struct index *index, const char *node,
                                  const struct clip_id *clip);
/* From here on every clip that was told counts as an orphan until it is told again. */
MUST_USE enum err index_clips_doubt(struct index *index);
/* ERR_USER_NOT_FOUND: none. */
MUST_USE enum err index_clip_orphan(struct index *index, const char *node, struct clip_id *out);
MUST_USE enum err index_clip_remove(struct index *index, const char *node,
                                    const struct clip_id *clip);
MUST_USE enum err index_clip_known(struct index *index, const char *node,
                                   const struct clip_id *clip, bool *out);
/* What was deleted before this is in no file any more: a clip's header is its only key
 * (PROTOCOL 6.1).
 */
MUST_USE enum err index_shred(struct index *index);
typedef enum err clip_visit(void *context, const struct vault_clip *clip);
MUST_USE enum err index_clips(struct index *index, clip_visit *visit, void *context);
bool index_clip_of(struct index *index, const struct id *request, const char *camera);

/* ---- nodes ---- */
/* Those that jobs or clips are of. `visit` answers ERR_OK to go on. */
typedef enum err node_visit(void *context, const char *name);
MUST_USE enum err index_nodes(struct index *index, node_visit *visit, void *context);
/* Its jobs and clips, the headers too: the home has taken its folder away. */
MUST_USE enum err index_node_forget(struct index *index, const char *name);

#endif
