#include "cli/cli.h"

/* The node is not believed: chain, signature and code are worked out again from the signed bytes.
 */
enum err check_request(const struct control_reply *reply, const struct id *community,
                       struct instant now, struct checked_request *out) {
    struct signed_object object;
    struct signed_object leaf;
    bool owner = false;
    enum err err = signed_decode(reply->as.request.request, &object);
    if (err == ERR_OK) {
        err = request_decode(object.body, &out->request);
    }
    if (err == ERR_OK) {
        err = chain_verify(community, reply->as.request.charter, reply->as.request.chain,
                           reply->as.request.chain_count, now, &out->charter, &out->author);
    }
    if (err == ERR_OK) {
        err = signed_decode(reply->as.request.chain[reply->as.request.chain_count - 1], &leaf);
    }
    for (size_t i = 0; err == ERR_OK && i < out->author.owner_count; i++) {
        owner |= signed_by(&object, &out->author.owners[i].sign);
    }
    if (err == ERR_OK && (!owner || !id_equal(&leaf.id, &out->request.head.author) ||
                          !id_equal(&out->request.head.community, community))) {
        err = ERR_PEER_SIGNATURE;
    }
    out->sponsor[0] = '\0';
    if (err == ERR_OK && reply->as.request.chain_count > 1) {
        struct member sponsor;
        struct bytes above = reply->as.request.chain[reply->as.request.chain_count - 2];
        if (signed_decode(above, &leaf) == ERR_OK &&
            member_decode(leaf.body, &sponsor) == ERR_OK) { /* chain_verify() has checked it */
            (void)snprintf(out->sponsor, sizeof out->sponsor, "%s", sponsor.name);
        }
    }
    if (err == ERR_OK) {
        out->id = object.id;
        request_code(&object.id, out->code);
        out->ours = reply->as.request.ours;
        out->document_here = reply->as.request.document_here;
        out->seal_here = reply->as.request.seal_here;
        out->document_is_other = false;
        out->seal = (struct seal_outcome){.checked = false};
        authorities_keep(&out->charter, &out->authorities);
        out->charter.authority_count = 0;
        out->open_clips = reply->as.request.open_clips;
        out->log_index = reply->as.request.log_index;
    }
    return err;
}

void checked_law(const struct checked_request *asked, struct instant now,
                 struct legal_report *out) {
    const struct legal_evidence evidence = {.document_here = asked->document_here,
                                            .seal = seal_evidence(&asked->seal)};
    legal_check_evidence(&asked->request, &asked->charter.caps, now, &evidence, out);
}
