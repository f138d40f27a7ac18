/* review: the owner's prompt (P1 to P4). What it shows it has checked itself, from signed bytes,
 * against the pins in the owner's own folder. Nothing here accepts but the request's code, typed
 * after the digest was shown, and then the passphrase. */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/breadth.h"
#include "cli/clip.h"

enum {
    CLIPS_MAX = 256,
    ANSWER_MAX = 64,
    LABEL_COLUMNS = 9,
    LINE_COLUMNS = 80,
    FAILED_LINES = 3, /* of the prompt; 'c' shows them all */
    GAPS_SHOWN = 3,
    TEXT_LINES = 40, /* of a document; the file has the rest */
    GRANT_EXTRA_DAYS = 7
};

struct clip_ref {
    struct id request;
    struct clip_id clip;
};

struct review {
    struct cli *cli;
    struct client *client;
    struct pins pins;
    struct id community, certificate;
    struct owner_secret *secret; /* NULL until the first clip is opened */
    struct keyfile_public pub;
    size_t clip_count;
    struct clip_ref clips[CLIPS_MAX];
    bool left_pending;
    struct player *player;   /* NULL: looks are files */
    struct reader *reader;   /* NULL: pdftotext is not installed */
    char looks[PATH_MAX];    /* the folder for them */
    struct scratch *scratch; /* NULL: the owner named the folder, and keeps what is in it */
};

struct opened { /* one clip, checked */
    struct checked_request *asked;
    struct clip_id clip;
    struct manifest *manifest;
    struct id manifest_id;
    struct buffer signed_manifest;
    struct buffer header;
    struct buffer part; /* the grant so far */
    uint64_t payload_size;
    bool looked; /* the whole of it was handed out to be seen */
};

static int load_clips(struct review *review, const char *code);
static int find_request(struct review *review, const struct id *id, struct checked_request *out);
static int review_clip(struct review *review, const struct clip_ref *ref);
static int open_clip(struct review *review, const struct clip_ref *ref, struct opened *clip);
static enum err check_manifest(const struct review *review, const struct control_reply *reply,
                               struct opened *clip);
static void show_prompt(const struct opened *clip, const struct pins *pins);
static void line(const char *label, const char *format, ...) PRINTF_LIKE(2, 3);
static void show_who(const struct checked_request *asked);
static const char *making_text(enum clip_making making);
static void show_checks(const struct opened *clip, size_t most);
static void show_asked(const struct opened *clip);
static void show_breadth(const struct checked_request *asked);
static void show_owners(const struct opened *clip, const struct pins *pins);
static void show_seen(const struct opened *clip);
static void show_whole(const struct opened *clip);
static void show_field(const char *label, const char *value);
static int ask_until_decided(struct review *review, struct opened *clip);
static int check_document(struct review *review, struct checked_request *asked);
static int fetch_attachment(struct review *review, const struct id *named, size_t size,
                            struct buffer *out);
static int check_rules(const struct checked_request *asked);
static int accept(struct review *review, struct opened *clip);
static bool has_signed(const struct opened *clip, const struct sign_public *key);
static int refresh_part(struct review *review, struct opened *clip);
static enum err make_grant(const struct review *review, const struct opened *clip,
                           const struct owner_secret *secret, struct buffer *out, bool *complete);
static enum err make_header(const struct owner_secret *secret, const struct opened *clip,
                            struct buffer *header, struct buffer *manifest);
static int decline(struct review *review, const struct opened *clip);
static int show_clip(struct review *review, const struct opened *clip);
static int write_clip(struct review *review, const struct opened *clip);
static int read_clip(struct review *review, const struct opened *clip, const char *what,
                     FILE *file);
static int write_document(struct review *review, const struct opened *clip);
static void show_document(const struct review *review, const struct document *document,
                          struct bytes bytes);
static void show_text(struct bytes text);
static void look_path(const struct review *review, const struct opened *clip, const char *ending,
                      char out[PATH_MAX]);
static bool is_code(const char *answer, const char *code);

int cmd_review(struct cli *cli) {
    static struct control_reply status;
    static struct review review;
    const char *to = NULL;
    const char *player = NULL;
    const struct cli_option options[] = {{.name = "--to", .value = &to},
                                         {.name = "--player", .value = &player}};
    int failed = take_options(cli, options, COUNT_OF(options), "[CODE]");
    if (failed != 0) {
        return failed;
    }
    if (!term_present() || !isatty(STDOUT_FILENO)) { /* who decides must see what about */
        (void)fail("nothing can be accepted without a person at a terminal", "no terminal");
        return EXIT_NO_TERMINAL;
    }
    memset(&review, 0, sizeof review);
    review.cli = cli;
    failed = client_open(cli, &review.client);
    if (failed == 0) {
        failed = client_status(review.client, &status);
    }
    if (failed == 0) {
        review.certificate = status.as.status.certificate;
        failed = pinned_community(cli, &review.community);
    }
    if (failed == 0) {
        failed = pins_load(cli, &review.pins);
    }
    if (failed == 0 && to != NULL) {
        (void)snprintf(review.looks, sizeof review.looks, "%s", to);
        failed = folder_make(to, 0700);
    } else if (failed == 0) {
        failed = scratch_open(review.looks, &review.scratch);
    }
    if (failed == 0 && player != NULL) {
        failed = player_start(player, &review.player);
    }
    if (failed == 0 && reader_installed()) {
        failed = reader_start(&review.reader);
    }
    if (failed == 0) {
        walls_allow(cli, review.looks);
        term_guard(); /* so that no half of a look stays behind */
        failed = load_clips(&review, cli->argc > 1 ? cli->argv[1] : NULL);
    }
    if (failed == 0 && review.clip_count == 0) {
        (void)puts(cli->argc > 1 ? "nothing of this home is asked for by that code"
                                 : "nothing waits for your decision");
    }
    for (size_t i = 0; failed == 0 && i < review.clip_count; i++) {
        failed = review_clip(&review, &review.clips[i]);
    }
    secret_destroy(review.secret);
    player_stop(review.player);
    reader_stop(review.reader);
    scratch_close(review.scratch);
    client_close(review.client);
    if (failed == 0 && review.left_pending) {
        return EXIT_PENDING;
    }
    return failed;
}

static int load_clips(struct review *review, const char *code) {
    static struct control_reply reply;
    struct client_list list = {0};
    int failed = 0;
    while (client_each_part(review->client, CONTROL_CLIPS, &list, &reply, &failed)) {
        char own[REQUEST_CODE_BYTES];
        request_code(&reply.as.clip.request, own);
        bool open = reply.as.clip.state == CLIP_OPEN || reply.as.clip.state == CLIP_PART_SIGNED;
        if (open && (code == NULL || is_code(code, own)) && review->clip_count < CLIPS_MAX) {
            review->clips[review->clip_count++] =
                (struct clip_ref){reply.as.clip.request, reply.as.clip.clip};
        }
    }
    return failed;
}

static int review_clip(struct review *review, const struct clip_ref *ref) {
    static struct checked_request asked;
    struct opened clip = {.asked = &asked,
                          .clip = ref->clip,
                          .signed_manifest = {.max = SEALED_MANIFEST_MAX},
                          .header = {.max = HEADER_MAX},
                          .part = {.max = SIGNED_GOSSIP_MAX}};
    clip.manifest = calloc(1, sizeof *clip.manifest);
    int failed = clip.manifest == NULL ? fail(NULL, "out of memory")
                                       : find_request(review, &ref->request, &asked);
    if (failed == 0) {
        failed = check_document(review, &asked);
    }
    if (failed == 0) {
        failed = check_rules(&asked);
    }
    if (failed == 0 && review->secret == NULL) {
        failed =
            owner_open(review->cli, review->cli->owner_dir, NULL, &review->secret, &review->pub);
    }
    if (failed == 0) {
        failed = open_clip(review, ref, &clip);
    }
    if (failed == 0) {
        failed = ask_until_decided(review, &clip);
    }
    free(clip.manifest);
    buffer_finish(&clip.signed_manifest);
    buffer_finish(&clip.header);
    buffer_finish(&clip.part);
    return failed;
}

static int find_request(struct review *review, const struct id *id, struct checked_request *out) {
    static struct control_reply reply;
    struct client_list list = {0};
    bool found = false;
    int failed = 0;
    while (client_each_part(review->client, CONTROL_REQUESTS, &list, &reply, &failed)) {
        static struct checked_request checked;
        if (check_request(&reply, &review->community, now_wall(), &checked) == ERR_OK &&
            id_equal(&checked.id, id)) {
            *out = checked;
            found = true;
        }
    }
    return failed != 0 || found ? failed
                                : fail("nothing was shown or released",
                                       "the node holds a clip for a request that does not verify");
}

/* That the document and the court's seal are here is not the node's word: they are read, and held
 * against their hashes; and the document against its type, the seal against the document. */
static int check_document(struct review *review, struct checked_request *asked) {
    SCOPED(buffer_finish) struct buffer bytes = {.max = DOCUMENT_MAX};
    SCOPED(buffer_finish) struct buffer seal = {.max = COURT_SEAL_MAX};
    const struct document *document = &asked->request.document;
    const struct court_seal *court = &asked->request.court_seal;
    asked->document_here &= document->present;
    asked->seal_here &= court->present;
    if (!asked->document_here) {
        return 0;
    }
    int failed = fetch_attachment(review, &document->sha256, document->size, &bytes);
    if (failed != 0) {
        return failed;
    }
    const char *type = document_type(buffer_bytes(&bytes));
    asked->document_is_other = type == NULL || strcmp(type, document->media_type) != 0;
    if (asked->seal_here) {
        failed = fetch_attachment(review, &court->sha256, court->size, &seal);
    }
    if (failed == 0 && asked->seal_here) {
        seal_check(buffer_bytes(&seal), buffer_bytes(&bytes), &asked->authorities, now_wall(),
                   &asked->seal);
    }
    return failed;
}

static int fetch_attachment(struct review *review, const struct id *named, size_t size,
                            struct buffer *out) {
    static struct control_reply reply;
    struct id hash;
    while (out->len < size) {
        const struct control_request ask = {
            .op = CONTROL_DOCUMENT_GET, .id = *named, .offset = out->len};
        int failed = client_one(review->client, &ask, CONTROL_GOT_DATA, &reply);
        if (failed != 0) {
            return failed;
        }
        if (reply.as.data.data.len == 0 || buffer_append(out, reply.as.data.data) != ERR_OK) {
            return fail("nothing was shown or released", "the document is not whole");
        }
    }
    sha256(buffer_bytes(out), &hash);
    return id_equal(&hash, named) ? 0
                                  : fail("nothing was shown or released",
                                         "the document is not the one that the request names");
}

/* What every node refuses at its fence is not put before a person by a node that did not. A rule
 * that depends on the time may have been kept when the request came: it is shown as failed. */
static int check_rules(const struct checked_request *asked) {
    struct legal_report report;
    size_t rule = 0;
    checked_law(asked, now_wall(), &report);
    enum err err = legal_verdict(&report, &rule);
    return err == ERR_OK || err == ERR_DENY_TIME
               ? 0
               : fail("nothing was shown or released", "request '%s' breaks rule %s: it %s",
                      asked->code, legal_rule_at(rule)->id, legal_rule_at(rule)->broken);
}

/* ---- opening ---- */

static int open_clip(struct review *review, const struct clip_ref *ref, struct opened *clip) {
    static struct control_reply reply;
    const struct control_request ask = {.op = CONTROL_CLIP, .clip = ref->clip};
    int failed = client_one(review->client, &ask, CONTROL_GOT_CLIP, &reply);
    if (failed != 0) {
        return failed;
    }
    enum err err = buffer_append(&clip->header, reply.as.clip.header);
    if (err == ERR_OK) {
        err = buffer_append(&clip->part, reply.as.clip.grant);
    }
    if (err == ERR_OK) {
        err = age_open_small(&review->secret->box, reply.as.clip.manifest, &clip->signed_manifest)
                  ? ERR_OK
                  : ERR_USER_WRONG_KEY;
    }
    if (err == ERR_USER_WRONG_KEY) {
        return fail("another owner of this home may have to decide",
                    "your key does not open this clip");
    }
    if (err == ERR_OK) {
        err = check_manifest(review, &reply, clip);
    }
    return err == ERR_OK ? 0
                         : fail("nothing was shown or released", "the clip does not verify: %s",
                                err_text(err));
}

/* Signed by the ingest that was pinned at init, about this very request, clip and payload. */
static enum err check_manifest(const struct review *review, const struct control_reply *reply,
                               struct opened *clip) {
    struct signed_object object;
    enum err err = signed_decode(buffer_bytes(&clip->signed_manifest), &object);
    if (err == ERR_OK && (object.kind != OBJECT_MANIFEST || !review->pins.has_ingest ||
                          !signed_by(&object, &review->pins.ingest.sign))) {
        err = ERR_PEER_SIGNATURE;
    }
    if (err == ERR_OK) {
        err = manifest_decode(object.body, clip->manifest);
    }
    if (err == ERR_OK && (!id_equal(&clip->manifest->request, &clip->asked->id) ||
                          memcmp(clip->manifest->clip.b, clip->clip.b, sizeof clip->clip.b) != 0 ||
                          clip->manifest->payload_size != reply->as.clip.payload_size ||
                          !id_equal(&clip->manifest->payload_root, &reply->as.clip.payload_root) ||
                          clip->manifest->from.ms < clip->asked->request.from.ms ||
                          clip->manifest->to.ms > clip->asked->request.to.ms)) {
        err = ERR_PEER_BOUNDS;
    }
    clip->manifest_id = object.id;
    clip->payload_size = reply->as.clip.payload_size;
    return err;
}

/* ---- the prompt ---- */

/* Some fifteen lines of 80 columns. Each part that others wrote is cut to a length of its own, so
 * that it cannot push another out of the line. */
static void show_prompt(const struct opened *clip, const struct pins *pins) {
    const struct request *request = &clip->asked->request;
    const struct manifest *manifest = clip->manifest;
    char safe[SAFE_MAX];
    char time[INSTANT_TEXT_MAX];
    char span[32];
    char size[32];
    char digest[65];
    char key[65];
    (void)puts("");
    show_who(clip->asked);
    show_checks(clip, FAILED_LINES);
    show_asked(clip);
    show_breadth(clip->asked);
    line("SAYS   |", "%s", safe_text(request->reason, LINE_COLUMNS - LABEL_COLUMNS, safe));
    span_text(manifest->to.ms - manifest->from.ms, span);
    size_text(manifest->size, size);
    hex_write(BYTES_OF(manifest->sha256.b), digest);
    hex_write(BYTES_OF(request->key.b), key);
    line("SENDS", "%s %ux%u, %s, %s", span, manifest->width, manifest->height,
         manifest->audio ? "WITH SOUND" : "no sound", size);
    line("", "%s", making_text(manifest->making));
    line("", "digest %.4s %.4s %.4s %.4s to key %.4s %.4s, of this request only", digest,
         digest + 4, digest + 8, digest + 12, key, key + 4);
    instant_local(request->terms.delete_by, time);
    line("TERMS", "delete by %.15s, no face recognition, no passing on", time);
    show_owners(clip, pins);
    show_seen(clip);
    line("", "It cannot be recalled. No answer means no.");
}

static void line(const char *label, const char *format, ...) {
    char text[SAFE_MAX];
    char safe[SAFE_MAX];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    (void)printf("%-*s%s\n", LABEL_COLUMNS, label,
                 safe_text(text, LINE_COLUMNS - LABEL_COLUMNS, safe));
}

/* The first line says on what ground: a claimed order is called claimed, a voluntary request
 * voluntary. What the request says of its applicant is its own word; who signed it is known. */
static void show_who(const struct checked_request *asked) {
    const struct instrument *instrument = &asked->request.instrument;
    char a[SAFE_MAX];
    char b[SAFE_MAX];
    char time[INSTANT_TEXT_MAX];
    bool voluntary = instrument->kind == INSTRUMENT_VOLUNTARY;
    line(asked->code, "%s%s, from %s", voluntary ? "" : "claims ",
         voluntary ? "VOLUNTARY request" : instrument_label(instrument->kind),
         safe_text(asked->author.name, 36, a));
    instant_local(asked->author.head.created, time);
    if (asked->sponsor[0] != '\0') {
        line("", "its key is known since %.11s, vouched for by %s", time + 4,
             safe_text(asked->sponsor, 28, a));
    } else {
        line("", "its key is known since %.11s: it founded this community", time + 4);
    }
    if (instrument->applicant_name[0] != '\0') {
        line("", "says it is %s, %s", safe_text(instrument->applicant_name, 24, a),
             safe_text(instrument->applicant_agency, 30, b));
    }
    if (voluntary) {
        line("BASIS", "none but your good will: you are free to decline");
        return;
    }
    instant_local(instrument->execute_by, time);
    line("BASIS", "%s%s%s%s", instrument->case_number[0] == '\0' ? "no case named" : "case ",
         safe_text(instrument->case_number, 22, a), instrument->court[0] == '\0' ? "" : ", ",
         safe_text(instrument->court, 40, b));
    if (instrument->execute_by.ms > 0) {
        line("", "to be executed by %.15s; declining here does not settle it", time);
    } else {
        line("", "declining here does not settle an order");
    }
    if (instrument->non_disclosure) {
        instant_local(instrument->non_disclosure_expires, time);
        line("", "wants it kept SECRET until %.15s, by order of %s", time,
             safe_text(instrument->non_disclosure_authority, 20, a));
    }
    if (instrument->preserve_until.ms > 0) {
        instant_local(instrument->preserve_until, time);
        line("", "asks to hold footage until %.15s", time);
    }
}

static const char *making_text(enum clip_making making) {
    switch (making) {
    case CLIP_WHOLE_FILE:
        return "the camera's own file, bit for bit";
    case CLIP_COPIED:
        return "pictures as recorded; the file's notes on place and device stay here";
    case CLIP_REENCODED:
        return "cut to these seconds; the file's notes on place and device stay here";
    }
    return "";
}

/* At most `most` that did not pass. */
static void show_checks(const struct opened *clip, size_t most) {
    struct legal_report report;
    size_t passed = 0;
    size_t bad = 0;
    checked_law(clip->asked, now_wall(), &report);
    for (size_t i = 0; i < report.count; i++) {
        passed += report.outcomes[i] == LEGAL_PASSED ? 1 : 0;
        bad += report.outcomes[i] == LEGAL_FAILED || report.outcomes[i] == LEGAL_UNKNOWN ? 1 : 0;
    }
    const struct document *document = &clip->asked->request.document;
    line("CHECKS", "signature good; %zu rules passed, %zu did not; %s", passed, bad,
         !document->present               ? "no document"
         : !clip->asked->document_here    ? "document not here yet"
         : clip->asked->document_is_other ? "document is NOT of its type"
                                          : "document here");
    if (clip->asked->request.instrument.court_signature != COURT_SIGNATURE_NONE) {
        char court[SEAL_TEXT_MAX];
        line("", "the court's own signature: %s",
             seal_text(&clip->asked->request, &clip->asked->seal, court));
    }
    size_t shown = 0;
    for (int pass = 0; pass < 2; pass++) { /* what failed before what is not known */
        for (size_t i = 0; i < report.count; i++) {
            const struct legal_rule *rule = legal_rule_at(i);
            bool failed = report.outcomes[i] == LEGAL_FAILED;
            if (failed != (pass == 0) || (!failed && report.outcomes[i] != LEGAL_UNKNOWN)) {
                continue;
            }
            if (shown == most) {
                line("", "and %zu more: press c", bad - shown);
                return;
            }
            line(failed ? "  FAILED" : " UNKNOWN", "%s: %s %s", rule->id,
                 failed ? "it" : "whether it", failed ? rule->broken : rule->text);
            shown++;
        }
    }
}

static void show_asked(const struct opened *clip) {
    static const char *const sources[] = {[TIME_FROM_NAME] = "",
                                          [TIME_FROM_CONTAINER] = "; times: the recording's",
                                          [TIME_FROM_FILE_SYSTEM] = "; times NOT exact: file's"};
    const struct request *request = &clip->asked->request;
    const struct manifest *manifest = clip->manifest;
    char safe[SAFE_MAX];
    char from[INSTANT_TEXT_MAX];
    char to[INSTANT_TEXT_MAX];
    char at[32];
    char span[32];
    char have[32];
    char gaps[128] = "";
    int64_t have_ms = 0;
    instant_local(request->from, from);
    instant_local(request->to, to);
    span_text(request->to.ms - request->from.ms, span);
    bool same_day = strncmp(from, to, 15) == 0;
    line("ASKS", "%.24s to %s (%s)", from, same_day ? to + 16 : to, span);
    geo_point_write(request->place.points[0], at);
    if (request->place.radius_m > 0) {
        line("", "within %u m of %s", request->place.radius_m, at);
    } else {
        line("", "within an area of %zu corners at %s", request->place.count, at);
    }
    for (size_t i = 0; i < manifest->run_count; i++) {
        have_ms += manifest->runs[i].to.ms - manifest->runs[i].from.ms;
    }
    span_text(have_ms, have);
    for (size_t i = 1; i < manifest->run_count && i <= GAPS_SHOWN; i++) {
        size_t len = strlen(gaps);
        instant_local(manifest->runs[i - 1].to, from);
        (void)snprintf(gaps + len, sizeof gaps - len, "%s %.8s", i == 1 ? ", gap at" : ",",
                       from + 16);
    }
    line("HAVE", "%s: %s of %s%s%s%s", safe_text(manifest->camera, 20, safe), have, span, gaps,
         manifest->run_count > GAPS_SHOWN + 1 ? " ..." : "", sources[manifest->time_source]);
}

static void show_breadth(const struct checked_request *asked) {
    struct breadth breadth;
    char text[BREADTH_TEXT_MAX];
    breadth_of(&asked->request, &asked->charter.caps, &breadth);
    line("BROAD", "%s", breadth_text(&breadth, text));
    if (asked->open_clips > 1) {
        line("", "%u clips of this home wait for it", asked->open_clips);
    }
    if (*breadth_mentions(&breadth, MENTIONS_COLUMNS, text) != '\0') {
        line("", "%s", text);
    }
}

static void show_owners(const struct opened *clip, const struct pins *pins) {
    const struct manifest *manifest = clip->manifest;
    char safe[SAFE_MAX];
    for (size_t i = 0; manifest->owner_count > 1 && i < manifest->owner_count; i++) {
        for (size_t k = 0; k < pins->owner_count; k++) {
            if (sign_public_equal(&pins->owners[k].sign, &manifest->owners[i].sign)) {
                line("OWNER", "%s %s", safe_text(pins->owner_names[k], 40, safe),
                     has_signed(clip, &manifest->owners[i].sign) ? "has accepted"
                                                                 : "has not accepted");
            }
        }
    }
}

static void show_seen(const struct opened *clip) {
    char span[32];
    span_text(clip->manifest->to.ms - clip->manifest->from.ms, span);
    line("SEEN", clip->looked ? "all %s of it handed out to be looked at" : "nothing of %s yet",
         span);
}

/* What the prompt had to cut: the request's words at length, then how every rule came out. */
static void show_whole(const struct opened *clip) {
    const struct request *request = &clip->asked->request;
    const struct instrument *instrument = &request->instrument;
    const struct {
        const char *label;
        const char *value;
    } fields[] = {
        {"reason", request->reason},
        {"jurisdiction", instrument->jurisdiction},
        {"court", instrument->court},
        {"case", instrument->case_number},
        {"statute", instrument->statute},
        {"offence", instrument->offence},
        {"applicant", instrument->applicant_name},
        {"agency", instrument->applicant_agency},
        {"badge", instrument->applicant_badge},
        {"issued by", instrument->authority_name},
        {"title", instrument->authority_title},
        {"items", instrument->items},
        {"produce to", instrument->produce_to},
        {"secrecy by", instrument->non_disclosure_authority},
        {"emergency", instrument->emergency_facts},
        {"at risk", instrument->emergency_person},
        {"why now", instrument->emergency_why_now},
        {"purpose", request->terms.purpose},
    };
    const struct {
        const char *label;
        struct instant value;
    } times[] = {{"issued", instrument->issued_at},
                 {"execute by", instrument->execute_by},
                 {"produce by", instrument->produce_by},
                 {"hold until", instrument->preserve_until},
                 {"secrecy from", instrument->non_disclosure_issued},
                 {"secrecy until", instrument->non_disclosure_expires}};
    (void)puts("what the request says of itself:");
    for (size_t i = 0; i < COUNT_OF(fields); i++) {
        show_field(fields[i].label, fields[i].value);
    }
    for (size_t i = 0; i < COUNT_OF(times); i++) {
        char text[TIME_TEXT_MAX] = "";
        if (times[i].value.ms > 0) {
            time_text(times[i].value, text);
        }
        show_field(times[i].label, text);
    }
    (void)puts("how it was checked:");
    show_checks(clip, LEGAL_RULES_MAX);
}

/* On as many labelled lines as it takes, so that none of them passes for ours. */
static void show_field(const char *label, const char *value) {
    char safe[SAFE_MAX];
    const size_t width = LINE_COLUMNS - 16;
    const char *at = safe_text(value, SAFE_MAX, safe);
    while (*at != '\0') {
        size_t len = 0;
        for (size_t columns = 0; at[len] != '\0' && columns < width; columns++) {
            do {
                len++;
            } while (((unsigned char)at[len] & 0xc0) == 0x80);
        }
        (void)printf("%13s | %.*s\n", label, (int)len, at);
        at += len;
        label = "";
    }
}

static int ask_until_decided(struct review *review, struct opened *clip) {
    char answer[ANSWER_MAX];
    const char *document = clip->asked->request.document.present ? " [w]arrant" : "";
    char question[96];
    (void)snprintf(question, sizeof question,
                   "[p]lay%s [c]hecks [d]ecline [l]ater [?], or the code to accept: ", document);
    show_prompt(clip, &review->pins);
    for (;;) {
        if (term_stopped() || !term_ask(question, answer, sizeof answer)) {
            review->left_pending = true;
            (void)puts("left as it is; no answer means no");
            return EXIT_PENDING;
        }
        if (is_code(answer, clip->asked->code)) {
            return accept(review, clip);
        }
        int failed = 0;
        if (strcmp(answer, "d") == 0) {
            return decline(review, clip);
        }
        if (strcmp(answer, "l") == 0 || answer[0] == '\0') {
            review->left_pending = true;
            (void)puts("left for later");
            return 0;
        }
        if (strcmp(answer, "p") == 0) {
            failed = show_clip(review, clip);
            clip->looked |= failed == 0;
            show_seen(clip);
        } else if (strcmp(answer, "w") == 0) {
            failed = write_document(review, clip);
        } else if (strcmp(answer, "c") == 0) {
            show_whole(clip);
        } else if (strcmp(answer, "?") == 0) {
            (void)printf("p  look at the clip: %s\n"
                         "w  look at the document that came with the request\n"
                         "c  all that the request says, and how every rule came out\n"
                         "d  decline: the sealed copy is shredded, nobody is told\n"
                         "l  leave it for later\n"
                         "To accept, type %s: then the clip goes, once, to this request's "
                         "key.\n",
                         review->player != NULL ? "in the player" : "as a private file",
                         clip->asked->code);
        } else {
            review->left_pending = true;
            (void)puts("not understood; left as it is");
            return 0;
        }
        if (failed == EXIT_NO_NODE || (failed != 0 && term_stopped())) {
            return failed;
        }
    }
}

/* ---- accepting ---- */

static int accept(struct review *review, struct opened *clip) {
    struct owner_secret *again = NULL;
    struct keyfile_public pub;
    char why[256];
    char span[32];
    char safe[SAFE_MAX];
    bool complete = false;
    if (has_signed(clip, &review->pub.owner.sign)) {
        review->left_pending = true;
        (void)puts("you have accepted this already; it goes when every owner has");
        return 0;
    }
    int failed = read_clip(review, clip, "checking", NULL);
    if (failed != 0) {
        return failed;
    }
    SCOPED(buffer_finish) struct buffer grant = {.max = SIGNED_GOSSIP_MAX};
    SCOPED(buffer_finish) struct buffer header = {.max = HEADER_MAX};
    SCOPED(buffer_finish) struct buffer manifest = {.max = SEALED_MANIFEST_MAX};
    span_text(clip->manifest->to.ms - clip->manifest->from.ms, span);
    (void)snprintf(why, sizeof why,
                   "you are about to let %s of '%s' go to %s%s\nit cannot be recalled; to sign, "
                   "give your passphrase",
                   span, clip->manifest->camera, safe_text(clip->asked->author.name, 28, safe),
                   clip->looked ? "" : ", not looked at");
    failed = owner_open(review->cli, review->cli->owner_dir, why, &again, &pub);
    if (failed != 0) {
        review->left_pending = true;
        (void)puts("left as it is; no answer means no");
        return failed;
    }
    failed = refresh_part(review, clip);
    enum err err =
        failed == 0 ? make_grant(review, clip, again, &grant, &complete) : ERR_USER_NO_PROMPT;
    if (err == ERR_OK && complete) {
        err = make_header(again, clip, &header, &manifest);
    }
    secret_destroy(again);
    if (failed != 0) {
        return failed;
    }
    if (err != ERR_OK) {
        return fail("nothing was released", "the grant cannot be made: %s", err_text(err));
    }
    const struct control_request request = {.op = CONTROL_GRANT,
                                            .clip = clip->clip,
                                            .blob = buffer_bytes(&grant),
                                            .blob2 = buffer_bytes(&header),
                                            .blob3 = buffer_bytes(&manifest)};
    failed = client_do(review->client, &request, "the grant was not taken");
    if (failed == 0) {
        (void)puts(complete ? "accepted; it goes as soon as it is on record"
                            : "signed; it goes when every owner has accepted");
    }
    return failed;
}

static bool has_signed(const struct opened *clip, const struct sign_public *key) {
    struct signed_object part;
    return clip->part.len > 0 && signed_decode(buffer_bytes(&clip->part), &part) == ERR_OK &&
           signed_by(&part, key);
}

/* Another owner may have signed while this one was reading: a second body would be refused. */
static int refresh_part(struct review *review, struct opened *clip) {
    static struct control_reply reply;
    const struct control_request ask = {.op = CONTROL_CLIP, .clip = clip->clip};
    int failed = client_one(review->client, &ask, CONTROL_GOT_CLIP, &reply);
    if (failed == 0 && reply.as.clip.state != CLIP_OPEN &&
        reply.as.clip.state != CLIP_PART_SIGNED) {
        failed = fail("the grant was not taken", "the clip was decided meanwhile");
    }
    buffer_clear(&clip->part);
    if (failed == 0 && buffer_append(&clip->part, reply.as.clip.grant) != ERR_OK) {
        failed = fail(NULL, "out of memory");
    }
    return failed;
}

/* Adds our signature to what other owners have signed, after checking theirs over the same body, or
 * starts a grant. */
static enum err make_grant(const struct review *review, const struct opened *clip,
                           const struct owner_secret *secret, struct buffer *out, bool *complete) {
    const struct request *request = &clip->asked->request;
    const struct manifest *manifest = clip->manifest;
    struct signed_object object;
    struct grant grant;
    SCOPED(buffer_finish) struct buffer body = {.max = SIGNED_GOSSIP_MAX};
    enum err err = ERR_OK;
    if (clip->part.len > 0) {
        err = signed_decode(buffer_bytes(&clip->part), &object);
        if (err == ERR_OK) {
            err = grant_decode(object.body, &grant);
        }
        if (err == ERR_OK) {
            err = grant_verify(&object, &grant);
            err = err == ERR_DENY_INCOMPLETE ? ERR_OK : err;
        }
    } else {
        struct instant now = now_wall();
        int64_t ends = request->head.expires.ms + (int64_t)GRANT_EXTRA_DAYS * DURATION_DAY_MS;
        grant = (struct grant){.community = review->community,
                               .home = review->certificate,
                               .request = clip->asked->id,
                               .clip = clip->clip,
                               .recipient = request->key,
                               .manifest = clip->manifest_id,
                               .sha256 = manifest->sha256,
                               .size = manifest->size,
                               .payload_size = manifest->payload_size,
                               .payload_root = manifest->payload_root,
                               .from = manifest->from,
                               .to = manifest->to,
                               .terms = request->terms,
                               .created = now,
                               .owner_count = manifest->owner_count};
        grant.expires.ms = ends < request->terms.delete_by.ms ? ends : request->terms.delete_by.ms;
        for (size_t i = 0; i < manifest->owner_count; i++) {
            grant.owners[i] = manifest->owners[i].sign;
        }
        err = grant_encode(&grant, &body);
        if (err == ERR_OK) {
            signed_start(OBJECT_GRANT, buffer_bytes(&body), &object);
        }
    }
    if (err == ERR_OK) {
        err = grant_agrees(&grant, &clip->manifest_id, manifest, &clip->asked->id, request);
    }
    if (err == ERR_OK) {
        err = signed_add(&object, &secret->sign, &review->pub.owner.sign);
    }
    if (err == ERR_OK) {
        err = grant_verify(&object, &grant);
        *complete = err == ERR_OK;
        err = err == ERR_DENY_INCOMPLETE ? ERR_OK : err;
    }
    return err == ERR_OK ? signed_encode(&object, out) : err;
}

/* Only the last owner comes here: before that no header for the requester exists anywhere. */
static enum err make_header(const struct owner_secret *secret, const struct opened *clip,
                            struct buffer *header, struct buffer *manifest) {
    SCOPED(age_file_key_wipe) struct age_file_key key = {{0}};
    if (!age_header_open(buffer_bytes(&clip->header), &secret->box, &key)) {
        return ERR_USER_WRONG_KEY;
    }
    enum err err = age_header_make(&clip->asked->request.key, 1, &key, header);
    return err == ERR_OK ? age_seal_small(&clip->asked->request.key, 1,
                                          buffer_bytes(&clip->signed_manifest), manifest)
                         : err;
}

static int decline(struct review *review, const struct opened *clip) {
    struct signed_object object;
    const struct decision decision = {.request = clip->asked->id,
                                      .clip = clip->clip,
                                      .kind = DECISION_DECLINE,
                                      .created = now_wall()};
    SCOPED(buffer_finish) struct buffer body = {.max = SIGNED_GOSSIP_MAX};
    SCOPED(buffer_finish) struct buffer bytes = {.max = SIGNED_GOSSIP_MAX};
    enum err err = decision_encode(&decision, &body);
    if (err == ERR_OK) {
        signed_start(OBJECT_DECISION, buffer_bytes(&body), &object);
        err = signed_add(&object, &review->secret->sign, &review->pub.owner.sign);
    }
    if (err == ERR_OK) {
        err = signed_encode(&object, &bytes);
    }
    if (err != ERR_OK) {
        return fail(NULL, "the decision cannot be made: %s", err_text(err));
    }
    const struct control_request request = {
        .op = CONTROL_DECIDE, .clip = clip->clip, .blob = buffer_bytes(&bytes)};
    int failed = client_do(review->client, &request, "the decision was not taken");
    if (failed == 0) {
        review->left_pending = true; /* exit code 3 says declined too */
        (void)puts("declined; the sealed copy is shredded, nobody is told");
    }
    return failed;
}

/* ---- looking ---- */

static int show_clip(struct review *review, const struct opened *clip) {
    if (review->player == NULL) {
        return write_clip(review, clip);
    }
    FILE *file = player_file();
    if (file == NULL) {
        return fail(NULL, "out of memory");
    }
    int failed = read_clip(review, clip, "opening", file);
    if (failed != 0) {
        (void)fclose(file);
        return failed;
    }
    if (!player_show(review->player, file)) {
        return fail(NULL, "the player is gone");
    }
    (void)puts("handed to the player");
    return 0;
}

static int write_clip(struct review *review, const struct opened *clip) {
    char path[PATH_MAX];
    look_path(review, clip, "mp4", path);
    mode_t before = umask(0177);
    FILE *file = fopen(path, "wxe");
    (void)umask(before);
    if (file == NULL) {
        return fail(NULL, "cannot write '%s': %s", path, strerror(errno));
    }
    int failed = read_clip(review, clip, "opening", file);
    if (fclose(file) != 0 && failed == 0) {
        failed = fail("is the disk full?", "cannot write '%s': %s", path, strerror(errno));
    }
    if (failed != 0) {
        (void)unlink(path);
        return failed;
    }
    (void)printf("written to %s, readable by you alone\n%s\n", path,
                 review->scratch == NULL ? "delete it when you have seen it"
                                         : "it is deleted when this review ends");
    return 0;
}

/* So the header at hand belongs to the clip that was shown: a node that gave another clip's header
 * would otherwise be handed that clip's file key, for footage that nobody looked at (P1). */
static int read_clip(struct review *review, const struct opened *clip, const char *what,
                     FILE *file) {
    const struct clip_from source = {.op = CONTROL_PAYLOAD, .clip = clip->clip};
    const struct clip_claim claim = {.payload_size = clip->manifest->payload_size,
                                     .payload_root = clip->manifest->payload_root,
                                     .size = clip->manifest->size,
                                     .sha256 = clip->manifest->sha256};
    SCOPED(age_file_key_wipe) struct age_file_key key = {{0}};
    if (!age_header_open(buffer_bytes(&clip->header), &review->secret->box, &key)) {
        return fail(NULL, "your key does not open this clip");
    }
    return clip_read(review->client, &source, &claim, &key, what, file);
}

static int write_document(struct review *review, const struct opened *clip) {
    const struct document *document = &clip->asked->request.document;
    char path[PATH_MAX];
    SCOPED(buffer_finish) struct buffer bytes = {.max = DOCUMENT_MAX};
    if (!document->present || !clip->asked->document_here) {
        (void)puts(document->present ? "the document has not come yet" : "there is no document");
        return 0;
    }
    int failed = fetch_attachment(review, &document->sha256, document->size, &bytes);
    if (failed != 0) {
        return failed;
    }
    if (clip->asked->document_is_other) { /* what opens it would do what nobody expects */
        char safe[SAFE_MAX];
        const char *is = document_type(buffer_bytes(&bytes));
        (void)printf("not written: the request calls it %s, and it is %s\n",
                     safe_text(document->media_type, 31, safe),
                     is == NULL ? "neither PDF, PNG nor plain text" : is);
        return 0;
    }
    look_path(review, clip,
              strcmp(document->media_type, "application/pdf") == 0 ? "pdf"
              : strcmp(document->media_type, "image/png") == 0     ? "png"
                                                                   : "txt",
              path);
    failed = file_write(path, buffer_bytes(&bytes), 0600, false);
    if (failed == 0) {
        (void)printf("written to %s%s\nit came from the requester: open it with care\n", path,
                     review->scratch == NULL ? "" : " until this review ends");
        show_document(review, document, buffer_bytes(&bytes));
    }
    return failed;
}

static void show_document(const struct review *review, const struct document *document,
                          struct bytes bytes) {
    SCOPED(buffer_finish) struct buffer text = {.max = READER_TEXT_MAX};
    if (strcmp(document->media_type, "text/plain") == 0) {
        show_text(bytes);
    } else if (strcmp(document->media_type, "application/pdf") != 0) {
        return;
    } else if (review->reader == NULL) {
        (void)puts("its text would be shown here if pdftotext (poppler-utils) were installed");
    } else if (!reader_text(review->reader, bytes, &text)) {
        (void)puts("no text could be got out of it");
    } else {
        show_text(buffer_bytes(&text));
    }
}

/* Lines that hold something, cut to the terminal, on labelled lines: others wrote them. */
static void show_text(struct bytes text) {
    const size_t columns = term_columns() > 2 * LABEL_COLUMNS ? term_columns() - 4 : LABEL_COLUMNS;
    size_t shown = 0;
    size_t more = 0;
    for (size_t at = 0, end = 0; at < text.len; at = end + 1) {
        char one[512];
        char safe[SAFE_MAX];
        const uint8_t *stop = memchr(text.at + at, '\n', text.len - at);
        end = stop == NULL ? text.len : (size_t)(stop - text.at);
        (void)snprintf(one, sizeof one, "%.*s", (int)(end - at), (const char *)text.at + at);
        one[strcspn(one, "\r")] = '\0';
        if (one[strspn(one, " \t")] == '\0') {
            continue;
        }
        for (char *tab = one; (tab = strchr(tab, '\t')) != NULL;) {
            *tab = ' ';
        }
        if (shown < TEXT_LINES) {
            (void)printf("  | %s\n", safe_text(one, columns, safe));
            shown++;
        } else {
            more++;
        }
    }
    if (more > 0) {
        (void)printf("and %zu lines more: the file has them\n", more);
    } else if (shown == 0) {
        (void)puts("it has no text: a picture of one, perhaps");
    }
}

/* A new name in the folder for looks. */
static void look_path(const struct review *review, const struct opened *clip, const char *ending,
                      char out[PATH_MAX]) {
    uint32_t random = 0;
    random_bytes(&random, sizeof random);
    (void)snprintf(out, PATH_MAX, "%.*s/stoop-%s-%08x.%s", PATH_MAX - 64, review->looks,
                   clip->asked->code, random, ending);
}

/* Whole, in either case; the hyphen may be left out. */
static bool is_code(const char *answer, const char *code) {
    for (; *code != '\0'; code++) {
        if (*code == '-') {
            answer += *answer == '-' ? 1 : 0;
            continue;
        }
        char c = *answer >= 'a' && *answer <= 'f' ? (char)(*answer - 32) : *answer;
        if (c != *code) {
            return false;
        }
        answer++;
    }
    return *answer == '\0';
}
