/* The node of a fake home: answers at the control socket, lies as it was told, and writes down what
 * `stoop` sends. */
#ifndef TESTS_SUPPORT_FAKE_NODE_H
#define TESTS_SUPPORT_FAKE_NODE_H

#include "tests/support/fake_home.h"

#define FAKE_DOCUMENT "Search warrant, by order of the court" /* what the request names */

/* A thread of its own, until the listener is shut down; `context` is the fake_home. NULL. */
void *fake_node_serve(void *context);
/* That of the pieces of a payload, 16 at most. */
void fake_payload_root(struct bytes payload, struct id *out);

#endif
