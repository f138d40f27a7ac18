/* The one error type of the program. The first word says who must act:
 *
 *   PEER  a peer or file broke the format or its word: score or drop it
 *   USER  told to the person at the keyboard
 *   DENY  policy doing its work
 *   FULL  a bound was reached: shed load, try later
 *   HOST  this computer failed: retry or stop
 *
 * There is no code for a fault of our own: that is an ASSERT. */
#ifndef NODE_BASE_ERR_H
#define NODE_BASE_ERR_H

#include <stdbool.h>

#include "node/base/attr.h"

#define ERR_TABLE(X)                                                                               \
    X(ERR_OK, "done")                                                                              \
    X(ERR_PEER_MALFORMED, "message breaks the wire format")                                        \
    X(ERR_PEER_BOUNDS, "message is outside its bounds")                                            \
    X(ERR_PEER_SIGNATURE, "signature does not verify")                                             \
    X(ERR_PEER_CERTIFICATE, "certificate does not lead back to the charter")                       \
    X(ERR_PEER_UNKNOWN, "it refers to something this node does not know")                          \
    X(ERR_PEER_REPEATED, "it was already made")                                                    \
    X(ERR_PEER_RULE, "request breaks a rule of legal process")                                     \
    X(ERR_PEER_TRUNCATED, "it ended too early")                                                    \
    X(ERR_PEER_TREE, "piece does not belong to the granted clip")                                  \
    X(ERR_PEER_SEQUENCE, "message came out of turn")                                               \
    X(ERR_PEER_HANDSHAKE, "handshake failed")                                                      \
    X(ERR_USER_SYNTAX, "it is not written as expected")                                            \
    X(ERR_USER_NO_PROMPT, "no open prompt has that number")                                        \
    X(ERR_USER_NO_REQUEST, "no open request has that code")                                        \
    X(ERR_USER_NO_COMMUNITY, "this home belongs to no community yet")                              \
    X(ERR_USER_NO_CLIP, "no clip has that number")                                                 \
    X(ERR_USER_WRONG_KEY, "this key does not open it")                                             \
    X(ERR_USER_EXISTS, "it exists already")                                                        \
    X(ERR_USER_NOT_OWNER, "the signature is not by an owner of this home")                         \
    X(ERR_USER_TIME, "no such time, or an ambiguous one")                                          \
    X(ERR_USER_PLACE, "no such place on earth")                                                    \
    X(ERR_USER_MEDIA, "not a video that can be read")                                              \
    X(ERR_USER_INVITE, "the invite is not valid, was used or has expired")                         \
    X(ERR_USER_WORDS, "the words did not match; the code is burned, make a new one")               \
    X(ERR_USER_NO_ANSWER, "the other home did not answer in time")                                 \
    X(ERR_USER_NOT_FOUND, "not found")                                                             \
    X(ERR_DENY_EXPIRED, "it has expired")                                                          \
    X(ERR_DENY_TIME, "its time is not acceptable now")                                             \
    X(ERR_DENY_CAP, "it is over a cap of the charter")                                             \
    X(ERR_DENY_ROLE, "its author's role does not allow it")                                        \
    X(ERR_DENY_QUOTA, "its author has too many live ones")                                         \
    X(ERR_DENY_INCOMPLETE, "not every owner has signed")                                           \
    X(ERR_DENY_PIN, "it disagrees with what was pinned at init")                                   \
    X(ERR_DENY_CAMERAS, "this home lets no camera be asked for there")                             \
    X(ERR_DENY_OTHERS, "it amends another one's request")                                          \
    X(ERR_DENY_CHARTER, "the charter as it is now does not allow it, or another act came first")   \
    X(ERR_DENY_REMOVED, "its author is no member any more")                                        \
    X(ERR_DENY_TREATY, "no treaty in force allows it")                                             \
    X(ERR_DENY_SUSPENDED, "administrators have suspended it, or its time is over")                 \
    X(ERR_FULL_PROMPTS, "too many prompts are open")                                               \
    X(ERR_FULL_TABLE, "a table is full")                                                           \
    X(ERR_FULL_QUEUE, "a queue is full")                                                           \
    X(ERR_FULL_BUFFER, "it does not fit")                                                          \
    X(ERR_FULL_LINKS, "too many links are open")                                                   \
    X(ERR_FULL_DISK, "this computer's disk is full")                                               \
    X(ERR_HOST_MEMORY, "this computer is out of memory")                                           \
    X(ERR_HOST_DISK, "this computer's disk failed or is full")                                     \
    X(ERR_HOST_DATABASE, "the database failed")                                                    \
    X(ERR_HOST_SCHEMA, "the database was written by another version")                              \
    X(ERR_HOST_LOCKED, "another node runs on this folder")                                         \
    X(ERR_HOST_NETWORK, "the network failed")                                                      \
    X(ERR_HOST_PERMISSION, "permission denied")                                                    \
    X(ERR_HOST_WALLS, "the walls could not be raised")                                             \
    X(ERR_HOST_CHILD, "a helper program failed")

enum err {
#define X(code, text) code,
    ERR_TABLE(X)
#undef X
};

const char *err_text(enum err err); /* static, lower case, no full stop */
const char *err_name(enum err err); /* static, "ERR_..." for journal and tests */
bool err_is_peers(enum err err);    /* one of ERR_PEER_...: whoever sent it is at fault */

#endif
