/* The owner takes something away from a clip (PROTOCOL 6.7): always from the clip as it was sealed,
 * so that two edits cost no more than one, and what was taken once can be given back. Plaintext
 * lies in memory only. */
#include <errno.h>
#include <string.h>
#include <sys/sysinfo.h>

#include "cli/review.h"

static void say(const char *why);
static int undo(struct desk *desk, struct opened *clip);
static int make(struct desk *desk, struct opened *clip, const struct wish *wish);
static int fetch_original(struct desk *desk, struct opened *clip);
static bool fits_memory(uint64_t bytes);
static int say_why(enum err err);
static int take_result(struct opened *clip, FILE *take_file, const struct wish *wish,
                       const struct media_edited *edited);

int edits_make(struct desk *desk, struct opened *clip, enum prompt_edit what, const char *text) {
    struct wish wish = clip->wish;
    const struct wish before = clip->wish;
    const char *why = NULL;
    switch (what) {
    case PROMPT_TRIM:
        why = wish_trim(&wish, text, clip->manifest);
        break;
    case PROMPT_REDACT:
        why = wish_redact(&wish, text);
        break;
    case PROMPT_MUTE:
        why = wish_mute(&wish, text, clip->manifest);
        break;
    case PROMPT_UNDO:
        return undo(desk, clip);
    }
    if (why == NULL && wish_equal(&wish, &before)) {
        why = "that takes nothing away";
    }
    if (why == NULL && clip->wish_count == WISHES_MAX) {
        why = "so many edits are enough; undo one first";
    }
    if (why != NULL) {
        say(why);
        return EXIT_FAILED;
    }
    int failed = make(desk, clip, &wish);
    if (failed == 0) {
        clip->wishes[clip->wish_count++] = before;
    }
    return failed;
}

/* A line of it on as many as it takes. */
static void say(const char *why) {
    for (const char *end = why; *why != '\0'; why = end) {
        char text[EDIT_TEXT_MAX];
        end = why + strcspn(why, "\n");
        (void)snprintf(text, sizeof text, "%.*s", (int)(end - why), why);
        term_text(text);
        end += *end == '\n' ? 1 : 0;
    }
}

static int undo(struct desk *desk, struct opened *clip) {
    if (clip->wish_count == 0) {
        (void)puts("you have changed nothing");
        return EXIT_FAILED;
    }
    size_t count = clip->wish_count - 1;
    const struct wish before = clip->wishes[count];
    if (count == 0) {
        opened_reset(clip);
        clip->looked = false;
        return 0;
    }
    int failed = make(desk, clip, &before);
    if (failed == 0) {
        clip->wish_count = count;
    }
    return failed;
}

static int make(struct desk *desk, struct opened *clip, const struct wish *wish) {
    const struct manifest *manifest = clip->manifest;
    bool cut = wish->from.ms != manifest->from.ms || wish->to.ms != manifest->to.ms;
    struct media_edit edit = {.from_ms = cut ? wish->from.ms - manifest->from.ms : 0,
                              .to_ms = cut ? wish->to.ms - manifest->from.ms : 0,
                              .mute = wish->mute,
                              .area_count = wish->area_count};
    struct media_edited edited;
    uint64_t most =
        manifest->size * EDIT_GROWTH + EDIT_MARGIN / 2; /* sealed, it is a little more */
    if (desk->editor == NULL) {
        return fail("it is installed with stoop", "'stoop-media' is not there");
    }
    int failed = fetch_original(desk, clip);
    if (failed != 0) {
        return term_stopped() ? EXIT_PENDING : failed;
    }
    memcpy(edit.areas, wish->areas, sizeof edit.areas);
    FILE *file = player_file();
    if (file == NULL) {
        return fail(NULL, "out of memory");
    }
    enum err err = editor_run(desk->editor, &edit, most, clip->original, file, &edited);
    if (err == ERR_OK) {
        return take_result(clip, file, wish, &edited);
    }
    (void)fclose(file);
    return say_why(err);
}

/* Once, for all edits of this clip. */
static int fetch_original(struct desk *desk, struct opened *clip) {
    if (clip->original != NULL) {
        return 0;
    }
    if (!fits_memory(clip->manifest->size)) {
        return fail("the clip can be accepted or declined as it is",
                    "it is too large to be edited in this computer's memory");
    }
    FILE *file = player_file();
    if (file == NULL) {
        return fail(NULL, "out of memory");
    }
    int failed = read_original(desk, clip, "opening", file);
    if (failed == 0 && fflush(file) != 0) {
        failed = fail(NULL, "the clip cannot be kept in memory: %s", strerror(errno));
    }
    if (failed != 0) {
        (void)fclose(file);
        return failed;
    }
    clip->original = file;
    return 0;
}

/* The clip, what is made of it, and that once more when it is sealed. */
static bool fits_memory(uint64_t bytes) {
    struct sysinfo info;
    return sysinfo(&info) == 0 && bytes < (uint64_t)info.totalram * info.mem_unit / 4;
}

static int say_why(enum err err) {
    if (err == ERR_USER_NOT_FOUND) {
        (void)fail("your edits are gone", "stopped");
        return EXIT_PENDING;
    }
    if (err == ERR_HOST_CHILD) {
        return fail("'stoop doctor' says whether ffmpeg is there", "the clip cannot be edited: %s",
                    err_text(err));
    }
    return fail("it is as it was before", err == ERR_FULL_BUFFER
                                              ? "it would be larger than the clip is"
                                              : "the clip cannot be edited so");
}

/* The new file is what would leave now. */
static int take_result(struct opened *clip, FILE *take_file, const struct wish *wish,
                       const struct media_edited *edited) {
    static uint8_t part[64 * 1024];
    struct outgoing goes = {
        .from = wish->from, .to = wish->to, .audio = edited->info.audio, .making = edited->making};
    struct sha256_state *hash = sha256_create();
    size_t got = 0;
    rewind(take_file);
    while (hash != NULL && (got = fread(part, 1, sizeof part, take_file)) > 0) {
        sha256_update(hash, (struct bytes){part, got});
        goes.size += got;
    }
    if (hash == NULL || ferror(take_file) != 0 || goes.size == 0) {
        sha256_destroy(hash);
        (void)fclose(take_file);
        return fail(NULL, "what was edited cannot be read");
    }
    sha256_final(hash, &goes.sha256);
    sha256_destroy(hash);
    if (clip->edited != NULL) {
        (void)fclose(clip->edited);
    }
    clip->edited = take_file;
    clip->wish = *wish;
    clip->goes = goes;
    clip->looked = false;
    return 0;
}
