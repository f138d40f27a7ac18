/* What ffprobe says of a file, line by line, in its flat form: `streams.stream.0.width=640`,
 * `packets.packet.17.flags="K_"`. The file may be hostile: keys are compared whole, so that no
 * value can pass for a key, and nothing is kept but numbers. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/base/attr.h"
#include "node/base/instant.h"
#include "node/media/media.h"

enum {
    AUDIO_LEAD_PACKETS = 8, /* what an encoder needs to start and a player drops: a few frames */
    SIDE_MAX = 16384,
    DURATION_S_MAX = 24 * 3600, /* no camera writes longer files; see index_segments() */
};
#define PROMISE_S 0.5 /* a container that promises so much more than there is was cut off */

static int64_t span_ms(const struct media_stream *stream);
static void packet_field(struct media_answer *answer, const char *field, const char *value);
static void packet_end(struct media_answer *answer, const char *flags);
static void stream_field(struct media_answer *answer, const char *key, const char *value);
static bool harmless_tag(const char *tag, const char *value);
static const char *after(const char *key, const char *start);
static bool seconds_of(const char *value, double *out);

void media_answer_start(struct media_answer *answer) {
    memset(answer, 0, sizeof *answer);
}

void media_answer_line(struct media_answer *answer, char *line) {
    char *value = strchr(line, '=');
    if (value == NULL) {
        return;
    }
    *value++ = '\0';
    if (*value == '"') {
        size_t len = strlen(++value);
        value[len > 0 && value[len - 1] == '"' ? len - 1 : len] = '\0';
    }
    const char *packet = after(line, "packets.packet.");
    const char *stream = after(line, "streams.stream.");
    const char *tag = strstr(line, ".tags.");
    if (packet != NULL) {
        packet_field(answer, strrchr(line, '.') + 1, value);
    } else if (tag != NULL) {
        if (strcmp(line, "format.tags.creation_time") == 0) {
            struct instant at;
            answer->created_ms = instant_parse(value, &at) == ERR_OK ? at.ms : 0;
        }
        answer->tagged |= !harmless_tag(tag + strlen(".tags."), value);
    } else if (stream != NULL) {
        stream_field(answer, stream, value);
    } else if (strcmp(line, "format.start_time") == 0) {
        (void)seconds_of(value, &answer->start_s);
    } else if (strcmp(line, "format.duration") == 0) {
        (void)seconds_of(value, &answer->duration_s);
    }
}

enum err media_answer_end(const struct media_answer *answer, struct media_info *out) {
    struct media_info info = {.tagged = answer->tagged, .created_ms = answer->created_ms};
    const struct media_stream *video = NULL;
    for (size_t i = 0; i < MEDIA_STREAMS_MAX; i++) {
        const struct media_stream *stream = &answer->streams[i];
        uint64_t shown_from_start = 0;
        switch (stream->kind) {
        case MEDIA_STREAM_NONE:
            continue;
        case MEDIA_STREAM_VIDEO:
            /* A second picture may be a still with a place in it. */
            info.tagged |= video != NULL;
            video = video == NULL ? stream : video;
            break;
        case MEDIA_STREAM_AUDIO:
            info.audio = true;
            info.audio_span_ms = span_ms(stream);
            shown_from_start = AUDIO_LEAD_PACKETS;
            break;
        case MEDIA_STREAM_OTHER: /* subtitles, telemetry: recorders put places there */
            info.tagged = true;
            continue;
        }
        info.hidden |= stream->hidden > shown_from_start ||
                       stream->promised > stream->packets + shown_from_start;
    }
    if (video == NULL || video->width == 0 || video->height == 0 || video->width > SIDE_MAX ||
        video->height > SIDE_MAX) {
        return ERR_USER_MEDIA;
    }
    double seconds = video->timed ? video->last_s - video->first_s : answer->duration_s;
    if (!(seconds > 0 && seconds <= DURATION_S_MAX)) {
        return ERR_USER_MEDIA;
    }
    info.hidden |= answer->duration_s - seconds > PROMISE_S;
    info.duration_ms = (int64_t)(seconds * 1000 + 0.5);
    info.video_span_ms = span_ms(video);
    info.start_ms = (int64_t)(answer->start_s * 1000);
    info.first_ms = video->timed ? (int64_t)(video->first_s * 1000 + 0.5) : info.start_ms;
    info.width = video->width;
    info.height = video->height;
    if (info.duration_ms == 0) {
        return ERR_USER_MEDIA;
    }
    *out = info;
    return ERR_OK;
}

static int64_t span_ms(const struct media_stream *stream) {
    return stream->timed ? (int64_t)((stream->last_start_s - stream->first_s) * 1000 + 0.5) : 0;
}

static void packet_field(struct media_answer *answer, const char *field, const char *value) {
    struct media_packet *packet = &answer->packet;
    double seconds = 0;
    if (strcmp(field, "stream_index") == 0) {
        *packet = (struct media_packet){.stream = (uint32_t)strtoul(value, NULL, 10)};
    } else if (strcmp(field, "pts_time") == 0 || strcmp(field, "dts_time") == 0) {
        if (!packet->timed && seconds_of(value, &seconds)) {
            packet->at_s = seconds;
            packet->timed = true;
        }
    } else if (strcmp(field, "duration_time") == 0) {
        if (seconds_of(value, &seconds) && seconds > 0) {
            packet->duration_s = seconds;
        }
    } else if (strcmp(field, "flags") == 0) {
        packet_end(answer, value);
    }
}

/* A packet that is to be decoded but not shown (D) is hidden behind an edit list. */
static void packet_end(struct media_answer *answer, const char *flags) {
    const struct media_packet *packet = &answer->packet;
    if (packet->stream >= MEDIA_STREAMS_MAX) {
        return;
    }
    struct media_stream *stream = &answer->streams[packet->stream];
    stream->packets++;
    if (strchr(flags, 'D') != NULL) {
        stream->hidden++;
        return;
    }
    if (!packet->timed) {
        return;
    }
    double end = packet->at_s + packet->duration_s;
    stream->first_s =
        !stream->timed || packet->at_s < stream->first_s ? packet->at_s : stream->first_s;
    stream->last_s = !stream->timed || end > stream->last_s ? end : stream->last_s;
    stream->last_start_s =
        !stream->timed || packet->at_s > stream->last_start_s ? packet->at_s : stream->last_start_s;
    stream->timed = true;
}

/* `key` is what follows "streams.stream.": "0.width". */
static void stream_field(struct media_answer *answer, const char *key, const char *value) {
    char *end = NULL;
    unsigned long index = strtoul(key, &end, 10);
    if (end == key || *end != '.') {
        return;
    }
    const char *field = end + 1;
    if (index >= MEDIA_STREAMS_MAX) {
        answer->tagged = true; /* whatever it is */
        return;
    }
    struct media_stream *stream = &answer->streams[index];
    if (strcmp(field, "codec_type") == 0) {
        stream->kind = strcmp(value, "video") == 0   ? MEDIA_STREAM_VIDEO
                       : strcmp(value, "audio") == 0 ? MEDIA_STREAM_AUDIO
                                                     : MEDIA_STREAM_OTHER;
    } else if (strcmp(field, "index") == 0) { /* it is there, whatever ffprobe calls it */
        stream->kind = stream->kind == MEDIA_STREAM_NONE ? MEDIA_STREAM_OTHER : stream->kind;
    } else if (strcmp(field, "width") == 0) {
        unsigned long side = strtoul(value, NULL, 10);
        stream->width = side > SIDE_MAX ? SIDE_MAX + 1 : (uint32_t)side;
    } else if (strcmp(field, "height") == 0) {
        unsigned long side = strtoul(value, NULL, 10);
        stream->height = side > SIDE_MAX ? SIDE_MAX + 1 : (uint32_t)side;
    } else if (strcmp(field, "nb_frames") == 0) {
        stream->promised = strtoul(value, NULL, 10); /* 0 where it says "N/A" */
    }
}

/* What a muxer writes about itself. Everything else may say where, with what or by whom. */
static bool harmless_tag(const char *tag, const char *value) {
    static const struct {
        const char *tag;
        const char *start; /* of the value; "" for any, NULL for none at all */
    } harmless[] = {
        {"major_brand", ""},
        {"minor_version", ""},
        {"compatible_brands", ""},
        {"language", ""},
        {"creation_time", ""},
        {"DURATION", ""},
        {"handler_name", "VideoHandler"},
        {"handler_name", "SoundHandler"},
        {"handler_name", NULL},
        {"vendor_id", "[0][0][0][0]"},
        {"vendor_id", "FFMP"},
        {"encoder", "Lavf"},
        {"encoder", "Lavc"},
        {"ENCODER", "Lavf"},
        {"ENCODER", "Lavc"},
    };
    for (size_t i = 0; i < COUNT_OF(harmless); i++) {
        if (strcmp(tag, harmless[i].tag) == 0 &&
            (harmless[i].start == NULL ? *value == '\0'
                                       : after(value, harmless[i].start) != NULL)) {
            return true;
        }
    }
    return false;
}

/* What follows `start`; NULL when it is not there. */
static const char *after(const char *key, const char *start) {
    size_t len = strlen(start);
    return strncmp(key, start, len) == 0 ? key + len : NULL;
}

static bool seconds_of(const char *value, double *out) {
    char *end = NULL;
    double seconds = strtod(value, &end);
    if (end == value || !(seconds > -1e9 && seconds < 1e9)) {
        return false;
    }
    *out = seconds;
    return true;
}
