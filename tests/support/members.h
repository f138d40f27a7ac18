/* A table of members for tests that drive the overlay alone: member n has the id whose first four
 * bytes are n, big-endian, so that smaller numbers have smaller ids. */
#ifndef TESTS_SUPPORT_MEMBERS_H
#define TESTS_SUPPORT_MEMBERS_H

#include "node/overlay/overlay.h"

struct id members_id(peer_no peer);
/* ASSERTs that there is memory. */
struct overlay *members_overlay(peer_no self);

#endif
