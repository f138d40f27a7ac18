#include "cli/custody.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "cli/edit.h"
#include "crypto/merkle.h"

static const char *const making_texts[] = {
    [CLIP_WHOLE_FILE] = "the camera's file, bit for bit",
    [CLIP_COPIED] = "camera files joined, pictures not re-encoded",
    [CLIP_REENCODED] = "re-encoded, cut to the exact seconds"};
static const char *const making_words[] = {
    [CLIP_WHOLE_FILE] = "whole_file", [CLIP_COPIED] = "copied", [CLIP_REENCODED] = "reencoded"};
static const char *const source_texts[] = {[TIME_FROM_NAME] = "the recorder's file names",
                                           [TIME_FROM_CONTAINER] = "the recording itself",
                                           [TIME_FROM_FILE_SYSTEM] =
                                               "the file system, which is not exact"};

/* Nothing of ours: python3 with its own library, and openssl for Ed25519. It knows no field of the
 * objects: what is bound by a hash or a key is found as bytes in the body that was signed. */
static const char check_script[] =
    "import base64, hashlib, json, pathlib, subprocess, sys, tempfile\n"
    "path = pathlib.Path(sys.argv[1])\n"
    "cert = json.loads(path.read_text())\n"
    "unhex, unb64 = bytes.fromhex, base64.b64decode\n"
    "sha = lambda data: hashlib.sha256(data).digest()\n"
    "\n"
    "def signed_by(key, message, signature):\n"
    "    with tempfile.TemporaryDirectory() as folder:\n"
    "        at = lambda name: str(pathlib.Path(folder) / name)\n"
    "        open(at('key'), 'wb').write(unhex('302a300506032b6570032100') + key)\n"
    "        open(at('message'), 'wb').write(message)\n"
    "        open(at('signature'), 'wb').write(signature)\n"
    "        subprocess.run(['openssl', 'pkeyutl', '-verify', '-pubin', '-keyform', 'DER',\n"
    "                        '-inkey', at('key'), '-rawin', '-in', at('message'),\n"
    "                        '-sigfile', at('signature')], check=True, stdout=subprocess.DEVNULL)\n"
    "\n"
    "body = {}\n"
    "for name, envelope in cert['signed'].items():  # DSSE\n"
    "    kind, body[name] = envelope['payloadType'], unb64(envelope['payload'])\n"
    "    pae = f'DSSEv1 {len(kind)} {kind} {len(body[name])} '.encode() + body[name]\n"
    "    for signature in envelope['signatures']:\n"
    "        signed_by(unhex(signature['keyid']), pae, unb64(signature['sig']))\n"
    "    print(name, 'is signed by', *(s['keyid'][:16] for s in envelope['signatures']))\n"
    "\n"
    "clip = sha(path.with_suffix('.mp4').read_bytes())\n"
    "assert clip.hex() == cert['sha256'] and clip in body['grant'], 'not the clip granted'\n"
    "assert sha(body['request']) in body['grant'], 'granted to another request'\n"
    "assert sha(body['manifest']) in body['grant'], 'another manifest'\n"
    "assert sha(body['home']) in body['grant'], 'granted by another home'\n"
    "granted = {s['keyid'] for s in cert['signed']['grant']['signatures']}\n"
    "assert granted == {o['key'] for o in cert['owners']}, 'an owner has not signed'\n"
    "assert all(unhex(key) in body['home'] for key in granted), 'not owners of that home'\n"
    "assert all(unhex(s['sha256']) in body['manifest'] for s in cert['sources'])\n"
    "if 'edit' in cert:\n"
    "    assert unhex(cert['edit']['clip_sha256']) in body['manifest'], 'of another clip'\n"
    "    print('its owners edited it; the clip was', cert['edit']['clip_sha256'][:16])\n"
    "print('the clip is the one that these owners granted to this request')\n"
    "\n"
    "for proof in cert['log_proofs']:  # RFC 6962, and a signed note\n"
    "    at, last = proof['index'], proof['size'] - 1\n"
    "    node = sha(b'\\0' + proof['leaf'].encode())\n"
    "    for other in map(unhex, proof['hashes']):\n"
    "        if at & 1 or at == last:\n"
    "            node = sha(b'\\1' + other + node)\n"
    "            while at and not at & 1:\n"
    "                at, last = at >> 1, last >> 1\n"
    "        else:\n"
    "            node = sha(b'\\1' + node + other)\n"
    "        at, last = at >> 1, last >> 1\n"
    "    text, lines = proof['checkpoint'].split('\\n\\n')\n"
    "    assert last == 0 and node == unb64(text.split('\\n')[2]), 'not in the log'\n"
    "    key = unb64(cert['log_key'].split('+', 2)[2])[1:]\n"
    "    signed_by(key, (text + '\\n').encode(), unb64(lines.split('\\n')[0].split(' ')[2])[4:])\n"
    "    if 'opening' in proof:  # what a slot's commitment stands for: salt, then entries\n"
    "        salt, entries = unb64(proof['opening'])[:32], unb64(proof['opening'])[32:]\n"
    "        made = sha(b'stoop slot v1' + salt + sha(entries)).hex()\n"
    "        assert proof['leaf'].endswith(made), 'not what the slot stands for'\n"
    "    print('the log has', proof['what'], 'as entry', proof['index'])\n";

static json_t *as_json(const struct custody *custody);
static char *as_text(const struct custody *custody, const char *name);
static void print_request(FILE *out, const struct checked_request *asked);
static void print_grant(FILE *out, const struct custody *custody);
static void print_clip(FILE *out, const struct custody *custody);
static void print_edit(FILE *out, const struct grant *grant, const struct manifest *manifest);
static void print_times(FILE *out, const char *label, struct instant at);
static void print_coverage(FILE *out, const struct manifest *manifest);
static void print_sources(FILE *out, const struct manifest *manifest);
static void print_log(FILE *out, const struct custody *custody);
static const char *owner_name(const struct member *home, const struct sign_public *key);
static void add_request(json_t *root, const struct checked_request *asked);
static void add_grant(json_t *root, const struct custody *custody);
static void add_clip(json_t *root, const struct custody *custody);
static json_t *edit_json(const struct grant *grant, const struct manifest *manifest);
static json_t *owners_json(const struct custody *custody);
static json_t *runs_json(const struct clip_run *runs, size_t count);
static json_t *gaps_json(const struct manifest *manifest);
static json_t *sources_json(const struct manifest *manifest);
static json_t *instrument_json(const struct instrument *instrument);
static json_t *proofs_json(const struct custody *custody);
static json_t *proof_json(const struct custody_proof *proof, const char *what);
static json_t *signed_json(const struct custody *custody);
static json_t *envelope_json(struct bytes encoded);
static void add_text(json_t *object, const char *key, const char *value);
static void add_filled(json_t *object, const char *key, const char *value);
static void add_number(json_t *object, const char *key, uint64_t value);
static void add_hex(json_t *object, const char *key, struct bytes value);
static void add_time(json_t *object, const char *key, struct instant at);
static void add_base64(json_t *object, const char *key, struct bytes value);
static void add_string(json_t *object, const char *key, struct bytes value);

static const char *const proof_names[CUSTODY_PROOFS_MAX] = {"the request", "the clip's arrival"};

int custody_make(const struct custody *custody, const char *stem, struct custody_files *out) {
    const char *name = strrchr(stem, '/');
    json_t *json = as_json(custody);
    out->json = json == NULL ? NULL : json_dumps(json, JSON_INDENT(2));
    out->text = as_text(custody, name == NULL ? stem : name + 1);
    json_decref(json);
    if (out->json == NULL || out->text == NULL) {
        return fail(NULL, "out of memory");
    }
    sha256(BYTES_TEXT(out->json), &out->json_sha256);
    sha256(BYTES_TEXT(out->text), &out->text_sha256);
    return 0;
}

int custody_write(const struct custody_files *files, const char *stem) {
    char path[PATH_MAX];
    (void)snprintf(path, sizeof path, "%s.json", stem);
    int failed = file_write(path, BYTES_TEXT(files->json), 0600, false);
    (void)snprintf(path, sizeof path, "%s.txt", stem);
    return failed == 0 ? file_write(path, BYTES_TEXT(files->text), 0600, false) : failed;
}

void custody_files_finish(struct custody_files *files) {
    free(files->json);
    free(files->text);
}

void custody_finish(struct custody *custody) {
    free(custody->manifest);
    buffer_finish(&custody->signed_request);
    buffer_finish(&custody->signed_grant);
    buffer_finish(&custody->signed_home);
    buffer_finish(&custody->signed_manifest);
    for (size_t i = 0; i < CUSTODY_PROOFS_MAX; i++) {
        buffer_finish(&custody->proofs[i].leaf);
        buffer_finish(&custody->proofs[i].opening);
        buffer_finish(&custody->proofs[i].checkpoint);
    }
}

/* ---- text ---- */

static char *as_text(const struct custody *custody, const char *name) {
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    if (out == NULL) {
        return NULL;
    }
    (void)fprintf(
        out,
        "CUSTODY CERTIFICATE of %s.mp4\n\n"
        "Made by the requester's own program out of what others signed; the signed bytes\n"
        "are in %s.json. What a line says after '|' is somebody's own word.\n\n",
        name, name);
    print_request(out, &custody->asked);
    print_grant(out, custody);
    print_clip(out, custody);
    print_log(out, custody);
    (void)fprintf(out, "\nWritten by  stoop " STOOP_VERSION "\n");
    print_times(out, "On", now_wall());
    (void)fprintf(
        out,
        "\nTO CHECK IT WITHOUT STOOP, with python3 and openssl: save all that follows as\n"
        "check.py and run 'python3 check.py %s.json'. It checks every signature,\n"
        "the clip, and the log proofs. Whether the keys are whose they are said to be is\n"
        "for you to find out: ask the owners for theirs ('stoop key show').\n\n%s",
        name, check_script);
    bool good = fclose(out) == 0;
    if (!good) {
        free(text);
    }
    return good ? text : NULL;
}

static void print_request(FILE *out, const struct checked_request *asked) {
    const struct request *request = &asked->request;
    const struct instrument *instrument = &request->instrument;
    char safe[SAFE_MAX];
    (void)fprintf(out, "Request     %s, by %s\n", asked->code, safe_text(asked->account, 60, safe));
    if (asked->outside) {
        char outside[OUTSIDE_TEXT_MAX];
        (void)fprintf(out, "            from OUTSIDE: %s\n", outside_text(asked, outside));
    }
    print_times(out, "Asked", request->head.created);
    (void)fprintf(out, "Basis       %s%s\n",
                  instrument->kind == INSTRUMENT_VOLUNTARY ? "" : "claimed: ",
                  instrument_label(instrument->kind));
    const struct {
        const char *label;
        const char *value;
    } fields[] = {{"Court", instrument->court},
                  {"Case", instrument->case_number},
                  {"Statute", instrument->statute},
                  {"Applicant", instrument->applicant_name},
                  {"Agency", instrument->applicant_agency},
                  {"Issued by", instrument->authority_name},
                  {"Reason", request->reason}};
    for (size_t i = 0; i < COUNT_OF(fields); i++) {
        if (fields[i].value[0] != '\0') {
            (void)fprintf(out, "%-9s | %s\n", fields[i].label,
                          safe_text(fields[i].value, 500, safe));
        }
    }
    if (request->document.present) {
        char hex[65];
        hex_write(BYTES_OF(request->document.sha256.b), hex);
        (void)fprintf(out, "Document    SHA-256 %s\n", hex);
    }
}

static void print_grant(FILE *out, const struct custody *custody) {
    const struct grant *grant = &custody->grant;
    char safe[SAFE_MAX];
    (void)fprintf(out, "\nGranted by  %s\n", safe_text(custody->home.name, 60, safe));
    if (custody->home_of[0] != '\0') {
        (void)fprintf(out, "            of the community %s, by treaty\n",
                      safe_text(custody->home_of, 60, safe));
    }
    for (size_t i = 0; i < grant->owner_count; i++) {
        char hex[65];
        hex_write(BYTES_OF(grant->owners[i].b), hex);
        (void)fprintf(out, "Owner       %s, key %s\n",
                      safe_text(owner_name(&custody->home, &grant->owners[i]), 60, safe), hex);
    }
    print_times(out, "Granted", grant->created);
    (void)fprintf(out, "Terms       %s;\n            no face recognition, no passing on\n",
                  safe_text(grant->terms.purpose, 120, safe));
    print_times(out, "Delete by", grant->terms.delete_by);
}

/* What came; where an owner took something away, that, and what the clip was before. */
static void print_clip(FILE *out, const struct custody *custody) {
    const struct manifest *manifest = custody->manifest;
    const struct grant *grant = &custody->grant;
    char safe[SAFE_MAX];
    char hex[65];
    (void)fprintf(out, "\nCamera      %s\n", safe_text(manifest->camera, 60, safe));
    print_times(out, "From", grant->from);
    print_times(out, "To", grant->to);
    (void)fprintf(out, "Times from  %s; the camera's clock was %+d ms off\n",
                  source_texts[manifest->time_source], manifest->clock_offset_ms);
    print_coverage(out, manifest);
    (void)fprintf(out, "Made        %s; %ux%u, %s\n", making_texts[manifest->making],
                  manifest->width, manifest->height, manifest->audio ? "with sound" : "no sound");
    if (grant->edit.present) {
        print_edit(out, grant, manifest);
    }
    hex_write(BYTES_OF(grant->sha256.b), hex);
    (void)fprintf(out, "Size        %llu bytes\nSHA-256     %s\n", (unsigned long long)grant->size,
                  hex);
    print_sources(out, manifest);
}

static void print_edit(FILE *out, const struct grant *grant, const struct manifest *manifest) {
    struct wish wish;
    char text[EDIT_TEXT_MAX];
    char from[INSTANT_TEXT_MAX];
    char to[INSTANT_TEXT_MAX];
    char hex[65];
    wish_start(&wish, manifest, grant);
    instant_utc(manifest->from, from);
    instant_utc(manifest->to, to);
    hex_write(BYTES_OF(manifest->sha256.b), hex);
    (void)fprintf(out, "Edited      by its owners before it went: %s;\n            pictures %s\n",
                  edit_text(&wish, manifest, text),
                  grant->edit.making == CLIP_COPIED ? "not re-encoded" : "re-encoded");
    for (size_t i = 0; i < grant->edit.area_count; i++) {
        const struct edit_area *area = &grant->edit.areas[i];
        (void)fprintf(
            out,
            "            black: %.1f%% to %.1f%% from the left, %.1f%% to %.1f%% from the top\n",
            area->left / 10.0, area->right / 10.0, area->top / 10.0, area->bottom / 10.0);
    }
    (void)fprintf(out, "Before that %s to %s\n            SHA-256 %s, %llu bytes\n", from, to, hex,
                  (unsigned long long)manifest->size);
}

static void print_times(FILE *out, const char *label, struct instant at) {
    char text[TIME_TEXT_MAX];
    time_text(at, text);
    (void)fprintf(out, "%-11s %s\n", label, text);
}

static void print_coverage(FILE *out, const struct manifest *manifest) {
    char from[INSTANT_TEXT_MAX];
    char to[INSTANT_TEXT_MAX];
    char span[32];
    for (size_t i = 0; i < manifest->run_count; i++) {
        const struct clip_run *run = &manifest->runs[i];
        if (i > 0) {
            span_text(run->from.ms - manifest->runs[i - 1].to.ms, span);
            (void)fprintf(out, "            gap of %s\n", span);
        }
        instant_utc(run->from, from);
        instant_utc(run->to, to);
        (void)fprintf(out, "%-11s %s to %s\n", i == 0 ? "Coverage" : "", from, to);
    }
}

static void print_sources(FILE *out, const struct manifest *manifest) {
    char from[INSTANT_TEXT_MAX];
    char hex[65] = "";
    for (size_t i = 0; i < manifest->source_count; i++) {
        instant_utc(manifest->sources[i].from, from);
        hex_write(BYTES_OF(manifest->sources[i].sha256.b), hex);
        (void)fprintf(out, "%-11s %s %s\n", i == 0 ? "Files" : "", hex, from);
    }
}

static void print_log(FILE *out, const struct custody *custody) {
    (void)fprintf(out, "\nLog key     %s\n", custody->log_key);
    for (size_t i = 0; i < custody->proof_count && i < CUSTODY_PROOFS_MAX; i++) {
        const struct custody_proof *proof = &custody->proofs[i];
        char leaf[512];
        char safe[SAFE_MAX];
        (void)snprintf(leaf, sizeof leaf, "%.*s", (int)proof->leaf.len,
                       (const char *)proof->leaf.at);
        (void)fprintf(out, "Log entry   %s: %llu of %llu, proof in the JSON\n            %s\n",
                      proof_names[i], (unsigned long long)proof->index,
                      (unsigned long long)proof->size, safe_text(leaf, sizeof leaf, safe));
    }
    if (custody->proof_count < CUSTODY_PROOFS_MAX) {
        (void)fprintf(out,
                      "            the clip's arrival waits for its slot: collect once more\n");
    }
}

static const char *owner_name(const struct member *home, const struct sign_public *key) {
    for (size_t i = 0; i < home->owner_count; i++) {
        if (sign_public_equal(&home->owners[i].sign, key)) {
            return home->owner_names[i];
        }
    }
    return "?"; /* the grant was checked against this certificate */
}

/* ---- JSON ---- */

static json_t *as_json(const struct custody *custody) {
    json_t *root = json_object();
    add_text(root, "kind", "stoop custody certificate v1");
    add_text(root, "written_by", "stoop " STOOP_VERSION);
    add_time(root, "written_at", now_wall());
    add_request(root, &custody->asked);
    add_grant(root, custody);
    add_clip(root, custody);
    (void)json_object_set_new(root, "signed", signed_json(custody));
    add_text(root, "log_key", custody->log_key);
    (void)json_object_set_new(root, "log_proofs", proofs_json(custody));
    return root;
}

static void add_request(json_t *root, const struct checked_request *asked) {
    const struct request *request = &asked->request;
    add_text(root, "request_code", asked->code);
    add_hex(root, "request", BYTES_OF(asked->id.b));
    add_text(root, "requester", asked->account);
    if (asked->outside) {
        (void)json_object_set_new(root, "outside", json_true());
        add_text(root, "officer", asked->author.role == MEMBER_OFFICER ? asked->author.name : "");
    }
    add_time(root, "requested_at", request->head.created);
    add_text(root, "instrument", instrument_word(request->instrument.kind));
    add_text(root, "case", request->instrument.case_number);
    (void)json_object_set_new(root, "claims", instrument_json(&request->instrument));
    add_text(root, "reason", request->reason);
    if (request->document.present) {
        add_hex(root, "document_sha256", BYTES_OF(request->document.sha256.b));
    }
}

static void add_grant(json_t *root, const struct custody *custody) {
    add_text(root, "home", custody->home.name);
    if (custody->home_of[0] != '\0') {
        add_text(root, "home_community", custody->home_of);
    }
    add_hex(root, "home_certificate", BYTES_OF(custody->grant.home.b));
    add_hex(root, "home_log_key", BYTES_OF(custody->home.log.b));
    (void)json_object_set_new(root, "owners", owners_json(custody));
    add_time(root, "granted_at", custody->grant.created);
    add_text(root, "purpose", custody->grant.terms.purpose);
    add_time(root, "delete_by", custody->grant.terms.delete_by);
}

static void add_clip(json_t *root, const struct custody *custody) {
    const struct manifest *manifest = custody->manifest;
    const struct grant *grant = &custody->grant;
    add_text(root, "camera", manifest->camera);
    add_time(root, "from", grant->from);
    add_time(root, "to", grant->to);
    (void)json_object_set_new(root, "coverage", runs_json(manifest->runs, manifest->run_count));
    (void)json_object_set_new(root, "gaps", gaps_json(manifest));
    add_text(root, "times_from", source_texts[manifest->time_source]);
    (void)json_object_set_new(root, "clock_offset_ms", json_integer(manifest->clock_offset_ms));
    add_text(root, "making", making_words[manifest->making]);
    add_number(root, "width", manifest->width);
    add_number(root, "height", manifest->height);
    (void)json_object_set_new(root, "audio",
                              json_boolean(manifest->audio && !grant->edit.audio_removed));
    add_number(root, "size", grant->size);
    add_hex(root, "sha256", BYTES_OF(grant->sha256.b));
    add_number(root, "payload_size", grant->payload_size);
    add_hex(root, "payload_root", BYTES_OF(grant->payload_root.b));
    if (grant->edit.present) {
        (void)json_object_set_new(root, "edit", edit_json(grant, manifest));
    }
    (void)json_object_set_new(root, "sources", sources_json(manifest));
}

/* What was taken away, and what the clip was before. */
static json_t *edit_json(const struct grant *grant, const struct manifest *manifest) {
    json_t *edit = json_object();
    json_t *areas = json_array();
    for (size_t i = 0; i < grant->edit.area_count; i++) {
        const struct edit_area *area = &grant->edit.areas[i];
        json_t *one = json_object();
        add_number(one, "left", area->left);
        add_number(one, "top", area->top);
        add_number(one, "right", area->right);
        add_number(one, "bottom", area->bottom);
        (void)json_array_append_new(areas, one);
    }
    (void)json_object_set_new(edit, "audio_removed", json_boolean(grant->edit.audio_removed));
    (void)json_object_set_new(edit, "black_per_mille", areas);
    add_text(edit, "making", making_words[grant->edit.making]);
    add_time(edit, "clip_from", manifest->from);
    add_time(edit, "clip_to", manifest->to);
    add_number(edit, "clip_size", manifest->size);
    add_hex(edit, "clip_sha256", BYTES_OF(manifest->sha256.b));
    return edit;
}

static json_t *owners_json(const struct custody *custody) {
    json_t *owners = json_array();
    for (size_t i = 0; i < custody->grant.owner_count; i++) {
        json_t *owner = json_object();
        add_text(owner, "name", owner_name(&custody->home, &custody->grant.owners[i]));
        add_hex(owner, "key", BYTES_OF(custody->grant.owners[i].b));
        (void)json_array_append_new(owners, owner);
    }
    return owners;
}

static json_t *runs_json(const struct clip_run *runs, size_t count) {
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) {
        json_t *run = json_object();
        add_time(run, "from", runs[i].from);
        add_time(run, "to", runs[i].to);
        (void)json_array_append_new(list, run);
    }
    return list;
}

static json_t *gaps_json(const struct manifest *manifest) {
    json_t *list = json_array();
    for (size_t i = 1; i < manifest->run_count; i++) {
        json_t *gap = json_object();
        add_time(gap, "from", manifest->runs[i - 1].to);
        add_time(gap, "to", manifest->runs[i].from);
        (void)json_array_append_new(list, gap);
    }
    return list;
}

static json_t *sources_json(const struct manifest *manifest) {
    json_t *list = json_array();
    for (size_t i = 0; i < manifest->source_count; i++) {
        json_t *source = json_object();
        add_hex(source, "sha256", BYTES_OF(manifest->sources[i].sha256.b));
        add_time(source, "from", manifest->sources[i].from);
        add_time(source, "to", manifest->sources[i].to);
        (void)json_array_append_new(list, source);
    }
    return list;
}

/* What the request says of its legal process: its word. */
static json_t *instrument_json(const struct instrument *instrument) {
    json_t *claims = json_object();
    add_filled(claims, "jurisdiction", instrument->jurisdiction);
    add_filled(claims, "court", instrument->court);
    add_filled(claims, "statute", instrument->statute);
    add_filled(claims, "offence", instrument->offence);
    add_filled(claims, "applicant_name", instrument->applicant_name);
    add_filled(claims, "applicant_agency", instrument->applicant_agency);
    add_filled(claims, "applicant_badge", instrument->applicant_badge);
    add_filled(claims, "authority_name", instrument->authority_name);
    add_filled(claims, "authority_title", instrument->authority_title);
    add_filled(claims, "items", instrument->items);
    add_filled(claims, "produce_to", instrument->produce_to);
    if (instrument->issued_at.ms > 0) {
        add_time(claims, "issued_at", instrument->issued_at);
    }
    if (instrument->execute_by.ms > 0) {
        add_time(claims, "execute_by", instrument->execute_by);
    }
    return claims;
}

static json_t *proofs_json(const struct custody *custody) {
    json_t *proofs = json_array();
    for (size_t i = 0; i < custody->proof_count && i < CUSTODY_PROOFS_MAX; i++) {
        (void)json_array_append_new(proofs, proof_json(&custody->proofs[i], proof_names[i]));
    }
    return proofs;
}

static json_t *proof_json(const struct custody_proof *proof, const char *what) {
    json_t *object = json_object();
    json_t *hashes = json_array();
    add_text(object, "what", what);
    add_number(object, "index", proof->index);
    add_number(object, "size", proof->size);
    add_string(object, "leaf", buffer_bytes(&proof->leaf));
    for (size_t i = 0; i < proof->count; i++) {
        char hex[65];
        hex_write(BYTES_OF(proof->hashes[i].b), hex);
        (void)json_array_append_new(hashes, json_string(hex));
    }
    (void)json_object_set_new(object, "hashes", hashes);
    add_string(object, "checkpoint", buffer_bytes(&proof->checkpoint));
    if (proof->opening.len > 0) {
        add_base64(object, "opening", buffer_bytes(&proof->opening));
    }
    return object;
}

static json_t *signed_json(const struct custody *custody) {
    const struct {
        const char *name;
        const struct buffer *bytes;
    } parts[] = {{"request", &custody->signed_request},
                 {"home", &custody->signed_home},
                 {"manifest", &custody->signed_manifest},
                 {"grant", &custody->signed_grant}};
    json_t *envelopes = json_object();
    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        (void)json_object_set_new(envelopes, parts[i].name,
                                  envelope_json(buffer_bytes(parts[i].bytes)));
    }
    return envelopes;
}

/* A DSSE envelope as other tools read it; keyid is the Ed25519 public key in hex. */
static json_t *envelope_json(struct bytes encoded) {
    struct signed_object object;
    json_t *envelope = json_object();
    json_t *signatures = json_array();
    if (signed_decode(encoded, &object) != ERR_OK) {
        object.count = 0; /* cannot be: it was checked */
        object.type[0] = '\0';
        object.body = (struct bytes){NULL, 0};
    }
    add_text(envelope, "payloadType", object.type);
    add_base64(envelope, "payload", object.body);
    for (size_t i = 0; i < object.count; i++) {
        json_t *one = json_object();
        add_hex(one, "keyid", BYTES_OF(object.signatures[i].key.b));
        add_base64(one, "sig", BYTES_OF(object.signatures[i].signature.b));
        (void)json_array_append_new(signatures, one);
    }
    (void)json_object_set_new(envelope, "signatures", signatures);
    return envelope;
}

static void add_text(json_t *object, const char *key, const char *value) {
    (void)json_object_set_new(object, key, json_string(value));
}

static void add_filled(json_t *object, const char *key, const char *value) {
    if (*value != '\0') {
        add_text(object, key, value);
    }
}

static void add_number(json_t *object, const char *key, uint64_t value) {
    (void)json_object_set_new(object, key, json_integer((json_int_t)value));
}

static void add_hex(json_t *object, const char *key, struct bytes value) {
    char hex[129];
    hex_write(value, hex);
    add_text(object, key, hex);
}

static void add_time(json_t *object, const char *key, struct instant at) {
    char text[INSTANT_TEXT_MAX];
    instant_utc(at, text);
    add_text(object, key, text);
}

static void add_base64(json_t *object, const char *key, struct bytes value) {
    char *text = malloc(BASE64_ROOM(value.len));
    if (text != NULL) {
        base64_write(value, text);
        add_text(object, key, text);
        free(text);
    }
}

static void add_string(json_t *object, const char *key, struct bytes value) {
    (void)json_object_set_new(object, key, json_stringn((const char *)value.at, value.len));
}
